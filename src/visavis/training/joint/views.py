"""What a frozen base says of several views of each picture: whole, mirrored, and parts of it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from visavis.embedders.base import embed
from visavis.training.data.row_cache import Maker
from visavis.training.networks.frozen_base import FrozenBase
from visavis.types import RGB

_SMALLEST, _LARGEST = 0.6, 0.95
"""Share of a side that a part shows."""


def views_maker(base: FrozenBase, count: int) -> Maker:
    """Makes (count, dim) unit rows of a picture, the first one of the whole of it."""
    model = base.embedder

    def make(pictures: Sequence[RGB]) -> NDArray[np.float32]:
        shown = [view for picture in pictures for view in views(picture, count)]
        return embed(model, shown).reshape(len(pictures), count, model.dim)

    if count == 1:  # the whole picture, which an index has too
        return replace(base.maker, shape=(1, model.dim), make=make)
    key = f"{model.fingerprint}, {count} views"
    return Maker("views", key, (count, model.dim), np.float32, model.side, make)


def views(picture: RGB, count: int) -> Iterator[RGB]:
    """The picture, its mirror image, then parts of it, every second one mirrored.

    The parts are the same for all pictures, as fractions of their sides.
    """
    height, width = picture.shape[:2]
    chance = np.random.default_rng(0)
    for number in range(count):
        shown = picture
        if number > 1:
            sides = chance.uniform(_SMALLEST, _LARGEST, 2)
            places = chance.uniform(0, 1 - sides)
            tall, wide = (max(1, round(s * n)) for s, n in zip(sides, (height, width), strict=True))
            top, left = (int(p * n) for p, n in zip(places, (height, width), strict=True))
            shown = picture[top : top + tall, left : left + wide]
        yield np.ascontiguousarray(shown[:, ::-1] if number % 2 else shown)
