"""What the marks of a concept come to: a direction to search by, and from which score on it counts.

Worked out when it is first needed, and again when marks, model or records have changed.
"""

import contextlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from visavis.errors import RecordNotFoundError, UsageError
from visavis.flows.concepts.classifier import FEW, cut, direction
from visavis.flows.concepts.marks import ConceptSummary, KeptMarks, Mark
from visavis.flows.concepts.spread import Spread
from visavis.store.base import VectorStore
from visavis.store.capabilities import faceted
from visavis.store.stopping import unstoppable
from visavis.types import Vectors, VectorTerm

_RANDOM = 1_000  # records picked by chance: most of them are not such
_NEGATIVES = 120  # of these, to learn from
_SEED = 30_051
_LEARNED_FROM = 2_000  # the latest marks of each kind
_CHANGED = 0.05  # of the records: with fewer, those picked by chance will do
_KEPT = 64  # lessons

TOO_FEW = (
    "there are too few records besides those marked as such to tell from which score on one is"
)
"""Said where a lesson has no `similar_from`."""


@dataclass(frozen=True, slots=True, eq=False)
class LearnedTerm(VectorTerm):
    """The direction of a concept."""

    similar_from: float | None = None
    """See Lesson."""


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """A concept as it is searched by."""

    direction: Vectors
    """(dim,), of unit length."""
    similar_from: float | None
    """The score from which on a record is such; None: see TOO_FEW."""
    missing: int
    """Marks whose pictures are not in the index now: they count again when these come back."""
    fingerprint: str
    """Of the model that the direction is for."""

    def term(self, weight: float = 1.0) -> LearnedTerm:
        """The term of a question that asks for it."""
        return LearnedTerm(self.direction, weight, self.similar_from)


class _State(NamedTuple):
    """What a lesson was learned from; another one is learned when it differs."""

    version: str
    fingerprint: str
    generation: int


class _Sample(NamedTuple):
    """Records that were picked by chance."""

    fingerprint: str
    records: int
    """In the index, when they were."""
    digests: tuple[str, ...]
    vectors: Vectors
    """(n, dim)."""
    spread: Spread | None
    """None: they are too few."""

    def fits(self, fingerprint: str, records: int) -> bool:
        """Whether they will do for the index as it is now."""
        grown = abs(records - self.records)
        return self.fingerprint == fingerprint and grown <= _CHANGED * self.records


class Lessons:
    """The lessons of an index. Safe to use from threads."""

    def __init__(self, store: VectorStore) -> None:
        self._store = store
        self._guard = threading.Lock()
        self._known: dict[str, tuple[_State, Lesson]] = {}
        self._sample: _Sample | None = None

    def of(self, name: str) -> Lesson:
        """What a concept comes to, by the index's model.

        Raises ConceptNotFoundError, and UsageError where no mark says what is such.
        """
        summary = KeptMarks(self._store).summary(name)
        generation = faceted(self._store).browse.generation()
        now = _State(summary.version, self._store.model().fingerprint, generation)
        with self._guard:
            held = self._known.get(summary.name)
            if held is not None and held[0] == now:
                return held[1]
            with unstoppable():  # of use to all who ask later
                lesson = self._learn(summary)
            self._known = dict([*self._known.items()][-_KEPT:]) | {summary.name: (now, lesson)}
            return lesson

    def _learn(self, summary: ConceptSummary) -> Lesson:
        marks = KeptMarks(self._store).of(summary.name)
        found = _vectors(self._store, marks)
        yes, no = (
            [vector for mark, vector in found if mark.good is good][-_LEARNED_FROM:]
            for good in (True, False)
        )
        if not yes:
            raise UsageError(_unlearnable(summary, missing=len(marks) - len(found)))
        marked = {mark.sha256 for mark in marks}
        sample = self._picked()
        apart = [digest not in marked for digest in sample.digests]
        random = sample.vectors[apart] if any(apart) else np.stack(yes)[:0]
        such, others = np.stack(yes), np.stack(no) if no else random[:0]
        learned = direction(such, others, random[:_NEGATIVES], sample.spread)
        missing = len(marks) - len(found)
        return Lesson(learned, cut(learned, such, others, random), missing, sample.fingerprint)

    def _picked(self) -> _Sample:
        fingerprint, records = self._store.model().fingerprint, self._store.count()
        if self._sample is None or not self._sample.fits(fingerprint, records):
            self._sample = self._pick(fingerprint, records)
        return self._sample

    def _pick(self, fingerprint: str, records: int) -> _Sample:
        picked = faceted(self._store).browse.sample(_RANDOM, _SEED)
        digests = [record.sha256 for record in picked]
        held = self._store.held(digests)  # without those that a writer removed meanwhile
        digests = [digest for digest in digests if digest in held]
        vectors = [held[digest].vector for digest in digests]
        found = np.stack(vectors) if vectors else np.zeros((0, 1), np.float32)
        spread = Spread.of(found) if len(found) >= FEW else None
        return _Sample(fingerprint, records, tuple(digests), found, spread)


def _vectors(store: VectorStore, marks: Sequence[Mark]) -> list[tuple[Mark, Vectors]]:
    """The marks whose pictures the index has, by their content or else by their id."""
    held = store.held([mark.sha256 for mark in marks])
    found = []
    for mark in marks:
        if mark.sha256 in held:
            found.append((mark, held[mark.sha256].vector))
            continue
        with contextlib.suppress(RecordNotFoundError):  # gone, unless it was only saved anew
            found.append((mark, store.vector(mark.id)))
    return found


def _unlearnable(summary: ConceptSummary, missing: int) -> str:
    name = summary.name
    mark = f"mark some pictures with: visavis concept mark {name!r} ID"
    if summary.yes:
        many = "its mark" if missing == 1 else f"{missing} marks"
        return (
            f"none of the pictures that are marked as {name!r} is in the index any more "
            f"({many} may count again when they come back); {mark}"
        )
    only = ", only what is not" if summary.no else ""
    return f"nothing is marked as {name!r} yet{only}; {mark}"
