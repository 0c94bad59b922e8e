"""What a training reports while it goes on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a training is.

    `figures` has the mean `loss` of the epoch in hand (or just finished), and the validation
    figures of the last finished one.
    """

    stage: Literal["reading", "training"]
    done: int
    """Pictures read, or batches of the epoch under way; 0 when an epoch has just been finished."""
    total: int
    epoch: int = 0
    """Finished epochs."""
    epochs: int = 0
    figures: Mapping[str, float] = field(default_factory=dict)


Tell = Callable[[Progress], None]


def silent(progress: Progress) -> None:
    """Reports nothing."""
