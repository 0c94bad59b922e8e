"""An index into another one, of whatever kind: all that both can keep, and then compared.

Nothing but one block of records is in memory at a time. What the copy has already stays as it is,
so that a copy which was stopped goes on, and one that is repeated writes what is new.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from random import Random
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from visavis.embedders.reduced import carry_over
from visavis.errors import RecordNotFoundError, StoreError, UsageError
from visavis.exchange.taking import Taking, check_model
from visavis.flows.concepts.carrying import carry_concepts, carry_field
from visavis.flows.relation.cuts import settle
from visavis.store.aspects import AspectKeeping, has_aspects
from visavis.store.base import Rows, SourceRow, Sweep, VectorStore
from visavis.store.capabilities import has_evidence, has_tags, is_local
from visavis.store.fields import as_kept
from visavis.store.open import (
    Place,
    create_store,
    open_store,
    same_place,
    writing_to,
)
from visavis.types import ImageRecord, IndexReport, Vectors

CopyProgress = Callable[[IndexReport, int], None]
"""Called with the report so far, all of it kept, and how many records there are in all."""

_COMPARED = 500  # records that are read back
_NEAR = 2e-3  # by which the numbers of a vector may differ in 16 bits
_SEED = 20_261
_APART = ("folder", "bucket")  # sources whose ids are paths, and may be another one's as well


@dataclass(slots=True)
class Copied:
    """What came of a copy."""

    report: IndexReport = field(default_factory=IndexReport)
    compared: int = 0
    """Records that were read back from the copy."""
    differences: list[str] = field(default_factory=list)
    """In what the copy is not like the other index."""

    def error(self) -> StoreError | None:
        """What differs, as an error; None where nothing does."""
        if not self.differences:
            return None
        return StoreError(
            f"the copy is not like the original: {'; '.join(self.differences)}; if one of them was "
            "written to meanwhile, run the same command again"
        )


def copy_index(
    source: Place,
    target: Place,
    *,
    lock_seconds: float = 10.0,
    progress: CopyProgress | None = None,
) -> Copied:
    """Bring all records of an index into another one, which is made if need be, and compare.

    Sources with their last runs, records with all fields, tags, vectors, signatures, aspects and
    concepts go over, as far as the target can keep them. Compared are how many records each source
    has, and records picked by chance, with their vectors.

    Args:
        source: A folder, or the URL of a collection in Milvus; it is read only.
        target: The same.
        lock_seconds: How long to wait for another writer of the target.
        progress: See CopyProgress.

    Raises:
        UsageError: both are the same index.
        IndexIncompatibleError: the target has vectors of another model.
        StoreError: as the stores do.
    """
    started, copied = time.monotonic(), Copied()
    with closing(open_store(source)) as original:
        place, facts = original.facts.place, original.model()
        if same_place(source, target):
            raise UsageError(f"{place}: it is the same index as the copy; name another place")
        create_store(target, facts, lock_seconds)
        with closing(open_store(target)) as copy:
            check_model(copy, facts, original.facts.place, "copy them into")
            with writing_to(copy, lock_seconds)():
                _carry_reduction(original, copy, copied.report)
                _carry_concepts(original, copy, copied.report)
                sample = _Copying(original, copy, copied.report, progress).run()
                settle(copy)
            _compare(original, copy, sample, copied)
            if original.model() != facts:
                copied.differences.append(f"{place} was given another model meanwhile")
    copied.report.seconds = time.monotonic() - started
    return copied


def _carry_reduction(original: VectorStore, copy: VectorStore, report: IndexReport) -> None:
    """What makes vectors of fewer dimensions goes over, without which no picture is asked with."""
    if not is_local(original):
        return
    folder = copy.folder if is_local(copy) else None
    if not carry_over(original.folder, folder, original.model().fingerprint):
        report.notes.append(
            f"{copy.facts.place}: it has no place for what reduces vectors (--reduce); it answers "
            "records and vectors, and no pictures"
        )


def _carry_concepts(original: VectorStore, copy: VectorStore, report: IndexReport) -> None:
    carry_field(original, copy)
    if left := carry_concepts(original, copy):
        many = "a concept with its marks stays" if left == 1 else f"{left} concepts with marks stay"
        report.notes.append(f"{many} behind: {copy.facts.place} has no place for marks")


class _Picked(NamedTuple):
    """A record as the copy should have it."""

    record: ImageRecord
    vector: Vectors


class _Copying:
    """Takes all records of one store into another."""

    def __init__(
        self,
        original: VectorStore,
        copy: VectorStore,
        report: IndexReport,
        progress: CopyProgress | None,
    ) -> None:
        self._original = original
        self._copy = copy
        self._report = report
        self._progress = progress
        self._total = original.count()
        self._rows = original.sources()
        self._sweeps: dict[int, Sweep] = {}
        self._begin_tags()
        self._takings = {row.number: self._taking(row) for row in self._rows}
        self._aspects = dict(_aspects(original, copy, report))
        self._picked: list[_Picked] = []
        self._met = 0
        self._random = Random(_SEED)

    def run(self) -> list[_Picked]:
        """Take all of them; some, picked by chance, as the copy should have them."""
        lost = 0
        for block in self._original.rows():
            lost += len(block.records)
            for number, places in self._by_source(block).items():
                lost -= len(places)
                records = [block.records[at] for at in places]
                self._take(number, records, block.vectors[places])
            self._tell()
        if lost:
            self._report.notes.append(
                f"{lost} records left the original while it was copied; copy it again"
            )
        self._note_runs()
        return self._picked

    def _take(self, number: int, records: Sequence[ImageRecord], vectors: Vectors) -> None:
        taking = self._takings[number]
        named = [self._named(record, number) for record in records]
        hashes = list({record.sha256 for record in records})
        original = self._original
        signed = original.evidence.signatures(hashes) if has_evidence(original) else {}
        taking.take(named, vectors, signed)
        pairs = {new.id: old.id for new, old in zip(named, records, strict=True)}
        for name, (there, here) in self._aspects.items():
            lacking = pairs.keys() - here.values(name, list(pairs)).keys()
            found = there.values(name, [pairs[id] for id in lacking])
            here.put(name, {id: found[pairs[id]] for id in lacking if pairs[id] in found})
        for record, vector in zip(named, vectors, strict=True):
            self._pick(record, vector)

    def _named(self, record: ImageRecord, number: int) -> ImageRecord:
        """The record with the id that its source has in the copy."""
        old = next(row.prefix for row in self._rows if row.number == number)
        new = self._takings[number].row.prefix
        return record if old == new else replace(record, id=new + record.id.removeprefix(old))

    def _pick(self, record: ImageRecord, vector: Vectors) -> None:
        """Keep each of the records with the same chance, whatever their number."""
        self._met += 1
        place = len(self._picked)
        if place == _COMPARED and (place := self._random.randrange(self._met)) >= _COMPARED:
            return
        one = _Picked(record, vector.copy())  # a view would keep its whole block in memory
        self._picked[place : place + 1] = [one]

    def _by_source(self, block: Rows) -> dict[int, NDArray[np.int64]]:
        """Which places of a block hold records of each source."""
        found: dict[int, list[int]] = {}
        left = {record.id: at for at, record in enumerate(block.records)}
        for row in self._rows:
            if not left:
                break
            if row.number not in self._sweeps:
                self._sweeps[row.number] = self._original.sweep(row.number)
            known = self._sweeps[row.number].known(list(left))
            own = [id for id, record in known.items() if record.own]
            if own:
                found[row.number] = sorted(left.pop(id) for id in own)
        self._rows.sort(key=lambda row: row.number not in found)  # neighbours are often of one
        return {number: np.array(places, np.int64) for number, places in found.items()}

    def _taking(self, row: SourceRow) -> Taking:
        copy = self._copy
        others = {other.prefix for other in copy.sources() if other.kind == row.kind}
        apart = row.kind in _APART or row.prefix != ""
        free = not apart or row.prefix not in others
        made = copy.source(row.kind, row.uri, apart=apart, prefix=row.prefix if free else None)
        if made.prefix != row.prefix:
            self._report.notes.append(
                f"{row.uri}: its ids begin with {made.prefix!r} there, and with {row.prefix!r} here"
            )
        return Taking(copy, made, first=True, sure=True)

    def _begin_tags(self) -> None:
        """Let the copy know that its tags are visavis's own, before any comes."""
        original, copy = self._original, self._copy
        if not has_tags(original) or not (state := original.tagged.state()):
            return
        if not has_tags(copy):
            self._report.notes.append("the tags go over as a field like any other")
        elif not copy.tagged.state() and "tags" not in copy.fields():
            copy.tagged.begin(state)

    def _note_runs(self) -> None:
        for source in self._original.info().sources:
            taking = self._takings.get(source.row.number)
            if source.run is not None and taking is not None:
                self._copy.note_run(taking.row.number, source.run)

    def _tell(self) -> None:
        all_taken = [taking.taken for taking in self._takings.values()]
        self._report.added = sum(taken.added for taken in all_taken)
        self._report.unchanged = sum(taken.unchanged for taken in all_taken)
        for taken in all_taken:
            self._report.failed += taken.failed
            taken.failed = []
        if self._progress is not None:
            self._progress(self._report, self._total)


def _aspects(
    original: VectorStore, copy: VectorStore, report: IndexReport
) -> Iterator[tuple[str, tuple[AspectKeeping, AspectKeeping]]]:
    """The aspects that go over, with where they are and where they go."""
    kept = original.aspects.kept() if has_aspects(original) else {}
    for name, facts in kept.items():
        assert has_aspects(original)
        if not has_aspects(copy):
            report.notes.append(f"{copy.facts.place}: it has no room for {name}")
            continue
        if name not in copy.aspects.kept():
            copy.aspects.begin(name, facts.size, facts.made_by)
        if copy.aspects.kept()[name] == facts:
            yield name, (original.aspects, copy.aspects)


# -- comparing -------------------------------------------------------------------------------------


def _compare(
    original: VectorStore, copy: VectorStore, sample: Sequence[_Picked], copied: Copied
) -> None:
    there = _counts(copy)
    for uri, count in _counts(original).items():
        has = there.get(uri, 0)
        if has != count:
            more = "; it has records that the original lost since" if has > count else ""
            copied.differences.append(
                f"of {uri}, {original.facts.place} has {count:,} records and {copy.facts.place} "
                f"{has:,}{more}"
            )
    refused = {failure.uri for failure in copied.report.failed}
    other = [
        one.record.id for one in sample if one.record.id not in refused and not _is_there(one, copy)
    ]
    copied.compared = len(sample)
    if other:
        copied.differences.append(
            f"{len(other)} of {len(sample)} records that were compared are not the same, such as "
            f"{other[0]!r}"
        )


def _counts(store: VectorStore) -> Mapping[str, int]:
    return {source.row.uri: source.records for source in store.info().sources}


def _is_there(one: _Picked, copy: VectorStore) -> bool:
    try:
        record, vector = copy.get(one.record.id), copy.vector(one.record.id)
    except RecordNotFoundError:
        return False
    expected = replace(one.record, fields=as_kept(one.record.fields))
    same = replace(record, fields=as_kept(record.fields)) == expected
    return same and bool(np.abs(vector - one.vector).max() <= _NEAR)
