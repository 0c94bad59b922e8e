"""Embedders: pictures (and words) to vectors."""
