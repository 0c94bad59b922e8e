"""`visavis train`: one command for each kind of training."""
