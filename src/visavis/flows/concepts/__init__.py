"""Concepts: what people mean, learned from the records that they have marked."""
