"""Ranking: a snapshot of the vectors in memory, exact where it can be and quick where it must be.

Records up to some number are covered by the caches (`base`); newer ones are in memory in full
precision (`tail`), so a record is found the moment it is committed. A small index has no base at
all: everything is tail, and every answer is exact.

A snapshot answers three kinds of question about the base:

* few records pass the filter, or there is no approximate index: exactly, from the codes;
* otherwise: candidates of the approximate index, scored exactly;
* ranks beyond the first hundred: those hundred first, then everything else exactly, so that pages
  neither repeat nor skip a record.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from visavis.store.base import DEPTH
from visavis.store.nearest.ann import one_thread
from visavis.store.nearest.caches import Base
from visavis.store.nearest.codes import ROUNDING, dots, possibly_best
from visavis.store.nearest.sizes import Sizes
from visavis.store.stopping import go_on
from visavis.types import Vectors

Numbers = NDArray[np.int64]
Fetch = Callable[[Numbers], tuple[Numbers, Vectors]]
"""Vectors in full precision by number; numbers that no longer exist are left out."""

_SCORE_DECIMALS = 6  # finer differences come from the order of floating-point sums
_MOST_CANDIDATES = 8_192
_SPARE = 1.5  # how many more candidates are asked for than a filter should leave, on average


@dataclass(slots=True)
class Ranking:
    """Scores and numbers, best first; equal scores are put in order of id by the store."""

    numbers: Numbers
    scores: NDArray[np.floating]
    head: int = 0
    """So many come before all others, even before better ones: earlier pages have shown them."""

    @staticmethod
    def of(parts: list[tuple[Numbers, Vectors]]) -> "Ranking":
        """Parts put together and sorted."""
        filled = [part for part in parts if len(part[0])] or parts[:1]
        numbers, scores = _joined(filled) if len(filled) > 1 else filled[0]
        scores = rounded(scores)
        order = np.lexsort((numbers, -scores))
        return Ranking(numbers[order], scores[order])

    def reaching(self, min_score: float) -> "Ranking":
        """Those with at least that score."""
        return self.only(self.scores >= min_score)

    def tied(self, start: int, end: int) -> range:
        """The ranks start…end, and those around them that share the first or last score."""
        scores, count = self.scores, len(self.scores)
        if start and scores[start - 1] == scores[start]:
            start = self._edge(start, "left")
        if end < count and scores[end - 1] == scores[end]:
            end = self._edge(end - 1, "right")
        return range(start, end)

    def _edge(self, at: int, side: Literal["left", "right"]) -> int:
        low, high = (0, self.head) if at < self.head else (self.head, len(self.scores))
        return low + int(np.searchsorted(-self.scores[low:high], -self.scores[at], side))

    def first(self) -> "Ranking":
        """The ranks that earlier pages have shown: these come first on later ones too."""
        return Ranking(self.numbers[:DEPTH], self.scores[:DEPTH], DEPTH)

    def without(self, number: int) -> "Ranking":
        """The ranking without a record."""
        return self.only(self.numbers != number)

    def only(self, kept: NDArray[np.bool_]) -> "Ranking":
        """A part of the ranking, in the same order."""
        head = int(np.count_nonzero(kept[: self.head]))
        return Ranking(self.numbers[kept], self.scores[kept], head)


class Snapshot:
    """The vectors as of one generation of the database."""

    def __init__(
        self, base: Base | None, dim: int, generation: int = 0, sizes: Sizes | None = None
    ) -> None:
        self.base = base
        self._sizes = sizes or Sizes()
        self.generation = generation
        self.dim = dim
        self.last = base.last if base else 0
        """The largest record number that is known here."""
        self.tail_numbers: Numbers = np.empty(0, np.int64)
        self._tail: Vectors = np.empty((0, dim), np.float32)
        self._removed: NDArray[np.intp] = np.empty(0, np.intp)  # positions in the base

    def __len__(self) -> int:
        covered = len(self.base.codes.numbers) if self.base else 0
        return covered - len(self._removed) + len(self.tail_numbers)

    def numbers(self) -> Numbers:
        """The numbers of all records, sorted."""
        if self.base is None:
            return self.tail_numbers
        covered = np.delete(self.base.codes.numbers, self._removed)
        return np.concatenate([covered, self.tail_numbers])

    def extended(
        self, generation: int, numbers: Numbers, vectors: Vectors, removed: Numbers
    ) -> "Snapshot":
        """The snapshot of a later generation: with new records, and without the removed ones."""
        later = Snapshot(self.base, self.dim, generation, self._sizes)
        all_numbers = np.concatenate([self.tail_numbers, numbers])
        kept = ~np.isin(all_numbers, removed)
        later.tail_numbers = all_numbers[kept]
        later._tail = np.concatenate([self._tail, vectors])[kept]
        later._removed = self._removed
        if self.base and len(removed):
            gone = self.base.codes.positions(np.sort(removed))
            later._removed = np.union1d(self._removed, gone)
        later.last = max([self.last, *numbers[-1:].tolist()])
        return later

    def rank(self, vector: Vectors, need: int, selected: Numbers | None, fetch: Fetch) -> Ranking:
        """At least the best `need` records (fewer if there are fewer), in order.

        `selected` are the sorted numbers that pass the filter; None: all pass.
        """
        tail = self.rank_tail(vector, need, selected)
        if self.base is None:
            return Ranking.of([tail])
        found = self._propose(vector, need, selected, fetch)
        if found is None:
            return Ranking.of([tail, self._rank_exactly(vector, need, selected, fetch)])
        first = Ranking.of([tail, found]).first()
        if need <= DEPTH:
            return first
        rest = Ranking.of([tail, self._rank_exactly(vector, need + DEPTH, selected, fetch)])
        new = ~np.isin(rest.numbers, first.numbers)
        return Ranking(
            np.concatenate([first.numbers, rest.numbers[new]]),
            np.concatenate([first.scores, rest.scores[new]]),
            DEPTH,
        )

    @property
    def tail(self) -> Vectors:
        """The vectors in memory, (n, dim), in the order of `tail_numbers`."""
        return self._tail

    @property
    def removed(self) -> NDArray[np.intp]:
        """Positions in the base of records that are gone."""
        return self._removed

    def proposes(self, selected: Numbers | None) -> bool:
        """Whether the approximate index is asked at all."""
        known = self.base is not None and self.base.ann is not None
        return known and (selected is None or len(selected) > self._sizes.selective)

    def depth(self, selected: Numbers | None) -> int:
        """How many candidates the approximate index is asked for."""
        assert self.base is not None  # narrows the types: `proposes` says so
        assert self.base.ann is not None
        if selected is None:
            return self.base.ann.depth
        share = len(selected) / max(len(self), 1)
        return min(_MOST_CANDIDATES, int(self.base.ann.depth * _SPARE / share) + 1)

    def count_reaching(
        self, vector: Vectors, floor: float, selected: Numbers | None, fetch: Fetch
    ) -> int:
        """How many records have at least the score `floor`; exact.

        The codes tell of most records on which side they are; the others are fetched.
        """
        tail = rounded(self.rank_tail(vector, len(self.tail_numbers), selected)[1])
        count = int(np.count_nonzero(tail >= floor))
        if self.base is None:
            return count
        codes = self.base.codes
        positions = None if selected is None else codes.positions(selected)
        coded, errors = codes.scores(vector, positions), codes.errors(positions)
        if positions is None and len(self._removed):
            coded[self._removed] = -np.inf
        above = coded - np.float32(floor)
        count += int(np.count_nonzero(above > errors))
        unsure = np.flatnonzero(np.abs(above) <= errors)
        unsure = unsure if positions is None else positions[unsure]
        for start in range(0, len(unsure), _MOST_CANDIDATES):
            part = codes.numbers[unsure[start : start + _MOST_CANDIDATES]]
            count += int(np.count_nonzero(rounded(dots(fetch(part)[1], vector)) >= floor))
        return count

    def rank_tail(
        self, vector: Vectors, need: int, selected: Numbers | None
    ) -> tuple[Numbers, Vectors]:
        """Numbers and scores of those in memory that may be among the best."""
        numbers = self.tail_numbers
        if not len(numbers):
            return numbers, np.empty(0, np.float32)
        scores = dots(self._tail, vector)
        if selected is not None:
            passing = among(numbers, selected)
            numbers, scores = numbers[passing], scores[passing]
        kept = possibly_best(scores, ROUNDING, need)
        return numbers[kept], scores[kept]

    def _propose(
        self, vector: Vectors, need: int, selected: Numbers | None, fetch: Fetch
    ) -> tuple[Numbers, Vectors] | None:
        """Candidates of the approximate index with exact scores; None: it is not to be asked.

        For the first ranks only those are fetched that the codes do not rule out.
        """
        assert self.base is not None  # narrows the type: rank() asked
        if self.base.ann is None or not self.proposes(selected):
            return None
        one_thread()
        count, codes = self.depth(selected), self.base.codes
        # In their order on the disk, in which codes and vectors are read in less time.
        positions = codes.positions(np.sort(self.base.ann.candidates(vector, count)))
        coded = codes.scores(vector, positions)
        if len(coded) < DEPTH or _tenth(coded) < self.base.ann.trusted:
            return None
        if len(self._removed) or selected is not None:
            kept = ~np.isin(positions, self._removed)
            if selected is not None:
                kept &= among(codes.numbers[positions], selected)
            positions, coded = positions[kept], coded[kept]
        if len(positions) < DEPTH:  # many of its records were removed since, or do not pass
            return None
        if need < DEPTH:
            positions = positions[possibly_best(coded, codes.errors(positions), need)]
        numbers, vectors = fetch(codes.numbers[positions])
        return numbers, dots(vectors, vector)

    def _rank_exactly(
        self, vector: Vectors, need: int, selected: Numbers | None, fetch: Fetch
    ) -> tuple[Numbers, Vectors]:
        assert self.base is not None  # narrows the type: rank() asked
        codes = self.base.codes
        positions = None if selected is None else codes.positions(selected)
        coded = codes.scores(vector, positions)
        if positions is None and len(self._removed):
            coded[self._removed] = -np.inf
        kept = np.flatnonzero(possibly_best(coded, codes.errors(positions), need))
        found = codes.numbers[kept if positions is None else positions[kept]]
        return exact_scores(found, vector, fetch)


def exact_scores(numbers: Numbers, vector: Vectors, fetch: Fetch) -> tuple[Numbers, Vectors]:
    """Numbers that still exist with their scores, in full precision.

    Some thousand vectors are held at a time: of a page that lies deep, all before it are fetched.
    """
    parts = []
    for start in range(0, max(1, len(numbers)), _MOST_CANDIDATES):
        go_on()
        found, vectors = fetch(numbers[start : start + _MOST_CANDIDATES])
        parts.append((found, dots(vectors, vector)))
    return parts[0] if len(parts) == 1 else _joined(parts)


def _joined(parts: list[tuple[Numbers, Vectors]]) -> tuple[Numbers, Vectors]:
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


def rounded(scores: Vectors) -> Vectors:
    """Scores as they are compared and shown."""
    return np.asarray(np.minimum(scores.round(_SCORE_DECIMALS), 1.0))


def _tenth(scores: Vectors) -> float:
    best = scores.copy()
    best.partition(len(best) - 10)
    return float(best[len(best) - 10])


def among(numbers: Numbers, selected: Numbers) -> NDArray[np.bool_]:
    """Which numbers are in a sorted selection."""
    if not len(selected):
        return np.zeros(len(numbers), bool)
    at = np.minimum(np.searchsorted(selected, numbers), len(selected) - 1)
    return np.asarray(selected[at] == numbers)
