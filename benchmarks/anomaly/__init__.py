"""How well rows that are unlike the others are told apart, as tables for the documents."""
