"""A base that is trained end to end, from chance."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from visavis.embedders.spec import PreprocessSpec
from visavis.errors import UsageError
from visavis.training.networks.residual import body
from visavis.training.settings import LARGEST_SIDE, NetworkShape

STEP = 32
"""Sides of pictures are multiples of it."""


class OwnBase(nn.Module):
    """A residual network whose embedding is a unit vector: (n, 3, side, side) to (n, dim)."""

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        self.dim = shape.dim
        self.body = body(shape)
        self.embedding = nn.Linear(shape.widths[-1], shape.dim)

    def forward(self, x: Tensor) -> Tensor:
        """Pictures are in -1…1."""
        pooled = functional.adaptive_avg_pool2d(self.body(x), 1).flatten(1)
        return functional.normalize(self.embedding(pooled))


@dataclass(frozen=True, slots=True, eq=False)
class FreshBase:
    """Such a network before it has learned, with the pictures that it looks at: a `Base`."""

    learns: OwnBase
    preprocess: PreprocessSpec
    dim: int
    license: str = ""
    facts: Mapping[str, str] = field(default_factory=lambda: {"name": "a network from scratch"})


def fresh_base(shape: NetworkShape, side: int, seed: int) -> FreshBase:
    """Weights drawn by the seed; what else is drawn from torch's generator stays the same.

    Raises UsageError for sides of pictures that it cannot have.
    """
    if not STEP <= side <= LARGEST_SIDE or side % STEP:
        raise UsageError(
            f"--size must be a multiple of {STEP}, at most {LARGEST_SIDE:,}, not {side}"
        )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = OwnBase(shape)
    pictures = PreprocessSpec(size=side, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    return FreshBase(network, pictures, shape.dim)
