"""Vectors of parts of a picture, from one look at all of it where a model's network allows that."""
