"""`visavis list`, and the order of what is listed."""
