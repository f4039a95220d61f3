"""Offline training: data in, a published checkpoint out."""
