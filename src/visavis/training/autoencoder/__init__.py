"""A network that learns pictures by heart and back, without labels."""
