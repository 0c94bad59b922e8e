"""Sets of 64-bit numbers in eight bytes each, for millions of images."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_APART = 100_000  # numbers before they are sorted in among the others

Numbers = NDArray[np.uint64]


class Digests:
    """Numbers that were met; most of them lie sorted, and the newest in a set."""

    def __init__(self, numbers: Numbers | Sequence[int] = ()) -> None:
        self._sorted: Numbers = np.unique(np.asarray(numbers, np.uint64))
        self._new: set[int] = set()

    def __len__(self) -> int:
        return len(self._sorted) + len(self._new)

    def have(self, numbers: Sequence[int]) -> list[bool]:
        """Which of some numbers are there."""
        if not len(self._sorted):
            return [number in self._new for number in numbers]
        asked = np.array(numbers, np.uint64)
        places = np.searchsorted(self._sorted, asked).clip(max=len(self._sorted) - 1)
        old = (self._sorted[places] == asked).tolist()
        return [kept or number in self._new for kept, number in zip(old, numbers, strict=True)]

    def add(self, numbers: Sequence[int]) -> list[bool]:
        """Add some numbers, and say which were there already, or earlier among these."""
        there = self.have(numbers)
        for at, number in enumerate(numbers):
            if not there[at]:
                there[at] = number in self._new
                self._new.add(number)
        if len(self._new) > _APART:
            new = np.fromiter(self._new, np.uint64, len(self._new))
            self._sorted = np.union1d(self._sorted, new)
            self._new.clear()
        return there
