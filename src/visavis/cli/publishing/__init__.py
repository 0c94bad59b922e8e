"""Commands that make pages of an index for others to look at."""
