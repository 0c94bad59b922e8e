"""The store over a Milvus collection; see `visavis.store.base.VectorStore` for the contract.

What a server cannot keep of it: an upsert is not one transaction for readers, records come in order
of their ids, and answers are approximate for all but small galleries and selective filters.
Measured with Milvus 2.3.5, which lacks partial updates, so that new facts rewrite the vector.
"""

import threading
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from visavis.errors import FilterError, IndexIncompatibleError, RecordNotFoundError
from visavis.filters import TypedFilter, resolve
from visavis.store.base import (
    Answer,
    Capability,
    Change,
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
from visavis.store.milvus import searching
from visavis.store.milvus.address import Address
from visavis.store.milvus.browse import MilvusBrowse
from visavis.store.milvus.client import Client, Row, seal_together
from visavis.store.milvus.evidence import MilvusEvidence
from visavis.store.milvus.facts import Facts, KeptFacts
from visavis.store.milvus.rebuild import MilvusRebuild
from visavis.store.milvus.rows import (
    HELD,
    RECORD,
    WHOLE,
    held_of,
    record_of,
    row_of,
    unit_vectors,
    vectors_of,
)
from visavis.store.milvus.schema import collection_of, make_collection
from visavis.store.milvus.sweep import MilvusSweep
from visavis.store.milvus.where import Expression, compile_filter, named
from visavis.types import Filter, ImageRecord, Kind, Vectors

_ASKED = 1_000  # ids a call
_PAUSE = 60.0  # seconds from one seal to the next


class MilvusStore:
    """Keeps records and vectors in a collection. Several processes may write at once."""

    def __init__(self, address: Address) -> None:
        """Open what is there. Raises IndexMissingError, StoreUnreachableError, …"""
        self._address = address
        self._named = Client(address)
        self._kept = KeptFacts(self._named)
        self._sweeps: weakref.WeakSet[MilvusSweep] = weakref.WeakSet()
        self._writing = threading.RLock()
        self.browse = MilvusBrowse(self._kept, self._compiled)
        """What can be asked without a query."""
        self.evidence = MilvusEvidence(self._named)
        """What is known of images besides their vectors."""
        checks = self._kept.now(fresh=True).layout.checks
        self._can: frozenset[Capability] = _CAN | {"evidence"} if checks else _CAN

    @classmethod
    def create(cls, address: Address, model: ModelFacts) -> "MilvusStore":
        """Make a collection for a model's vectors, unless there is one already."""
        alias = Client(address)
        try:
            if not alias.exists():
                client = alias.at(collection_of(alias.name, model.fingerprint))
                if not client.exists():  # one whose making was stopped has no name yet
                    make_collection(client, Facts(model, layout=address.layout))
                if address.layout.checks:
                    MilvusEvidence(alias).make()
                client.be_named(alias.name)
        finally:
            alias.close()
        return cls(address)

    @property
    def _client(self) -> Client:
        """The collection that the address leads to now."""
        return self._kept.client()

    @property
    def facts(self) -> StoreFacts:
        """Where it is, and what it can do besides."""
        return StoreFacts(str(self._address), self._can)

    def model(self) -> ModelFacts:
        """The model that made the vectors."""
        return self._kept.now().model

    def close(self) -> None:
        """Seal what is left to seal, and let the connection go."""
        self._named.close()

    def rebuild(self, model: ModelFacts) -> MilvusRebuild:
        """Begin to give every record a vector of another model, or go on with it."""
        return MilvusRebuild(self._named, self._kept, model)

    # -- sources -----------------------------------------------------------------------------------

    def source(
        self, kind: str, uri: str, *, apart: bool = False, prefix: str | None = None
    ) -> SourceRow:
        """The source with that URI, registered when it is new."""

        def made(rows: Sequence[SourceRow]) -> SourceRow:
            number = 1 + max((row.number for row in rows), default=0)
            others = apart and any(row.kind == kind for row in rows)
            free = f"{Path(uri).name}-{number}/" if others else ""
            return SourceRow(number, kind, uri, free if prefix is None else prefix)

        return self._kept.register(uri, made)

    def sources(self) -> list[SourceRow]:
        """All sources, in the order in which they came."""
        return list(self._kept.now().sources)

    def note_run(self, source: int, run: SourceRun) -> None:
        """Remember how the last run over a source went."""
        self._kept.change(lambda facts: replace(facts, runs={**facts.runs, source: run}))

    def move_source(self, source: int, uri: str, below: str = "") -> int:
        """Give a source another URI, and its records the ids that this brings."""
        facts = self._kept.now(fresh=True)
        [old] = [row for row in facts.sources if row.number == source]
        new = next((row for row in facts.sources if row.uri == uri), None)
        if new is None and below:  # with a number of its own: the walk would meet what was renamed
            new = self.source(old.kind, uri, prefix=old.prefix)
        new = new or old._replace(uri=uri)
        moved, client = 0, self._client
        for rows in client.walk(f"source == {source}", [*_OTHERS, "vector"], _ASKED):
            moved += self._moved(client, rows, old, new, below)
        self._kept.change(lambda facts: facts.moved(source, new))
        return moved

    def _moved(
        self, client: Client, rows: Sequence[Row], old: SourceRow, new: SourceRow, below: str
    ) -> int:
        """Write rows under their new ids, and then remove the old ones."""
        records = [_renamed(record_of(row), old, new, below) for row in rows]
        there = _known(client, [record.id for record in records], ["source"])
        free = [
            at
            for at, record in enumerate(records)
            if record.id not in there or there[record.id]["source"] == old.number
        ]
        kept = [records[at] for at in free]
        if kept:
            self._write(client, new.number, kept, vectors_of(rows)[free])
            self._kept.note_fields(record.fields for record in kept)
        gone = {row["id"] for row in rows} - {record.id for record in kept}
        if gone:
            client.delete(named("id", sorted(gone)))
        return len(kept)

    def forget_source(self, uri: str) -> int:
        """Remove a source and all its records; returns how many there were."""
        number = next((row.number for row in self.sources() if row.uri == uri), None)
        if number is None:
            return 0
        count = self._delete(f"source == {number}")
        self._kept.change(
            lambda facts: replace(
                facts,
                sources=tuple(row for row in facts.sources if row.number != number),
                runs={key: run for key, run in facts.runs.items() if key != number},
            )
        )
        return count

    def sweep(
        self, source: int, below: str = "", among: Sequence[str] | None = None
    ) -> MilvusSweep:
        """The beginning of a run over a source, which is to find what has gone."""
        made = MilvusSweep(self._client, source, below, among)
        self._sweeps.add(made)
        return made

    # -- writing -----------------------------------------------------------------------------------

    def upsert(self, source: int, records: Sequence[ImageRecord], vectors: Vectors) -> None:
        """Add or replace records of a source; the last of an id counts."""
        latest = {record.id: at for at, record in enumerate(records)}  # twice is two rows there
        chosen = [records[at] for at in latest.values()]
        if not chosen:
            return
        self._kept.note_fields(record.fields for record in chosen)
        client = self._client
        if any(sweep.collection != client.name for sweep in self._sweeps):
            raise IndexIncompatibleError(
                f"{self._address}: the index was given another model meanwhile; run this again"
            )
        self._write(client, source, chosen, unit_vectors(vectors[list(latest.values())]))
        for sweep in self._sweeps:
            sweep.wrote(chosen)

    def _write(
        self, client: Client, source: int, records: Sequence[ImageRecord], vectors: Vectors
    ) -> None:
        layout = self._kept.now().layout
        rows = [row_of(*one, source, layout) for one in zip(records, vectors, strict=True)]
        with self._writing:
            client.upsert(rows)

    def update(self, changes: Sequence[Change]) -> None:
        """Write facts of records that keep their vectors; ids that are unknown are ignored."""
        self._kept.note_fields(change.fields for change in changes)
        news = {change.id: change for change in changes}
        with self._writing:
            client = self._client
            found = _known(client, list(news), [*_OTHERS, "source", "vector"])
            for source in {row["source"] for row in found.values()}:
                rows = [row for row in found.values() if row["source"] == source]
                records = [_changed(record_of(row), news[row["id"]]) for row in rows]
                self._write(client, source, records, vectors_of(rows))

    def remove(self, ids: Sequence[str]) -> int:
        """Remove records by id; returns how many there were."""
        parts = [list(ids[at : at + _ASKED]) for at in range(0, len(ids), _ASKED)]
        return sum(self._delete(named("id", part)) for part in parts)

    def remove_where(self, where: Filter) -> int:
        """Remove every record that passes a filter; returns how many there were."""
        expression = self._compiled(where)
        if expression.rest is None:
            return self._delete(expression.text or _ALL)
        blocks = list(searching.passing(self._client, expression, ()))
        return self.remove([row["id"] for rows in blocks for row in rows])

    def _delete(self, expression: str) -> int:
        client = self._client
        count = client.count(expression, strong=True)  # also what others wrote just now
        if count:
            client.delete(expression)
        return count

    # -- reading -----------------------------------------------------------------------------------

    def held(self, hashes: Sequence[str]) -> dict[str, StoredVector]:
        """Vectors already computed for content with these SHA-256 digests (hex)."""
        found: dict[str, StoredVector] = {}
        for start in range(0, len(hashes), _ASKED):
            part = hashes[start : start + _ASKED]
            for row in self._client.query(named("sha256", part), HELD):
                found.setdefault(row["sha256"], held_of(row))
        return found

    def get(self, id: str) -> ImageRecord:
        """The record. Raises RecordNotFoundError."""
        return record_of(self._row(id))

    def vector(self, id: str) -> Vectors:
        """The record's vector, (dim,). Raises RecordNotFoundError."""
        return np.asarray(self._row(id)["vector"], np.float32)

    def _row(self, id: str) -> Row:
        row = self._client.row(id, WHOLE)
        if row is None:
            raise RecordNotFoundError(id)
        return row

    def search(self, vectors: Vectors, page: Page, where: Filter | None = None) -> list[Answer]:
        """For each of the unit vectors (n, dim): the records nearest to it, best first."""
        expression, layout = self._compiled(where), self._kept.now().layout
        return searching.search(self._client, vectors, page, expression, layout.true_scores)

    def records(self, where: Filter | None = None) -> Iterator[ImageRecord]:
        """All records (that pass the filter), in order of their ids."""
        expression = self._compiled(where)
        for rows in searching.passing(self._client, expression, RECORD):
            yield from map(record_of, rows)

    def rows(self, where: Filter | None = None) -> Iterator[Rows]:
        """All records (that pass the filter) with their vectors, in blocks, in order of ids."""
        expression = self._compiled(where)
        for rows in searching.passing(self._client, expression, [*RECORD, "vector"]):
            yield Rows(tuple(map(record_of, rows)), vectors_of(rows))

    def count(self, where: Filter | None = None) -> int:
        """How many records there are, or pass a filter."""
        expression = self._compiled(where)
        if expression.rest is None:
            return self._client.count(expression.text)
        return sum(map(len, searching.passing(self._client, expression, ())))

    def fields(self) -> dict[str, Kind]:
        """Names of the fields that some record has had, with their kinds."""
        return dict(self._kept.now().kinds)

    def _compiled(self, where: Filter | None) -> Expression:
        return compile_filter(self._resolved(where), self._kept.now().layout)

    def _resolved(self, where: Filter | None) -> TypedFilter | None:
        if where is None:
            return None
        try:
            return resolve(where, self._kept.now().kinds)
        except FilterError:  # another process may have brought the field just now
            return resolve(where, self._kept.now(fresh=True).kinds)

    # -- life --------------------------------------------------------------------------------------

    def settle(self, thorough: bool = False) -> None:
        """Have Milvus seal what was written; what it loses unsealed in a crash, it does not say.

        Within a minute of the last time it is left to the next, or to closing.
        """
        client = self._kept.client(fresh=thorough)
        sealed = [client]
        if "evidence" in self._can:
            if thorough:
                self.evidence.tidy(lambda hashes: set(hashes) - _contents(client, hashes))
            sealed += self.evidence.collections()
        seal_together(sealed, None if thorough else _PAUSE)

    def info(self) -> StoreInfo:
        """The state of the store; Milvus does not tell its bytes."""
        facts = self._kept.now(fresh=True)
        return StoreInfo(
            records=self._client.count(),
            model=facts.model.name,
            model_ref=facts.model.ref,
            fingerprint=facts.model.fingerprint,
            dim=facts.model.dim,
            bytes=None,
            approximate=True,
            pending=0,
            sources=tuple(
                SourceInfo(
                    row, self._client.count(f"source == {row.number}"), facts.runs.get(row.number)
                )
                for row in facts.sources
            ),
            fields=dict(facts.kinds),
        )


def collection_exists(address: Address) -> bool:
    """Whether the server has the collection."""
    client = Client(address)
    try:
        return client.exists()
    finally:
        client.close()


def _known(client: Client, ids: Sequence[str], columns: Sequence[str]) -> dict[str, Row]:
    found: dict[str, Row] = {}
    for start in range(0, len(ids), _ASKED):
        rows = client.query(named("id", ids[start : start + _ASKED]), ["id", *columns])
        found |= {row["id"]: row for row in rows}
    return found


def _contents(client: Client, hashes: Sequence[str]) -> set[str]:
    """Which of the digests (hex) are those of some record."""
    rows = client.query(named("sha256", hashes), ["sha256"], strong=True)
    return {row["sha256"] for row in rows}


_CAN: frozenset[Capability] = frozenset({"facets", "rebuilding"})
_OTHERS = tuple(name for name in RECORD if name != "id")
_ALL = 'id >= ""'


def _changed(record: ImageRecord, change: Change) -> ImageRecord:
    return replace(
        record,
        size=change.size,
        modified=change.modified,
        uri=change.uri,
        fields=dict(change.fields),
    )


def _renamed(record: ImageRecord, old: SourceRow, new: SourceRow, below: str) -> ImageRecord:
    """The record of a source that lies somewhere else now."""
    start = f"{below}/" if below else ""
    uri, fields = record.uri, dict(record.fields)
    if uri.startswith(f"{old.uri}/"):
        uri = f"{new.uri}/{start}{uri.removeprefix(f'{old.uri}/')}"
    if below:
        inner = f"/{fields['folder']}" if "folder" in fields else ""
        fields["folder"] = below + inner
    id = new.prefix + start + record.id.removeprefix(old.prefix)
    return replace(record, id=id, uri=uri, fields=fields)
