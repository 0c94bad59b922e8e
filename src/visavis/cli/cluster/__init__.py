"""What `visavis index --ray` adds to indexing."""
