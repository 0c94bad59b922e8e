"""A store in a dict, searched by brute force: the contract, and not one thing more.

What the stores of one place keep is shared, as it is between processes that open one folder.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from brute import kept, passes

from visavis.errors import RecordNotFoundError, StoreError
from visavis.filters import ATTRIBUTES, kinds_of, resolve, widened
from visavis.store.base import (
    Answer,
    Change,
    Gone,
    KnownRecord,
    ModelFacts,
    Page,
    Rows,
    SourceInfo,
    SourceRow,
    SourceRun,
    StoredVector,
    StoreFacts,
    StoreInfo,
)
from visavis.store.fields import as_kept, as_text
from visavis.types import Fields, Filter, ImageRecord, Kind, Match, Vectors

_BLOCK = 1_000


@dataclass(frozen=True, slots=True)
class _Row:
    record: ImageRecord
    vector: Vectors
    source: int
    written: int
    """When: a count of writes."""


@dataclass(slots=True)
class Kept:
    """What is in one place."""

    model: ModelFacts
    rows: dict[str, _Row] = field(default_factory=dict)
    sources: dict[str, SourceRow] = field(default_factory=dict)
    runs: dict[int, SourceRun] = field(default_factory=dict)
    kinds: dict[str, Kind] = field(default_factory=dict)
    clock: int = 0
    lock: threading.RLock = field(default_factory=threading.RLock)

    def copied(self) -> "Kept":
        """The same, to be changed by itself."""
        return replace(
            self,
            rows=dict(self.rows),
            sources=dict(self.sources),
            runs=dict(self.runs),
            kinds=dict(self.kinds),
            lock=threading.RLock(),
        )


class DictStore:
    """See VectorStore for the contract; it has none of the capabilities."""

    def __init__(self, place: str | Path, data: Kept) -> None:
        self._place = str(place)
        self._data = data
        self._open = True

    @contextmanager
    def _held(self) -> Iterator[Kept]:
        if not self._open:
            raise StoreError(f"{self._place}: the index was closed")
        with self._data.lock:
            yield self._data

    @property
    def facts(self) -> StoreFacts:
        return StoreFacts(self._place, frozenset())

    def model(self) -> ModelFacts:
        with self._held() as data:
            return data.model

    # -- writing -----------------------------------------------------------------------------------

    def source(
        self, kind: str, uri: str, *, apart: bool = False, prefix: str | None = None
    ) -> SourceRow:
        with self._held() as data:
            if uri not in data.sources:
                number = 1 + max((row.number for row in data.sources.values()), default=0)
                others = apart and any(row.kind == kind for row in data.sources.values())
                free = f"{Path(uri).name}-{number}/" if others else ""
                prefix = free if prefix is None else prefix
                data.sources[uri] = SourceRow(number, kind, uri, prefix)
            return data.sources[uri]

    def sources(self) -> list[SourceRow]:
        with self._held() as data:
            return list(data.sources.values())

    def note_run(self, source: int, run: SourceRun) -> None:
        with self._held() as data:
            data.runs[source] = run

    def move_source(self, source: int, uri: str, below: str = "") -> int:
        with self._held() as data:
            [old] = [row for row in data.sources.values() if row.number == source]
            new = data.sources.get(uri, old._replace(uri=uri))
            rows = [new if row == old else row for row in data.sources.values()]
            data.sources = {row.uri: row for row in rows}
            taken = {id for id, row in data.rows.items() if row.source != source}
            kept_rows: dict[str, _Row] = {}
            moved = 0
            for id, row in data.rows.items():
                if row.source != source:
                    kept_rows[id] = row
                elif (renamed := _renamed(row, old, new, below)).record.id not in taken:
                    kept_rows[renamed.record.id] = renamed
                    moved += 1
            data.rows = kept_rows
            return moved

    def upsert(self, source: int, records: Sequence[ImageRecord], vectors: Vectors) -> None:
        with self._held() as data:
            data.clock += 1
            latest = {record.id: at for at, record in enumerate(records)}
            for id, at in latest.items():
                data.rows.pop(id, None)  # what is written anew comes last
                record = replace(records[at], fields=as_kept(records[at].fields))
                data.rows[id] = _Row(record, kept(vectors[at][None])[0], source, data.clock)
            self._note(record.fields for record in records)

    def update(self, changes: Sequence[Change]) -> None:
        with self._held() as data:
            for change in changes:
                if change.id in data.rows:
                    row = data.rows[change.id]
                    _, size, modified, uri, _ = change
                    fields = as_kept(change.fields)
                    record = replace(
                        row.record, size=size, modified=modified, uri=uri, fields=fields
                    )
                    data.rows[change.id] = replace(row, record=record)
            self._note(change.fields for change in changes)

    def _note(self, fields: Iterable[Fields]) -> None:
        for name, kind in kinds_of(fields).items():
            self._data.kinds[name] = widened(self._data.kinds.get(name, kind), kind)

    def remove(self, ids: Sequence[str]) -> int:
        with self._held() as data:
            return sum(data.rows.pop(id, None) is not None for id in ids)

    def remove_where(self, where: Filter) -> int:
        with self._held():
            return self.remove([row.record.id for row in self._passing(where)])

    def forget_source(self, uri: str) -> int:
        with self._held() as data:
            source = data.sources.pop(uri, None)
            gone = [id for id, row in data.rows.items() if source and row.source == source.number]
            return self.remove(gone)

    def sweep(
        self, source: int, below: str = "", among: Sequence[str] | None = None
    ) -> "DictSweep":
        with self._held() as data:
            return DictSweep(self, data, source, below, among)

    # -- reading -----------------------------------------------------------------------------------

    def held(self, hashes: Sequence[str]) -> dict[str, StoredVector]:
        with self._held() as data:
            return {
                row.record.sha256: StoredVector(
                    row.vector, row.record.width, row.record.height, as_text(row.record.fields)
                )
                for row in data.rows.values()
                if row.record.sha256 in set(hashes)
            }

    def _row(self, id: str) -> _Row:
        with self._held() as data:
            if id not in data.rows:
                raise RecordNotFoundError(id)
            return data.rows[id]

    def get(self, id: str) -> ImageRecord:
        return self._row(id).record

    def vector(self, id: str) -> Vectors:
        return self._row(id).vector

    def _passing(self, where: Filter | None) -> list[_Row]:
        with self._held() as data:
            if where is None:
                return list(data.rows.values())
            typed = resolve(where, data.kinds)
            return [
                row
                for row in data.rows.values()
                if passes(
                    typed,
                    {
                        **{name: getattr(row.record, name) for name in ATTRIBUTES},
                        **row.record.fields,
                    },
                )
            ]

    def search(self, vectors: Vectors, page: Page, where: Filter | None = None) -> list[Answer]:
        with self._held():
            if page.without is not None:
                self._row(page.without)
            rows = [row for row in self._passing(where) if row.record.id != page.without]
        return [_nearest(rows, vector, page) for vector in vectors]

    def records(self, where: Filter | None = None) -> Iterator[ImageRecord]:
        yield from (row.record for row in self._passing(where))

    def rows(self, where: Filter | None = None) -> Iterator[Rows]:
        found = self._passing(where)
        for start in range(0, len(found), _BLOCK):
            block = found[start : start + _BLOCK]
            yield Rows(tuple(row.record for row in block), np.stack([row.vector for row in block]))

    def count(self, where: Filter | None = None) -> int:
        return len(self._passing(where))

    def fields(self) -> dict[str, Kind]:
        with self._held() as data:
            return dict(data.kinds)

    def settle(self, thorough: bool = False) -> None:
        with self._held():
            pass  # it is always quick, or rather never

    def info(self) -> StoreInfo:
        with self._held() as data:
            counts = Counter(row.source for row in data.rows.values())
            return StoreInfo(
                records=len(data.rows),
                model=data.model.name,
                model_ref=data.model.ref,
                fingerprint=data.model.fingerprint,
                dim=data.model.dim,
                bytes=0,
                approximate=False,
                pending=0,
                sources=tuple(
                    SourceInfo(row, counts[row.number], data.runs.get(row.number))
                    for row in data.sources.values()
                ),
                fields=dict(data.kinds),
            )

    def close(self) -> None:
        self._open = False


def _renamed(row: _Row, old: SourceRow, new: SourceRow, below: str) -> _Row:
    """The row of a source that lies somewhere else now."""
    start = f"{below}/" if below else ""
    record = row.record
    uri, fields = record.uri, dict(record.fields)
    if uri.startswith(f"{old.uri}/"):
        uri = f"{new.uri}/{start}{uri.removeprefix(f'{old.uri}/')}"
    if below:
        inner = f"/{fields['folder']}" if "folder" in fields else ""
        fields["folder"] = below + inner
    id = new.prefix + start + record.id.removeprefix(old.prefix)
    return replace(row, record=replace(record, id=id, uri=uri, fields=fields), source=new.number)


def _nearest(rows: Sequence[_Row], vector: Vectors, page: Page) -> Answer:
    matrix = np.array([row.vector for row in rows], np.float64).reshape(len(rows), len(vector))
    scores = np.minimum(np.einsum("ij,j->i", matrix, vector.astype(np.float64)).round(6), 1.0)
    matches = [Match(row.record, score) for row, score in zip(rows, scores.tolist(), strict=True)]
    matches.sort(key=lambda match: (-match.score, match.record.id))
    if page.min_score is not None:
        matches = [match for match in matches if match.score >= page.min_score]
    return Answer(tuple(matches[page.offset : page.offset + page.limit]), len(rows))


class DictSweep:
    """A run over one source."""

    def __init__(
        self,
        store: DictStore,
        data: Kept,
        source: int,
        below: str,
        among: Sequence[str] | None = None,
    ) -> None:
        self._store, self._data, self._source, self._below = store, data, source, below
        self._among = among
        self._began = data.clock
        self._seen: set[str] = set()

    def count(self) -> int:
        return sum(self._swept(row) for row in self._data.rows.values())

    def _swept(self, row: _Row) -> bool:
        id = row.record.id
        named = self._among is None or any(
            id == name or id.startswith(name + "/") for name in self._among
        )
        return row.source == self._source and id.startswith(self._below) and named

    def _met(self, row: _Row) -> bool:
        return row.written > self._began or row.record.id in self._seen

    def known(self, ids: Sequence[str]) -> dict[str, KnownRecord]:
        found = {id: self._data.rows[id] for id in ids if id in self._data.rows}
        return {
            id: KnownRecord(
                row.source == self._source,
                self._met(row),
                row.record.size,
                row.record.modified,
                bytes.fromhex(row.record.sha256),
                row.record.uri,
                as_text(row.record.fields),
            )
            for id, row in found.items()
        }

    def seen(self, ids: Sequence[str]) -> None:
        self._seen.update(ids)

    def gone(self, spared: Callable[[str, str], bool], most: int | None = None) -> Gone:
        rows = self._data.rows.values()
        leaving = [
            row.record
            for row in rows
            if self._swept(row) and not self._met(row) and not spared(row.record.id, row.record.uri)
        ]
        new = Counter(row.record.sha256 for row in rows if row.written > self._began)
        if self._among is not None:
            new = self._newer(leaving)
        moved = (Counter(record.sha256 for record in leaving) & new).total()
        lost = len(leaving) - moved
        refused = lost if most is not None and lost > most else 0
        if refused:
            leaving = [record for record in leaving if record.sha256 in new]
        return Gone(self._store.remove([record.id for record in leaving]), moved, refused)

    def _newer(self, leaving: Sequence[ImageRecord]) -> Counter[str]:
        """Of the contents of records: how many of them have moved, as others have it since."""
        going, rows = {record.id for record in leaving}, self._data.rows
        others = [row for id, row in rows.items() if id not in going]
        return Counter(
            record.sha256
            for record in leaving
            if any(
                row.record.sha256 == record.sha256 and row.written > rows[record.id].written
                for row in others
            )
        )
