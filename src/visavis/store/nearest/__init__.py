"""Ranking vectors: codes, an approximate index and what both make of a question; no SQL."""
