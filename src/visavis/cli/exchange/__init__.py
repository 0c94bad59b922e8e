"""The commands that take records and vectors away and bring them in."""
