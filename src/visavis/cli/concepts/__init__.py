"""`visavis concept`."""
