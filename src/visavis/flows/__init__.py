"""What an index does: indexing, searching, tagging, made of sources, models and stores."""
