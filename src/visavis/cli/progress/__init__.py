"""What long work shows on standard error: how far, how fast, until when."""
