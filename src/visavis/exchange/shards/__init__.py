"""Shards: Parquet files that indexing writes instead of an index, and that any index takes in."""
