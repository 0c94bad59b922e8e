"""The records' own text as SQLite keeps and searches it (FTS5)."""
