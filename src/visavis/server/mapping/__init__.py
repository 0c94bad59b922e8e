"""The map of what is served: made beside the requests."""
