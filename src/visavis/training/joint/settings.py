"""The settings of the joint recipe."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from visavis.errors import UsageError
from visavis.training.settings import WIDEST, Rates

JointLoss = Literal["cosine", "hinge-rank"]
LOSSES: tuple[JointLoss, ...] = get_args(JointLoss)

KEPT = 100_000
_MARGIN = 0.1


@dataclass(frozen=True, slots=True)
class WordFields:
    """Where it stands what pictures show, and which words are known."""

    words: Path
    """GloVe, word2vec or fastText vectors; see word_file.py."""
    labels: str | None = None
    """A field with a label, or several: `dog | grass`, or a JSON list."""
    captions: str | None = None
    """A field with a sentence, or a JSON list of several."""
    aliases: Path | None = None
    """Other words for words that the vectors lack; see aliases.py."""

    @property
    def field(self) -> str | None:
        """What a picture needs to be trained on; None where one of two is enough."""
        return None if self.labels and self.captions else self.labels or self.captions

    def __post_init__(self) -> None:
        if self.labels is None and self.captions is None:
            raise UsageError(
                "say with --labels or --captions which field describes what pictures show"
            )


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
    views: int = 0  # ways in which each picture is looked at: whole, mirrored, in parts; 0: six, of
    # an index the one that it has
    batch: int = 64
    rates: Rates = field(default_factory=lambda: Rates(decay=1e-2))
    validation: float = 0.2  # share of the pictures

    def __post_init__(self) -> None:
        self._check_loss()
        if not self.hidden or any(not 1 <= width <= WIDEST for width in self.hidden):
            raise UsageError(
                f"--hidden wants whole numbers from 1 to {WIDEST:,} joined by commas: 2000"
            )
        for option, share in (("--caption-weight", self.captions), ("--spread", self.spread)):
            if not 0 <= share <= 1:
                raise UsageError(f"{option} is from 0 to 1, not {share:g}")
        for option, number, least in (("--keep", self.keep, 1), ("--views", self.views, 0)):
            if number < least:
                raise UsageError(f"{option} must be {least} or more, not {number}")
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
