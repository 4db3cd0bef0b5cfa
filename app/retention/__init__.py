"""Citizens' words and names have an end: after the term, or when a citizen asks for it (152-ФЗ, ст. 5, 14, 21)."""
