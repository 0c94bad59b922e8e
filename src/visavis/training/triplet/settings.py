"""The settings of the triplet recipe."""

import math
from dataclasses import dataclass, field
from typing import Literal

from visavis.errors import UsageError
from visavis.training.data.splits import By
from visavis.training.settings import METRICS, WIDEST, Metric, NetworkShape, Rates

Loss = Literal["triplet", "multi-similarity", "arcface"]
LOSSES: tuple[Loss, ...] = ("triplet", "multi-similarity", "arcface")
Mining = Literal["semihard", "hard", "all"]
MININGS: tuple[Mining, ...] = ("semihard", "hard", "all")

_MARGIN = 0.2


@dataclass(frozen=True, slots=True)
class LossSettings:
    """Which loss, and with what. Raises UsageError for names and combinations there are not."""

    loss: Loss = "triplet"
    metric: Metric = "cosine"
    mining: Mining = "semihard"  # which triplets of a batch count; for the triplet loss alone
    margin: float = _MARGIN  # ε of the triplet loss alone, in units of the metric

    def __post_init__(self) -> None:
        for name, value, known in (
            ("--loss", self.loss, LOSSES),
            ("--metric", self.metric, METRICS),
            ("--mining", self.mining, MININGS),
        ):
            if value not in known:
                raise UsageError(f"{name} is one of {', '.join(known)}, not {value!r}")
        if not 0 < self.margin < math.inf:
            raise UsageError(f"--margin must be a number above 0, not {self.margin:g}")
        if self.loss != "triplet" and self.metric != "cosine":
            raise UsageError(
                f"--metric {self.metric} is for --loss triplet; {self.loss} has cosine"
            )
        if self.loss != "triplet" and self.mining != "semihard":
            raise UsageError(f"--mining is for --loss triplet; {self.loss} chooses by itself")
        if self.loss != "triplet" and self.margin != _MARGIN:
            raise UsageError(f"--margin is for --loss triplet; {self.loss} has its own constants")


@dataclass(frozen=True, slots=True)
class TripletSettings:
    """Everything that shapes the result, besides the base and the pictures."""

    loss: LossSettings = field(default_factory=LossSettings)
    layers: tuple[int, ...] = (512, 512, 0)  # of the head, the last one the embedding's width;
    # 0: as wide as its input, since each direction that is left out costs on labels never seen
    straight: bool = True  # whether a linear path beside the dense layers starts from the base
    pixels: bool = False  # a shallow branch on the pixels beside the base
    unfreeze: bool = False  # a base of its own, from chance, is trained as well
    shape: NetworkShape = field(default_factory=NetworkShape)  # of this base
    side: int = 128  # pixels that it looks at
    p: int = 16  # labels in a batch
    k: int = 4  # pictures of each
    rates: Rates = field(default_factory=lambda: Rates(rate=1e-4))  # a head begins near its end
    across: str | None = None  # a field: pictures of a label that differ in it are to be found
    split: By = "auto"  # whole labels are kept for validation where there are enough, or pictures
    validation: float = 0.2  # share of them

    def __post_init__(self) -> None:
        inner = self.layers[:-1] or (1,)
        if not self.layers or min(*inner, self.layers[-1] + 1) < 1 or max(self.layers) > WIDEST:
            raise UsageError(
                f"--layers wants whole numbers from 1 to {WIDEST:,} joined by commas, the last may "
                "be 0: 512,512,0"
            )
        if self.p < 2 or self.k < 2:
            raise UsageError("a batch needs 2 labels (-p) and 2 pictures of each (-k) at least")
        if not 0 <= self.validation <= 0.9:
            raise UsageError(f"--validation is a share from 0 to 0.9, not {self.validation:g}")
        if self.split not in ("auto", "label", "image"):
            raise UsageError(f"--split is one of auto, label, image, not {self.split!r}")
