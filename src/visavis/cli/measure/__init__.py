"""`visavis evaluate` and `visavis compare`: how well a model finds, in figures and to look at."""
