"""What several recipes let people choose. Nothing here imports torch: mistakes are reported before
is loaded.
"""

import math
from dataclasses import dataclass
from typing import Literal

from visavis.errors import UsageError

Metric = Literal["cosine", "euclidean", "manhattan", "chi2"]
METRICS: tuple[Metric, ...] = ("cosine", "euclidean", "manhattan", "chi2")
Precision = Literal["auto", "32", "bf16"]


LARGEST_SIDE = 1024
"""Pixels of the pictures that a network from scratch looks at."""

WIDEST = 65_536
"""Of a layer of a head."""

_MOST_THREADS = 1024


@dataclass(frozen=True, slots=True)
class NetworkShape:
    """The size of a network; the default takes 0.33 G multiplications at 128 × 128."""

    stem: int = 32  # channels of the first convolution, at half resolution
    widths: tuple[int, ...] = (48, 96, 192, 288)  # channels at 1/4, 1/8, 1/16 and 1/32
    depths: tuple[int, ...] = (1, 2, 3, 2)  # residual blocks of each
    dim: int = 192  # of the embedding


@dataclass(frozen=True, slots=True)
class Rates:
    """How the weights follow their gradients: AdamW, whose rate falls along half a cosine.

    Raises UsageError for rates that no training can follow.
    """

    rate: float = 1e-3  # at its highest
    decay: float = 1e-4  # weight decay of matrices; vectors have none
    warmup: float = 0.02  # part of the training until the rate is reached
    loss: float = 1e-2  # at its highest, of what a loss itself learns, which begins by chance

    def __post_init__(self) -> None:
        if not 0 < self.rate < math.inf:
            raise UsageError(f"--rate must be a number above 0, not {self.rate:g}")
        for name, value in (("decay", self.decay), ("loss", self.loss)):
            if not 0 <= value < math.inf:
                raise UsageError(f"the rates' {name} must be 0 or more, not {value:g}")
        if not 0 <= self.warmup <= 1:
            raise UsageError(f"the rates' warmup is a share from 0 to 1, not {self.warmup:g}")


@dataclass(frozen=True, slots=True)
class LoopSettings:
    """How long, on what, and how exactly; none of it belongs to a recipe alone."""

    epochs: int = 30
    patience: int = 10  # epochs without a better validation figure until the training ends
    seed: int = 0
    precision: Precision = "auto"  # bf16 where the machine computes with it, and nets gain by it
    device: str = "auto"  # Lightning's accelerator: cpu, cuda, mps
    devices: int = 1  # of this machine; 0: all that are there
    nodes: int = 1  # machines, each of which runs the same command (torchrun)
    threads: int = 0  # of the CPU; 0: as many as torch takes

    def __post_init__(self) -> None:
        if self.precision not in ("auto", "32", "bf16"):
            raise UsageError(f"--precision is one of auto, 32, bf16, not {self.precision!r}")
        for name, value, least in (
            ("--epochs", self.epochs, 1),
            ("--patience", self.patience, 1),
            ("--seed", self.seed, 0),
            ("--devices", self.devices, 0),
            ("--nodes", self.nodes, 1),
        ):
            if value < least:
                raise UsageError(f"{name} must be {least} or more, not {value}")
        if not 0 <= self.threads <= _MOST_THREADS:
            raise UsageError(f"--threads is from 0 to {_MOST_THREADS:,}, not {self.threads}")
        if self.seed >= 2**32:
            raise UsageError(f"--seed must be below 4,294,967,296 (2^32), not {self.seed}")
