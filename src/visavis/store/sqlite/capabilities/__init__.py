"""What SQLite can do besides keeping and finding vectors: see `visavis.store.capabilities`."""
