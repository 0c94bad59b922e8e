"""The pictures that the built-in model is trained on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from visavis.errors import SourceError
from visavis.training.held_out import squashed
from visavis.training.pictures import Listed, Pictures, listed, open_pictures

FEWEST_HELD_OUT = 2
"""Fewer pictures held out measure nothing."""


@dataclass(frozen=True, slots=True)
class Data:
    """The training pictures: all of them, and who is trained on and who is held out."""

    entries: list[Listed]
    pictures: Pictures
    sha256: str
    """Of the files, in their order."""

    @property
    def kept(self) -> NDArray[np.int64]:
        """Numbers of the pictures to train on."""
        return np.array([i for i, entry in enumerate(self.entries) if not entry.held_out])

    @property
    def held_out(self) -> NDArray[np.int64]:
        """Numbers of the pictures that are kept from training."""
        return np.array([i for i, entry in enumerate(self.entries) if entry.held_out])

    @property
    def products(self) -> NDArray[np.int64]:
        """Numbers of the pictures whose colour is known, held out or not."""
        return np.array([i for i, entry in enumerate(self.entries) if entry.colour], np.int64)

    def images(self, numbers: NDArray[np.int64], side: int) -> Iterator[torch.Tensor]:
        """Whole pictures in batches (n, 3, side, side), in -1…1."""
        for start in range(0, len(numbers), 64):
            part = numbers[start : start + 64]
            squares = np.stack([squashed(self.pictures, int(i), side) for i in part])
            yield torch.from_numpy(squares).permute(0, 3, 1, 2).float() / 127.5 - 1


def entries_of(folders: Sequence[Path]) -> list[Listed]:
    """What training folders list, before any picture is opened.

    Raises SourceError for folders that cannot be trained on.
    """
    entries = listed(folders)
    held_out = sum(entry.held_out for entry in entries)
    if held_out < FEWEST_HELD_OUT:
        raise SourceError(
            f"{', '.join(map(str, folders))}: {len(entries)} pictures are too few, {held_out} of "
            "them would be held out to measure with; name folders with a hundred or more"
        )
    return entries


def open_data(entries: list[Listed], cache: Path, side: int) -> Data:
    """The pictures, decoded; `cache` keeps them for the next time (see `open_pictures`)."""
    return Data(entries, *open_pictures(entries, cache, side))
