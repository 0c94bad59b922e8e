"""Images: bytes to upright pixels, and where images come from."""
