"""Concepts over HTTP: their marks, and what these come to."""
