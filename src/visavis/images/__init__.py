"""Images: bytes to upright pixels."""
