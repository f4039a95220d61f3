"""Names, versions, aliases; the only code that touches storage."""
