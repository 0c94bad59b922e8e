"""Duplicates over HTTP: a scan in the background, its groups, decisions and plans."""
