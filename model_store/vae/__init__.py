"""The statistics of a variational autoencoder: pure functions and modules of tensors."""
