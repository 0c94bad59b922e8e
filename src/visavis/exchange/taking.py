"""Records into a store for one of its sources: each once, however often and from where it comes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from visavis.errors import IndexIncompatibleError, UsageError
from visavis.filters import TAGS
from visavis.matching.signature import BYTES
from visavis.store.base import KnownRecord, ModelFacts, SourceRow, VectorStore
from visavis.store.capabilities import has_evidence, has_tags
from visavis.store.fields import as_text
from visavis.types import Failure, ImageRecord, Vectors

_NEAR = 2e-3  # by which the numbers of a vector may differ that was made twice, and kept in float16


@dataclass(slots=True)
class Taken:
    """What was taken in."""

    added: int = 0
    unchanged: int = 0
    again: int = 0
    """Rows with an id that a row before had."""
    stayed: int = 0
    """Records that stayed although a row, which may be older, says something else."""
    failed: list[Failure] = field(default_factory=list)


class Taking:
    """Takes records into a store that the caller may write to.

    A record that the store has as it is stays, so that a second time changes nothing.

    Args:
        store: Which.
        row: The source that the records are to belong to; an id of another source stays that one's.
        first: Of rows with one id, whether the first counts, not the last.
        sure: Whether the content says what the vector is; else vectors are compared as well.
    """

    def __init__(self, store: VectorStore, row: SourceRow, *, first: bool, sure: bool) -> None:
        self._store = store
        self.row = row
        self._sweep = store.sweep(row.number)
        self._first = first
        self._sure = sure
        self._keep_tags = has_tags(store) and bool(store.tagged.state())
        self.taken = Taken()

    def take(
        self,
        records: Sequence[ImageRecord],
        vectors: Vectors,
        signatures: Mapping[str, bytes] | None = None,
        *,
        older: bool = False,
    ) -> list[ImageRecord]:
        """Take some records in, with their unit vectors (n, dim) and signatures by content.

        Of `older` ones only those come in whose ids the store lacks. When it returns they are
        kept. Returns those that the store did not have as they are.
        """
        known = self._sweep.known(list({record.id for record in records}))
        places = enumerate(records) if not self._first else reversed(list(enumerate(records)))
        chosen = {record.id: at for at, record in places}
        self.taken.again += len(records) - len(chosen)
        new: list[int] = []
        same: list[int] = []
        stay: list[str] = []
        for id, at in chosen.items():
            before = known.get(id)
            if before is not None and not before.own:
                self.taken.failed.append(_anothers(id))
                continue
            if before is not None and before.met:
                self.taken.again += 1
                if self._first:
                    continue
            alike = before is not None and self._same(before, records[at])
            if older and before is not None and not alike:
                stay.append(id)
                continue
            (same if alike else new).append(at)
        self._stay(stay)
        if not self._sure:
            other = self._other_vectors([records[at] for at in same], vectors[same])
            new += [same[place] for place in other]
            same = [at for place, at in enumerate(same) if place not in other]
        return self._put(records, vectors, signatures or {}, sorted(new), same, known)

    def _stay(self, ids: Sequence[str]) -> None:
        self._sweep.seen(ids)
        self.taken.stayed += len(ids)
        self.taken.unchanged += len(ids)

    def _put(
        self,
        records: Sequence[ImageRecord],
        vectors: Vectors,
        signatures: Mapping[str, bytes],
        new: list[int],
        same: list[int],
        known: Mapping[str, KnownRecord],
    ) -> list[ImageRecord]:
        self._sweep.seen([records[at].id for at in same])
        self.taken.unchanged += sum(not known[records[at].id].met for at in same)
        if has_evidence(self._store) and signatures:  # first: no record is ever without it
            some = {records[at].sha256 for at in (*new, *same)}
            sound = {digest: signatures[digest] for digest in some if digest in signatures}
            self._store.evidence.keep({d: s for d, s in sound.items() if len(s) == BYTES})
        chosen = [self._with_tags(records[at], known.get(records[at].id)) for at in new]
        refused = self._upsert(chosen, vectors[new])
        written = [record for record in chosen if record.id not in refused]
        met = {id for id, before in known.items() if before.met}
        self.taken.added += sum(record.id not in met for record in written)
        return written

    def _upsert(self, records: Sequence[ImageRecord], vectors: Vectors) -> set[str]:
        """Write records; the ids of those that the store cannot keep, which are reported."""
        if not records:
            return set()
        try:
            self._store.upsert(self.row.number, records, vectors)
        except UsageError as error:
            if len(records) == 1:
                self.taken.failed.append(Failure(records[0].id, str(error)))
                return {records[0].id}
            half = len(records) // 2
            return self._upsert(records[:half], vectors[:half]) | self._upsert(
                records[half:], vectors[half:]
            )
        return set()

    def _with_tags(self, record: ImageRecord, before: KnownRecord | None) -> ImageRecord:
        """The record with the tags that visavis has made for the same picture."""
        if not self._keep_tags or before is None or before.fields is None or TAGS in record.fields:
            return record
        if before.sha256.hex() != record.sha256 or TAGS not in (had := json.loads(before.fields)):
            return record
        return replace(record, fields={**record.fields, TAGS: had[TAGS]})

    def _same(self, before: KnownRecord, record: ImageRecord) -> bool:
        uri = before.uri
        if uri is None:  # it follows from the source and the id
            uri = f"{self.row.uri}/{record.id.removeprefix(self.row.prefix)}"
        return (
            before.sha256.hex() == record.sha256
            and before.size == record.size
            and before.modified == record.modified
            and uri == record.uri
            and _in_order(before.fields)
            == _in_order(as_text(self._with_tags(record, before).fields))
        )

    def _other_vectors(self, records: Sequence[ImageRecord], vectors: Vectors) -> set[int]:
        """Which of some records have another vector now than the store has for their content."""
        held = self._store.held([record.sha256 for record in records])
        return {
            at
            for at, record in enumerate(records)
            if record.sha256 not in held
            or float(np.abs(held[record.sha256].vector - vectors[at]).max()) > _NEAR
        }


def check_model(store: VectorStore, facts: ModelFacts, what: object, does: str) -> None:
    """Raise IndexIncompatibleError where the vectors of something are not those of a store."""
    made_by, place = store.model(), store.facts.place
    if made_by.dim != facts.dim:
        raise IndexIncompatibleError(
            f"{place}: its vectors have {made_by.dim} dimensions, and those of {what} have "
            f"{facts.dim}; {does} an index of their own"
        )
    if made_by.fingerprint != facts.fingerprint:
        model = facts.name if facts.name != made_by.name else f"another version of {facts.name}"
        raise IndexIncompatibleError(
            f"{place}: {made_by.name!r} made its vectors, and {model!r} those of {what}; {does} "
            "an index of their own"
        )


def _anothers(id: str) -> Failure:
    return Failure(id, "the index has this id from another source; import into another index")


def _in_order(fields: str | None) -> str | None:
    """The same text for the same fields, in whatever order they were written."""
    return None if fields is None else json.dumps(json.loads(fields), sort_keys=True)
