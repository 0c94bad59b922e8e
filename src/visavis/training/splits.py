"""Which pictures are trained on, and which are kept from it to see how well it finds.

By label, the labels of the validation are never trained on: that is what a search meets when new
products come. By image, every label is trained on and some of its pictures are kept back. The draw
follows from the seed and the labels alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from visavis.errors import UsageError
from visavis.training.samples import Numbers

By = Literal["auto", "label", "image"]

_ENOUGH_LABELS = 10
"""From so many labels with several pictures on, whole labels are kept back."""


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Numbers of the samples on each side."""

    by: Literal["label", "image", "none"]
    train: Numbers
    validation: Numbers
    train_labels: tuple[str, ...]
    validation_labels: tuple[str, ...]
    single: tuple[str, ...]
    """Labels with one picture: trained on as negatives."""

    @property
    def told(self) -> str:
        """One sentence for people."""
        if self.by == "none":
            return f"trained on all {len(self.train):,} pictures, nothing was kept for validation"
        kept = f"{len(self.validation):,} pictures of {len(self.validation_labels)} labels"
        never = "labels" if self.by == "label" else "pictures"
        return f"validated on {kept}, {never} that are never trained on"

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape."""
        return {
            "by": self.by,
            "train": {"pictures": len(self.train), "labels": len(self.train_labels)},
            "validation": {
                "pictures": len(self.validation),
                "labels": list(self.validation_labels),
            },
            "single": list(self.single),
        }


def split(labels: Sequence[str], share: float, by: By = "auto", seed: int = 0) -> Split:
    """Draw the validation: about this share of the labels, or of each label's pictures.

    With a share of 0 there is none. Raises UsageError when there are fewer than two labels, no
    label with two pictures, or too few of them for a validation.
    """
    names = np.array(labels)
    places = {name: np.flatnonzero(names == name) for name in sorted(set(labels))}
    several = [name for name, numbers in places.items() if len(numbers) > 1]
    _check(places, several)
    chance = np.random.default_rng([seed, 1])
    if share == 0:
        held: list[Numbers] = []
        how: Literal["label", "image", "none"] = "none"
    elif by == "label" or (by == "auto" and len(several) >= _ENOUGH_LABELS):
        held = _whole_labels(places, several, share, chance)
        how = "label"
    else:
        held = _some_of_each(places, share, chance)
        how = "image"
    validation = np.sort(np.concatenate(held)) if held else np.zeros(0, np.int64)
    train = np.setdiff1d(np.arange(len(names)), validation)
    return Split(
        how,
        train,
        validation,
        tuple(sorted(set(names[train].tolist()))),
        tuple(sorted(set(names[validation].tolist()))),
        tuple(name for name, numbers in places.items() if len(numbers) == 1),
    )


def _check(places: dict[str, Numbers], several: Sequence[str]) -> None:
    if len(places) < 2:
        raise UsageError(
            f"all pictures have the same label ({next(iter(places))!r}); a training compares "
            "labels and needs two or more"
        )
    if not several:
        raise UsageError(
            f"none of the {len(places):,} labels has two pictures; without a pair that belongs "
            "together there is nothing to learn"
        )


def _whole_labels(
    places: dict[str, Numbers], several: Sequence[str], share: float, chance: np.random.Generator
) -> list[Numbers]:
    count = max(2, round(share * len(several)))
    if len(several) - count < 1 or len(places) - count < 2:
        raise UsageError(
            f"no validation is possible by label: only {len(several)} labels have two or more "
            "pictures; use --split image, or --validation 0 to train without"
        )
    drawn = chance.permutation(len(several))[:count]
    return [places[several[at]] for at in drawn.tolist()]


def _some_of_each(
    places: dict[str, Numbers], share: float, chance: np.random.Generator
) -> list[Numbers]:
    """At least two of a label, so that each has a partner to find, and at least two are left."""
    held = []
    for numbers in places.values():
        if len(numbers) >= 4:
            count = min(len(numbers) - 2, max(2, round(share * len(numbers))))
            held.append(numbers[chance.permutation(len(numbers))[:count]])
    if len(held) < 2:
        raise UsageError(
            f"no validation is possible: {len(held)} of {len(places):,} labels have four or more "
            "pictures, and two labels are needed; add pictures, or train without by --validation 0"
        )
    return held
