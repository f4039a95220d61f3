"""Bytes to tensors and back, one file per media type."""
