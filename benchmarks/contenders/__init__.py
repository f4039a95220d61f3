"""Other model servers, each serving the naive route's arithmetic under the same path."""
