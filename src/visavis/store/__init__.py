"""The store: records and vectors, kept and searched.

`SqliteStore` is the store of one machine: SQLite holds the truth, caches beside it make it quick.
"""
