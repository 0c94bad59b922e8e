"""Training: the only code of visavis that imports torch.

A recipe is a frozen dataclass of settings and a function that reads from top to bottom: data,
network, loss, loop, export. Its output is a model folder that the engine loads like any other.
"""
