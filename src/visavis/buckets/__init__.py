"""Object storage: what lies at s3:// and gs://, and files wherever they lie."""
