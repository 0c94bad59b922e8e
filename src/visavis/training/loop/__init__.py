"""How a training runs: epochs, checkpoints, curves, and the model folder at its end."""
