"""This service as a client sees it, against servers that do less, or the same in other ways."""
