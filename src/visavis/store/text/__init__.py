"""Words of the records' own text, and rankings fused; no SQL."""
