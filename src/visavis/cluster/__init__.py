"""Indexing on the machines of a Ray cluster; the only part of visavis that imports Ray."""
