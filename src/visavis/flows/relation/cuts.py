"""What score tells alike from unlike, in this index and by its model.

A cosine has no meaning of its own: unrelated shoes of a shop score higher than two views of one
building elsewhere. So some records of the index are asked for as if they were questions, and how
their nearest *unrelated* records score is kept: a question that has nothing alike in the index
fares as they do. Where records have a field that the nearest neighbours share far more often than
chance (a product, a label, a folder), records with the same value count as related; where they as
good as never leave the values of a coarser field (sneakers among sneakers), that one says who is.
Without such a field all but the record itself are taken for unrelated, and the cut comes out too
high rather than too low.

The cut for a share of the index (a filter) follows from the same figures: if c unrelated records
score above it, the chance that a share f of all records holds none of them is (1 - f)^c.
"""

import contextlib
import io
import math
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from visavis.errors import RecordNotFoundError
from visavis.flows.aspects.colours import keep_colours
from visavis.matching.pixel_check import pixel_checks
from visavis.matching.signature import Signature
from visavis.store.base import Page, VectorStore
from visavis.store.capabilities import has_evidence, has_facets, is_local
from visavis.store.stopping import unstoppable
from visavis.types import FALSE_MATCH, Condition, FieldValue, Filter, ImageRecord, Vectors

LEAST_RECORDS = 10
"""With fewer there is no background to speak of."""

_NOTE = "background-2"  # under which name it is kept with the index
_AT_ONCE = 20_000  # records: of larger indexes it is made by runs that write, not by a search
_ASKED = 500
_DEPTH = 96
_NEAR = 8  # of each question, the neighbours that may turn out to be copies of it
_LEAST_SHARE = 0.03  # of the index: for smaller ones the depth does not suffice
_GROWN = 1.5
_SEED = 20_261
_FOLDER = "\0folder"
_TELLING = 0.3  # nearest neighbours that share a telling field's value, at least
_NEVER_LEFT, _COARSE = 0.98, 0.25  # shared by nearly all of them, and by chance by no more


@dataclass(frozen=True, slots=True, eq=False)
class Background:
    """How unrelated records score against one another."""

    fingerprint: str
    """Of the model."""
    records: int
    """In the index, when it was made."""
    related_by: str
    """The field whose values tell related records; nothing: none does."""
    scores: NDArray[np.float32]
    """(questions, depth): of each question the nearest unrelated records' scores, best first."""

    def fits(self, fingerprint: str, records: int) -> bool:
        """Whether it is of this model, and the index has not changed its size by half since."""
        return (
            self.fingerprint == fingerprint
            and self.records / _GROWN <= records <= self.records * _GROWN
        )

    def cut(self, searched: int, false_match: float = FALSE_MATCH) -> float:
        """The score above which an answer among so many records is called similar.

        Of questions with nothing alike among them, the share `false_match` gets such an answer.
        """
        share = min(1.0, max(_LEAST_SHARE, searched / max(1, self.records)))
        rate = max(false_match, 1e-9)
        known = max(rate, min(0.1, 5 / len(self.scores)))  # rarer than that is extrapolated
        cut = self._reached_by(known, share)
        if rate < known:
            further = self._reached_by(known * 2, share)
            cut += (cut - further) / math.log(2) * math.log(known / rate)
        return min(cut, 1.0)

    def _reached_by(self, rate: float, share: float) -> float:
        """The score that the best of a share of the records reaches for so many questions."""
        low, high = -1.0, 1.0
        for _ in range(30):
            middle = (low + high) / 2
            above = (self.scores > middle).sum(axis=1)
            if float((1 - (1 - share) ** above).mean()) > rate:
                low = middle
            else:
                high = middle
        return high

    def packed(self) -> bytes:
        """The bytes that a store keeps."""
        out = io.BytesIO()
        facts = np.array([self.fingerprint, str(self.records), self.related_by])
        np.savez_compressed(out, facts=facts, scores=self.scores.astype(np.float16))
        return out.getvalue()

    @classmethod
    def unpacked(cls, data: bytes) -> Self:
        """What `packed` wrote. Raises ValueError or OSError for other bytes."""
        with np.load(io.BytesIO(data), allow_pickle=False) as held:
            fingerprint, records, related_by = (str(fact) for fact in held["facts"])
            return cls(fingerprint, int(records), related_by, held["scores"].astype(np.float32))


class Cuts:
    """The cuts of an index, from the background that it keeps. Safe to use from threads."""

    def __init__(self, store: VectorStore) -> None:
        self._store = store
        self._guard = threading.Lock()
        self._held: Background | None = None
        self._known: dict[tuple[int, float], float] = {}

    def cut(self, searched: int, false_match: float, fingerprint: str) -> float | None:
        """See `Background.cut`; None: the index is too small to tell, or was not measured yet.

        The fingerprint is that of the model whose scores are judged.
        """
        with self._guard:
            background = self._current(fingerprint)
            if background is None:
                return None
            key = searched, false_match
            if key not in self._known:
                self._known = dict(list(self._known.items())[-100:])
                self._known[key] = background.cut(searched, false_match)
            return self._known[key]

    def _current(self, fingerprint: str) -> Background | None:
        records = self._store.count()
        if self._held is None or not self._held.fits(fingerprint, records):
            kept = _kept(self._store)
            if kept is None or not kept.fits(fingerprint, records):
                with unstoppable():  # of use to all who ask later
                    kept = measure(self._store) if records <= _AT_ONCE else None
            self._held, self._known = kept, {}
        return self._held


def settle(store: VectorStore) -> None:
    """What follows on writing: colours, quick searches, cuts that fit; needs the index's lock."""
    keep_colours(store)
    if is_local(store):
        store.settle()
        renew(store)
    else:  # a server asks as quickly before, and seals what is kept of it as well
        renew(store)
        store.settle()


def renew(store: VectorStore) -> None:
    """Measure the background again, if the index has outgrown it; needs the index's lock."""
    if not has_evidence(store):
        return
    kept = _kept(store)
    if kept is not None and kept.fits(store.model().fingerprint, store.count()):
        return
    made = measure(store)
    if made is not None:
        store.evidence.note(_NOTE, made.packed())


def _kept(store: VectorStore) -> Background | None:
    data = store.evidence.noted(_NOTE) if has_evidence(store) else None
    if data is None:
        return None
    with contextlib.suppress(ValueError, OSError, KeyError):  # written by another version
        return Background.unpacked(data)
    return None


def measure(store: VectorStore) -> Background | None:
    """Ask for some records of the index; None when it has too few, or cannot pick or keep any."""
    total = store.count()
    if total < LEAST_RECORDS or not has_evidence(store) or not has_facets(store):
        return None
    picked = store.browse.sample(_ASKED, _SEED)
    known = _vectors(store, picked)
    asked = [record for record in picked if record.id in known]
    vectors = [known[record.id] for record in asked]
    if len(asked) < LEAST_RECORDS:
        return None
    # All in one search, which reads each record once however many questions it is an answer to;
    # so each gets its own record as well.
    answers = store.search(np.stack(vectors), Page(_DEPTH + 2))
    found = [
        [match for match in answer.matches if match.record.id != record.id][: _DEPTH + 1]
        for record, answer in zip(asked, answers, strict=True)
    ]
    nearest = [[match.record for match in matches] for matches in found]
    shown = {one.sha256 for others in nearest for one in others[:_NEAR]}
    hashes = sorted(shown | {record.sha256 for record in asked})
    signed = store.evidence.signatures(hashes) if has_evidence(store) else {}
    copies = [_copies(signed, one, others) for one, others in zip(asked, nearest, strict=True)]
    field = _telling_field(asked, nearest)
    scores = np.full((len(asked), _DEPTH), -1.0, np.float32)
    for row, (record, matches) in enumerate(zip(asked, found, strict=True)):
        value = _value(record, field) if field else None
        unrelated = [
            match.score
            for match in matches
            if match.record.sha256 not in copies[row]
            and (value is None or _value(match.record, field) != value)
        ]
        scores[row, : len(unrelated)] = unrelated[:_DEPTH]
        if not unrelated:  # all that was looked at is related; the others score no higher
            scores[row, 0] = matches[-1].score
    return Background(store.model().fingerprint, total, field, scores)


def _vectors(store: VectorStore, records: Sequence[ImageRecord]) -> dict[str, Vectors]:
    """Vectors by id, without those that a writer removed meanwhile; asked of a server together."""
    if not is_local(store) and "id" not in store.fields():  # a field would be meant by the filter
        ids = Condition("id", "=", tuple(record.id for record in records), quoted=True)
        blocks = list(store.rows(Filter((ids,))))
        return {
            record.id: vector
            for block in blocks
            for record, vector in zip(block.records, block.vectors, strict=True)
        }
    found: dict[str, Vectors] = {}
    for record in records:
        with contextlib.suppress(RecordNotFoundError):
            found[record.id] = store.vector(record.id)
    return found


def _copies(
    signed: Mapping[str, bytes], record: ImageRecord, nearest: Sequence[ImageRecord]
) -> set[str]:
    """The contents that show a record's own picture: it, and its copies among the nearest.

    In a folder with copies in it, they would pass for unrelated records that look just the same.
    """
    found = {record.sha256}
    hashes = [record.sha256, *(other.sha256 for other in nearest[:_NEAR])]
    known = {digest: Signature.unpacked(signed[digest]) for digest in hashes if digest in signed}
    mine = known.pop(record.sha256, None)
    if mine is not None:
        checks = pixel_checks(mine, list(known.values()))
        found |= {
            digest for digest, check in zip(known, checks, strict=True) if check.verdict == "same"
        }
    return found


def _value(record: ImageRecord, name: str) -> FieldValue | None:
    """A record's value of a field, or the folder that it lies in; not by Path, which is slow."""
    return record.id.rpartition("/")[0] or None if name == _FOLDER else record.fields.get(name)


def _telling_field(asked: Sequence[ImageRecord], nearest: Sequence[Sequence[ImageRecord]]) -> str:
    """The field whose value the nearest neighbour shares most beyond chance; nothing: none.

    Or the coarsest of those whose values the nearest neighbour as good as never leaves.
    """
    best, most = "", 0.0
    coarsest, widest = "", 0.0
    firsts = [
        (record, next((other for other in others if other.sha256 != record.sha256), record))
        for record, others in zip(asked, nearest, strict=True)
    ]
    for name in sorted({_FOLDER, *(name for record in asked for name in record.fields)}):
        both = ((_value(a, name), _value(b, name)) for a, b in firsts if a is not b)
        pairs = [(one, other) for one, other in both if one is not None and other is not None]
        if len(pairs) < len(asked) / 2:
            continue
        shared = sum(one == other for one, other in pairs) / len(pairs)
        counts = Counter(one for one, _ in pairs)
        chance = sum((count / len(pairs)) ** 2 for count in counts.values())
        if len(counts) < 2 or shared < _TELLING or shared < 2 * chance:
            continue
        if shared >= _NEVER_LEFT and widest < chance <= _COARSE:
            coarsest, widest = name, chance
        gain = shared * math.log(shared / chance)  # as in Kullback and Leibler 1951
        if gain > most:
            best, most = name, gain
    return coarsest or best
