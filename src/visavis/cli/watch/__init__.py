"""`visavis watch`."""
