"""A picture that lies on its side, asked for as what it shows lies in the index.

Embeddings change when a picture is turned by a quarter: a scan that lies on its side scores like a
stranger. Two things say that it does. The pixel check lays it over the candidates in all turns; if
one of them is a copy that lies otherwise, the question is asked again as that one lies. And where
nothing similar is found, the three other ways are asked as well; one of them is taken if it finds a
copy, or something similar that scores CLEARLY higher. All of the answer is then that of the turned
picture: scores, order, pages, what is similar.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from visavis.flows.query.vector import QueryVector
from visavis.flows.relation.judge import CANDIDATES, Judge
from visavis.images.thumbnail import thumbnail
from visavis.store.base import Answer
from visavis.types import RGB, Vectors

CLEARLY = 0.1
"""By how much higher the nearest has to score. Of 420 pictures asked upright, without themselves,
none found anything similar that scored even half of that higher when it was turned."""

LARGEST = 4_000_000
"""Pixels of a picture that is turned; larger ones are made so small, as three copies are held."""

_PROPOSED = 8  # the first of each way, that are compared by their pixels
_OTHER_WAYS = (1, 2, 3)

Search = Callable[[Vectors], list[Answer]]
"""What was asked for first, of other vectors."""

Embed = Callable[[Sequence[RGB]], Vectors]


class Facing(NamedTuple):
    """A question as it is asked, what is found first, and how the picture was turned for it."""

    asked: QueryVector
    first: Answer
    turned: int = 0
    """Degrees clockwise."""


def faced(asked: QueryVector, first: Answer, judge: Judge, make: Embed, search: Search) -> Facing:
    """The question as it is, or turned by quarters."""
    plain = Facing(asked, first)
    pixels = None if asked.shown is None else asked.shown.pixels()
    if pixels is None or asked.shown is None or asked.shown.signature is None or not first.matches:
        return plain
    if any(match.record.sha256 == asked.shown.sha256 for match in first.matches[:CANDIDATES]):
        return plain
    way = judge.lies(first.matches[:CANDIDATES])
    if way == 0:
        return plain
    if way is None and (judge.cut is None or first.matches[0].score >= judge.cut):
        return plain
    ways = _OTHER_WAYS if way is None else (way,)
    small = _small(pixels)
    vectors = make([np.ascontiguousarray(np.rot90(small, quarters)) for quarters in ways])
    found = [
        Facing(replace(asked, vector=vector), answer, 360 - 90 * quarters)
        for quarters, vector, answer in zip(ways, vectors, search(vectors), strict=True)
    ]
    return found[0] if way else _best(plain, found, judge)


def _small(pixels: RGB) -> RGB:
    """The picture with no more than LARGEST pixels."""
    share = (LARGEST / (pixels.shape[0] * pixels.shape[1])) ** 0.5
    return pixels if share >= 1 else thumbnail(pixels, int(share * max(pixels.shape)) or 1)


def _best(plain: Facing, found: Sequence[Facing], judge: Judge) -> Facing:
    """The way that finds a copy, or else scores clearly higher; as it was, if none does."""
    found = [facing for facing in found if facing.first.matches]
    for facing in found:
        if judge.lies(facing.first.matches[:_PROPOSED]) == (360 - facing.turned) // 90:
            return facing
    if not found or judge.cut is None:
        return plain
    best = max(found, key=_nearest)
    clearly = _nearest(best) >= max(judge.cut, _nearest(plain) + CLEARLY)
    return best if clearly else plain


def _nearest(facing: Facing) -> float:
    return facing.first.matches[0].score
