"""The VAE service over HTTP."""
