"""A collection as a static site: pages that need no server, and no visavis."""
