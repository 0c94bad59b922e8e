"""The rows and pictures that a training takes, number by number, from what is kept on disk."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor
from torch.nn import functional

from visavis.training.data.row_cache import CachedRows
from visavis.training.data.samples import Numbers, Sample
from visavis.types import Failure

_SMALLEST = 0.7  # of a side, that an augmented picture shows


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """Samples with their base embeddings, their pictures, or both."""

    samples: list[Sample]
    sha256: list[str]
    failed: list[Failure]
    _parts: dict[str, tuple[CachedRows, Numbers]]

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def labels(self) -> list[str]:
        """Of each sample."""
        return [sample.label for sample in self.samples]

    def take(self, numbers: Numbers) -> dict[str, Tensor]:
        """`rows` (n, dim) and `pictures` (n, 3, side, side) in -1…1, as far as there are such."""
        taken = {name: kept.take(at[numbers]) for name, (kept, at) in self._parts.items()}
        return {
            name: as_pictures(part) if name == "pictures" else torch.from_numpy(part)
            for name, part in taken.items()
        }


def inputs(rows: CachedRows | None, pictures: CachedRows | None) -> Inputs:
    """What is kept of the same source, number by number; samples that one lacks are left out."""
    given = {"rows": rows, "pictures": pictures}
    parts = {name: kept for name, kept in given.items() if kept is not None}
    first = next(iter(parts.values()))
    places = {name: _places(kept.samples) for name, kept in parts.items()}
    ids = [s.entry.id for s in first.samples if all(s.entry.id in p for p in places.values())]
    at = {name: np.array([places[name][id] for id in ids], np.int64) for name in parts}
    number = at[next(iter(parts))].tolist()
    failed = {failure.uri: failure for kept in parts.values() for failure in kept.failed}
    return Inputs(
        [first.samples[n] for n in number],
        [first.sha256[n] for n in number],
        list(failed.values()),
        {name: (kept, at[name]) for name, kept in parts.items()},
    )


def mirrored(pictures: Tensor, generator: Generator) -> Tensor:
    """Half of the pictures, mirrored left to right."""
    chosen = torch.rand(len(pictures), generator=generator) < 0.5
    return torch.where(chosen.to(pictures.device)[:, None, None, None], pictures.flip(3), pictures)


def reframed(pictures: Tensor, generator: Generator) -> Tensor:
    """A part of each picture, at the same size: 0.7 to 1 of its sides, anywhere in it."""
    count = len(pictures)
    size = torch.rand(count, 2, generator=generator) * (1 - _SMALLEST) + _SMALLEST
    place = (torch.rand(count, 2, generator=generator) * 2 - 1) * (1 - size)
    turn = torch.zeros(count, 2, 3)
    turn[:, 0, 0], turn[:, 1, 1] = size.unbind(1)
    turn[:, :, 2] = place
    grid = functional.affine_grid(turn, list(pictures.shape), align_corners=False)
    return functional.grid_sample(
        pictures, grid.to(pictures), padding_mode="reflection", align_corners=False
    )


def _places(samples: Sequence[Sample]) -> dict[str, int]:
    return {sample.entry.id: place for place, sample in enumerate(samples)}


def as_pictures(pixels: NDArray[np.uint8]) -> Tensor:
    """(n, side, side, 3) bytes as (n, 3, side, side) in -1…1."""
    rows = torch.from_numpy(pixels).permute(0, 3, 1, 2)
    return rows.float().div_(127.5).sub_(1)
