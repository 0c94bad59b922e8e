"""Processes beside those that serve."""
