"""Which pictures are trained on, and which are kept from it to see how well it finds.

By label, the labels of the validation are never trained on: that is what a search meets when new
products come. By image, every label is trained on and pictures of some or all are kept back. Exact
copies of a picture, of the same SHA-256, are then on one side, whatever their labels. The draw
follows from the seed, the labels and the copies alone.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from visavis.errors import UsageError
from visavis.training.data.samples import Numbers, label_numbers

By = Literal["auto", "label", "image"]

_ENOUGH_LABELS = 10
"""From so many labels with several pictures on, whole labels are kept back."""

_EACH = 16
"""A label whose pictures are drawn gives so many, where it has them."""

_NEARLY = 0.25
"""A share that is off by more than this part of the one that was asked for is reported."""


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
    asked: float = 0.0
    """The share of the validation that was asked for."""
    drawn: float = 0.0
    """What was drawn: of the labels with several pictures, or of the pictures of each label."""
    kept: float = 0.0
    """What it came to, as exact copies that have several labels are one picture on one side."""

    @property
    def summary(self) -> str:
        """One sentence for people."""
        if self.by == "none":
            return f"trained on all {len(self.train):,} pictures, nothing was kept for validation"
        kept = f"{len(self.validation):,} pictures of {len(self.validation_labels)} labels"
        never = "labels" if self.by == "label" else "pictures"
        return f"validated on {kept}, {never} that are never trained on{self._off}"

    @property
    def _off(self) -> str:
        """Why the share is another one than was asked for."""
        if abs(self.kept - self.drawn) > abs(self.drawn - self.asked):
            why = "exact copies of a picture that have several labels stay together"
        elif self.kept > self.asked:
            why = "a validation takes two labels"
            if self.by == "image":
                why += " and two pictures of each"
        else:
            why = "two pictures of each label are left to train on, of one with fewer than four all"
        return off(self.kept, self.asked, why)

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


def off(kept: float, asked: float, why: str) -> str:
    """What is added to a sentence where another share is kept than was asked for."""
    if abs(kept - asked) <= _NEARLY * asked:
        return ""
    return f" ({kept:.0%} of them, not {asked:.0%}: {why})"


def split(
    labels: Sequence[str],
    share: float,
    by: By = "auto",
    seed: int = 0,
    sha256: Sequence[str] | None = None,
) -> Split:
    """Draw the validation: about this share of the labels, or of the pictures.

    With a share of 0 there is none. A validation has two labels at least, and by image two pictures
    of each; `Split.summary` says where that makes it larger than asked for. `sha256` are those
    of the pictures, by which exact copies are known; None: there are none. Raises UsageError when
    there are fewer than two labels, no label with two pictures, too few of them for a validation,
    or, as copies under other labels go with those that are kept, none left to train on.
    """
    names = np.array(labels)
    places = {name: np.flatnonzero(names == name) for name in sorted(set(labels))}
    several = [name for name, numbers in places.items() if len(numbers) > 1]
    check_labels(labels)
    chance = np.random.default_rng([seed, 1])
    validation, drawn, kept = np.zeros(0, np.int64), 0.0, 0.0
    how: Literal["label", "image", "none"] = "none"
    if share == 0:
        pass
    elif by == "label" or (by == "auto" and len(several) >= _ENOUGH_LABELS):
        how = "label"
        held = _whole_labels(places, several, share, chance)
        validation, kept = np.sort(np.concatenate(held)), len(held) / len(several)
        drawn = kept
    else:
        how = "image"
        contents = np.arange(len(names)) if sha256 is None else label_numbers(sha256)
        validation, drawn = _some_pictures(places, share, chance, contents)
        kept = len(np.unique(contents[validation])) / len(np.unique(contents))
    train = np.setdiff1d(np.arange(len(names)), validation)
    return Split(
        how,
        train,
        validation,
        tuple(sorted(set(names[train].tolist()))),
        tuple(sorted(set(names[validation].tolist()))),
        tuple(name for name, numbers in places.items() if len(numbers) == 1),
        share,
        drawn,
        kept,
    )


def drawn_apart(
    numbers: Numbers, count: int, chance: np.random.Generator, contents: Numbers
) -> Numbers:
    """About `count` of some samples, of exact copies of a picture all or none.

    `contents` has a number for each of all samples, the same for copies. Copies that are not among
    `numbers` are left where they are: `with_copies` takes them too.
    """
    held: list[Numbers] = [np.zeros(0, np.int64)]
    left = count
    pictures = _pictures(numbers, contents)
    for place in chance.permutation(len(pictures)).tolist():
        copies = pictures[place]
        if len(copies) < 2 * left:  # nearer to the count with them than without
            held.append(copies)
            left -= len(copies)
    return np.sort(np.concatenate(held))


def with_copies(numbers: Numbers, contents: Numbers) -> Numbers:
    """These samples and all exact copies of them, by `contents` as in `drawn_apart`."""
    return np.flatnonzero(np.isin(contents, contents[numbers]))


def drawn_labels(labels: Numbers, most: int, seed: int, sides: Numbers | None = None) -> Numbers:
    """Numbers of up to `most` samples, of each label all or none.

    Of a large label a part counts as all: 16 pictures, or an equal share of `most` where that is
    more, as many of each of its sides as there are.

    Args:
        labels: (n,).
        most: Samples.
        seed: Of the draw.
        sides: (n,), a number for each; None: all are on one.
    """
    if len(labels) <= most:
        return np.arange(len(labels))
    chance = np.random.default_rng([seed, 4])
    _, counts = np.unique(labels, return_counts=True)
    members = np.split(np.argsort(labels, kind="stable"), np.cumsum(counts)[:-1])
    each = min(most, max(_EACH, most // len(members)))
    drawn: list[Numbers] = []
    left = most
    for label in chance.permutation(len(members)).tolist():
        own = _in_turns(chance.permutation(members[label]), sides)[:each]
        if len(own) > left:
            break
        drawn.append(own)
        left -= len(own)
    return np.sort(np.concatenate(drawn))


def _in_turns(numbers: Numbers, sides: Numbers | None) -> Numbers:
    """The first of each side, then the second of each, and so on."""
    if sides is None:
        return numbers
    turn = np.empty(len(numbers), np.int64)
    for side in np.unique(sides[numbers]):
        of_side = sides[numbers] == side
        turn[of_side] = np.arange(of_side.sum())
    return numbers[np.argsort(turn, kind="stable")]


def _pictures(numbers: Numbers, contents: Numbers) -> list[Numbers]:
    """Some samples as groups of the same content, in the order in which they come."""
    if not len(numbers):
        return []
    _, which, counts = np.unique(contents[numbers], return_inverse=True, return_counts=True)
    groups = np.split(numbers[np.argsort(which, kind="stable")], np.cumsum(counts)[:-1])
    return sorted(groups, key=lambda group: int(group[0]))


def check_labels(labels: Sequence[str]) -> None:
    """Raise UsageError for labels that nothing can be learned from."""
    counts = Counter(labels)
    if len(counts) < 2:
        raise UsageError(
            f"all pictures have the same label ({labels[0]!r}); a training compares "
            "labels and needs two or more"
        )
    if max(counts.values()) < 2:
        raise UsageError(
            f"none of the {len(counts):,} labels has two pictures; without a pair that belongs "
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


def _some_pictures(
    places: dict[str, Numbers], share: float, chance: np.random.Generator, contents: Numbers
) -> tuple[Numbers, float]:
    """Of each label that is asked about two at least, so that each has a partner to find.

    Where the share of a label is less than two, some labels are asked about and others are not. Two
    pictures of each are left. Copies count as one picture. Also what share of them was drawn,
    before copies under other labels went with them.
    """
    pictures = [_pictures(numbers, contents) for numbers in places.values()]
    divisible = [own for own in pictures if len(own) >= 4]
    if len(divisible) < 2:
        raise UsageError(
            f"no validation is possible: {len(divisible)} of {len(places):,} labels have four or "
            "more different pictures, and two labels are needed; add pictures, or train without "
            "by --validation 0"
        )
    counts = _counts(
        [len(own) for own in divisible], share, share * sum(map(len, pictures)), chance
    )
    held = [
        own[at]
        for own, count in zip(divisible, counts, strict=True)
        for at in chance.permutation(len(own))[:count].tolist()
    ]
    validation = with_copies(np.concatenate(held), contents)  # which may have other labels
    _check_left(places, validation, contents)
    return validation, len(held) / sum(map(len, pictures))


def _check_left(places: dict[str, Numbers], validation: Numbers, contents: Numbers) -> None:
    """Raise UsageError when no label has two different pictures left to train on."""
    left = (np.setdiff1d(numbers, validation) for numbers in places.values())
    if not any(len(np.unique(contents[numbers])) > 1 for numbers in left):
        raise UsageError(
            "no validation is possible by image: pictures have exact copies under other labels, "
            "which are kept back with them, and no label is left with two different pictures to "
            "train on; remove the copies, or train without a validation by --validation 0"
        )


def _counts(
    sizes: Sequence[int], share: float, wanted: float, chance: np.random.Generator
) -> list[int]:
    """How many of each size: two or more, or none, and two less than there are at most.

    Together as nearly `wanted` as can be when each is within one of its own share, or two or none.
    """
    counts = [min(size - 2, int(share * size)) for size in sizes]
    counts = [count if count >= 2 else 0 for count in counts]
    left = wanted - sum(counts)
    order = chance.permutation(len(sizes)).tolist()
    for at in order:
        more = 1 if counts[at] else 2
        if left >= more / 2 and counts[at] + more <= sizes[at] - 2:
            counts[at] += more
            left -= more
    for at in order:
        if np.count_nonzero(counts) < 2:
            counts[at] = max(2, counts[at])
    return counts
