"""The settings of the joint recipe."""

import math
from dataclasses import dataclass, field
from typing import Literal, get_args

from visavis.errors import UsageError
from visavis.training.loop.learner import Rates

JointLoss = Literal["cosine", "hinge-rank"]
LOSSES: tuple[JointLoss, ...] = get_args(JointLoss)

KEPT = 100_000
_MARGIN = 0.1


@dataclass(frozen=True, slots=True)
class JointSettings:
    """Everything that shapes the result, besides the base, the words and the pictures."""

    loss: JointLoss = "cosine"
    margin: float = _MARGIN  # of the hinge-rank loss, as in Frome et al.
    hidden: tuple[int, ...] = (2000,)  # widths of the head's dense layers
    straight: float = 1.0  # weight of the ridge regression beside them; 0: none
    captions: float = 0.2  # how much captions count, labels the rest, where there are both
    spread: float = 1.0  # how far the words of the training are turned apart, 0 to 1 (Turn)
    keep: int = KEPT  # the commonest words that can be asked for, besides those of the training
    views: int = 6  # ways in which each picture is looked at: whole, mirrored, in parts
    batch: int = 64
    rates: Rates = field(default_factory=lambda: Rates(decay=1e-2))
    validation: float = 0.2  # share of the pictures

    def __post_init__(self) -> None:
        self._check_loss()
        if not self.hidden or any(not 1 <= width <= 65536 for width in self.hidden):
            raise UsageError("--hidden wants whole numbers from 1 joined by commas: 2000")
        for option, share in (("--caption-weight", self.captions), ("--spread", self.spread)):
            if not 0 <= share <= 1:
                raise UsageError(f"{option} is from 0 to 1, not {share:g}")
        for option, number in (("--keep", self.keep), ("--views", self.views)):
            if number < 1:
                raise UsageError(f"{option} must be 1 or more, not {number}")
        if self.batch < 2:
            raise UsageError(f"--batch must be 2 or more, not {self.batch}")
        if not 0 <= self.validation <= 0.9:
            raise UsageError(f"--validation is a share from 0 to 0.9, not {self.validation:g}")

    def _check_loss(self) -> None:
        if self.loss not in LOSSES:
            raise UsageError(f"--loss is one of {', '.join(LOSSES)}, not {self.loss!r}")
        if not 0 < self.margin < math.inf:
            raise UsageError(f"--margin must be a number above 0, not {self.margin:g}")
        if self.loss != "hinge-rank" and self.margin != _MARGIN:
            raise UsageError(f"--margin is for --loss hinge-rank; {self.loss} has none")
