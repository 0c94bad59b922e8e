"""Before a request is a request: connections, limits, keys, and who may come in."""
