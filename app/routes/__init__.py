"""One file per resource; a route decodes, awaits, encodes."""
