"""Records whose pictures may hold what was asked with, or lie in it, by their vectors alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from visavis.embedders.base import Embedder, embed
from visavis.embedders.blocks import visual_part
from visavis.embedders.parts.codes import codes, cosines
from visavis.embedders.parts.windows import WINDOWS
from visavis.images.decode import crop
from visavis.store.aspects import AspectRows, has_aspects
from visavis.store.base import Page, VectorStore
from visavis.store.nearest.bits import nearest
from visavis.types import RGB, Box, Filter, ImageRecord, Vectors

BY_PARTS = 64
"""Records that are proposed because a part of them is like the picture."""

EACH_WINDOW = 3
"""Records that are proposed for each window of the picture."""

ALL: Box = WINDOWS[0]


@dataclass(frozen=True, slots=True, eq=False)
class Proposal:
    """A record, and which parts of both pictures are alike by their vectors."""

    record: ImageRecord
    score: float
    """The cosine of the two; of codes, an estimate."""
    box: Box = ALL
    """A window of the record."""
    query_box: Box = ALL
    """A window of the picture that was asked with."""
    way: int = 0
    """How the picture was turned and flipped; see `visavis.flows.anywhere.ways`."""

    copy: bool = False
    """Whether the whole is known to be a copy; then it is only asked where it lies."""

    @property
    def in_record(self) -> bool:
        """Whether the picture is to lie in the record's; else that lies in a part of it."""
        return self.query_box == ALL


class Asked(NamedTuple):
    """What is asked of a store."""

    store: VectorStore
    where: Filter | None
    without: str | None
    embedder: Callable[[], Embedder]

    def visual(self, vectors: Vectors) -> Vectors:
        """How pictures look: what their parts are compared by."""
        return visual_part(self.embedder(), vectors)


def by_parts(asked: Asked, rows: AspectRows, vectors: Vectors, most: int) -> list[Proposal]:
    """Records with a part like one of these vectors (n, dim), of which the n-th is way n."""
    found: list[tuple[int, float, Box, int]] = []
    for way, code in enumerate(codes(asked.visual(vectors))):
        close = nearest(code, rows.values, most)
        scores = cosines(close.differing)
        found += [
            (int(rows.numbers[row]), float(score), WINDOWS[place], way)
            for row, score, place in zip(close.rows[:most], scores, close.place, strict=False)
        ]
    assert has_aspects(asked.store)  # narrows the type: the rows are its own
    records = asked.store.aspects.records(np.array([number for number, *_ in found], np.int64))
    return [
        Proposal(records[number], score, box, way=way)
        for number, score, box, way in found
        if number in records and records[number].id != asked.without
    ]


def by_windows(asked: Asked, picture: RGB) -> list[Proposal]:
    """Records like a part of the picture; what is like several parts comes by the best."""
    model = asked.embedder()
    vectors = embed(model, [crop(picture, box) for box in WINDOWS[1:]])
    page = Page(EACH_WINDOW, without=asked.without)
    answers = asked.store.search(vectors, page, asked.where)
    return [
        Proposal(match.record, match.score, query_box=box)
        for box, answer in zip(WINDOWS[1:], answers, strict=True)
        for match in answer.matches
    ]


def best_of_each(proposals: Sequence[Proposal]) -> list[Proposal]:
    """Each record once, copies first, then by their best score."""
    best: dict[str, Proposal] = {}
    for one in sorted(proposals, key=lambda one: (not one.copy, -one.score)):
        best.setdefault(one.record.id, one)
    return list(best.values())
