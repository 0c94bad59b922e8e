"""The store of a local index: one SQLite file, and caches beside it."""
