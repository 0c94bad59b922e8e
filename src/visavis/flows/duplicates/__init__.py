"""Duplicates in an index: found, decided on, and set aside by a plan that can be undone."""
