"""Files larger than memory, scored row by row: the `vae-score` command."""
