"""The pictures that the model is made from: split by name, squashed as the engine does it."""

import csv
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from visavis.errors import SourceError

_LEFT_OUT = "tiny-imagenet"  # 64 pixels teach what is coarse, not what is there
_KEPT_SIDE = 224
HELD_OUT = 0.12
"""Share of the pictures that is kept from training and fitting: choices are made on these."""


@dataclass(frozen=True, slots=True)
class Row:
    """One picture and what its catalogue says of it."""

    path: Path
    name: str
    """Folder and path below it: what decides whether it is held out."""
    fields: dict[str, str]

    @property
    def draw(self) -> float:
        """A number in 0…1 that follows from the name alone, for ever."""
        return int.from_bytes(hashlib.sha256(self.name.encode()).digest()[:4], "big") / 2**32

    @property
    def held_out(self) -> bool:
        """Whether the picture is kept for choosing."""
        return self.draw < HELD_OUT


def rows(folders: Sequence[Path]) -> list[Row]:
    """The rows of every folder's labels.csv, in their order.

    Raises SourceError for a folder without one, or none of whose pictures is there.
    """
    found: list[Row] = []
    for folder in folders:
        listed = folder / "labels.csv"
        if not listed.is_file():
            raise SourceError(f"{listed} does not exist; name folders with a labels.csv")
        with listed.open(newline="", encoding="utf-8") as file:
            found += [
                Row(folder / row["path"], f"{folder.name}/{row['path']}", row)
                for row in csv.DictReader(file)
                if row.get("source") != _LEFT_OUT
            ]
    if not found:
        raise SourceError(f"{', '.join(map(str, folders))}: no pictures are listed there")
    return found


def open_picture(row: Row) -> Image.Image:
    """The picture, at most 224 pixels large."""
    with Image.open(row.path) as image:
        image.draft("RGB", (_KEPT_SIDE, _KEPT_SIDE))
        picture = image.convert("RGB")
    picture.thumbnail((_KEPT_SIDE, _KEPT_SIDE), Image.Resampling.BICUBIC)
    return picture


def squashed(pictures: Iterable[Image.Image], side: int) -> Tensor:
    """(n, 3, side, side) in -1…1, as the engine prepares pictures for the model."""
    pixels = [np.asarray(p.resize((side, side), Image.Resampling.BICUBIC)) for p in pictures]
    stacked = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2)
    return stacked.float().div_(127.5).sub_(1).contiguous()


def batches(pictures: Iterable[Image.Image], side: int, size: int = 64) -> Iterator[Tensor]:
    """All pictures, squashed, so many at a time: contiguous (n, 3, side, side) in -1…1."""
    some = iter(pictures)
    while part := list(islice(some, size)):
        yield squashed(part, side)
