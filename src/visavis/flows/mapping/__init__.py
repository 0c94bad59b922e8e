"""The map of a collection: where its images lie, and what its regions are called."""
