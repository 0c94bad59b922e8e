"""Are these two the same picture? What the pixels say of a pair; nothing here knows an index."""
