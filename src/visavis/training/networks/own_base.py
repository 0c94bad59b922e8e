"""A base that is trained end to end, from chance."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from visavis.embedders.spec import PreprocessSpec
from visavis.errors import UsageError
from visavis.training.networks.residual import Shape, body

STEP = 32
"""Sides of pictures are multiples of it."""


class OwnBase(nn.Module):
    """A residual network whose embedding is a unit vector: (n, 3, side, side) to (n, dim)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.dim = shape.dim
        self.body = body(shape)
        self.embedding = nn.Linear(shape.widths[-1], shape.dim)

    def forward(self, x: Tensor) -> Tensor:
        """Pictures are in -1…1."""
        pooled = functional.adaptive_avg_pool2d(self.body(x), 1).flatten(1)
        return functional.normalize(self.embedding(pooled))


def new_base(shape: Shape, seed: int) -> OwnBase:
    """Weights drawn by the seed; what else is drawn from torch's generator stays the same."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return OwnBase(shape)


def pictures_of(side: int) -> PreprocessSpec:
    """How pictures are made for it. Raises UsageError for sides that it cannot have."""
    if side < STEP or side % STEP:
        raise UsageError(f"--size must be a multiple of {STEP}, not {side}")
    return PreprocessSpec(size=side, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
