"""Pictures in object storage: s3:// and gs://."""
