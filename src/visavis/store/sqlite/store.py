"""The store of one machine: SQLite holds the truth, caches beside it make it quick."""

import sqlite3
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visavis.errors import IndexMissingError, RecordNotFoundError
from visavis.filters import resolve
from visavis.store.base import (
    Answer,
    Capability,
    Change,
    ModelFacts,
    Page,
    Rows,
    SourceRow,
    SourceRun,
    StoredVector,
    StoreFacts,
    StoreInfo,
)
from visavis.store.nearest.sizes import Sizes
from visavis.store.nearest.together import rank_all
from visavis.store.sqlite import edits, rows, sources, walk
from visavis.store.sqlite.capabilities.aspects import Aspects
from visavis.store.sqlite.capabilities.browse import Browse
from visavis.store.sqlite.capabilities.evidence import Evidence
from visavis.store.sqlite.capabilities.tagged import Tagged
from visavis.store.sqlite.database import DATABASE, Database
from visavis.store.sqlite.paging import pages
from visavis.store.sqlite.rebuild import Rebuild
from visavis.store.sqlite.snapshots import Snapshots
from visavis.store.sqlite.sweep import SqliteSweep
from visavis.store.sqlite.text import table as text_table
from visavis.store.sqlite.text.search import TextSearch
from visavis.store.sqlite.where import compile_filter
from visavis.types import Filter, ImageRecord, Kind, Vectors

_CAN: frozenset[Capability] = frozenset(
    {"aspects", "evidence", "facets", "local", "rebuilding", "tags", "text"}
)
_MODEL_KEYS = ("model", "model_ref", "fingerprint")
_FROM = "FROM records r JOIN sources s ON s.number = r.source"
_FEW = 5_000  # records whose fields are looked through after every run, in some 20 ms
_ENOUGH_TO_INDEX = 5_000  # records before an index on a field is worth its space


class SqliteStore:
    """Records and vectors in one SQLite file. See VectorStore for the contract.

    `create` makes an empty one; the constructor opens what is there. Raises IndexMissingError,
    IndexDamagedError, IndexIncompatibleError.
    """

    def __init__(self, folder: Path, sizes: Sizes | None = None) -> None:
        if folder.is_file():
            raise IndexMissingError(
                f"{folder}: an index is a folder, and this is a file; name the folder"
            )
        if not (folder / DATABASE).is_file():
            raise IndexMissingError(
                f"no index at {folder}; make one with: visavis index FOLDER --index {folder}"
            )
        self.folder = folder
        self._db = Database(folder / DATABASE)
        if self._db.meta("dim") is None:
            self._db.close()
            raise IndexMissingError(f"{folder}: it was never finished; run visavis index again")
        self._snapshots = Snapshots(folder, self._db, sizes or Sizes())
        self.browse = Browse(self._db, self._snapshots, self._fetch)
        self.tagged = Tagged(self._db)
        self.evidence = Evidence(self._db)
        self.aspects = Aspects(self._db, self._snapshots, self._fetch)
        self.texts = TextSearch(self._db, self._snapshots, self._fetch)

    @property
    def facts(self) -> StoreFacts:
        """Where it is, and what it can do besides: everything."""
        return StoreFacts(str(self.folder), _CAN)

    def model(self) -> ModelFacts:
        """The model that made the vectors, as of one moment."""
        found = self._db.facts()
        name, ref, fingerprint = (found.get(key, "") for key in _MODEL_KEYS)
        return ModelFacts(name, ref, fingerprint, int(found.get("dim", 0)))

    @classmethod
    def create(cls, folder: Path, model: ModelFacts, sizes: Sizes | None = None) -> "SqliteStore":
        """An empty index for a model's vectors, or the one that is there already."""
        folder.mkdir(parents=True, exist_ok=True)
        db = Database(folder / DATABASE)
        try:
            if db.meta("dim") is None:
                with db.writing() as connection:
                    edits.remember(connection, _remembered(model))
                    text_table.make(connection)
        finally:
            db.close()
        return cls(folder, sizes)

    # -- writing ---------------------------------------------------------------------------------

    def source(
        self, kind: str, uri: str, *, apart: bool = False, prefix: str | None = None
    ) -> SourceRow:
        """The source with that URI, registered when it is new."""
        find = "SELECT number, kind, uri, prefix FROM sources WHERE uri=?"
        with self._db.translated():
            row = self._db.connection.execute(find, (uri,)).fetchone()
        if row is None:
            with self._db.writing() as connection:
                if prefix is None:
                    prefix = edits.free_prefix(connection, kind, uri) if apart else ""
                insert = "INSERT INTO sources (kind, uri, prefix) VALUES (?, ?, ?)"
                connection.execute(insert, (kind, uri, prefix))
                row = connection.execute(find, (uri,)).fetchone()
        return SourceRow(*row)

    def upsert(self, source: int, records: Sequence[ImageRecord], vectors: Vectors) -> None:
        """Add or replace records of a source in one transaction; the last of an id counts."""
        latest = {record.id: at for at, record in enumerate(records)}  # the last of an id wins
        with self._db.writing() as connection:
            where = connection.execute(
                "SELECT uri, prefix FROM sources WHERE number=?", (source,)
            ).fetchone()
            edits.replace(connection, list(latest))
            numbers = [
                edits.insert(connection, source, records[at], vectors[at], where)
                for at in latest.values()
            ]
            written = zip(numbers, (records[at] for at in latest.values()), strict=True)
            text_table.add(connection, written, where[0])
            edits.note_fields(connection, (record.fields for record in records))

    def update(self, changes: Sequence[Change]) -> None:
        """Write facts of records that keep their vectors, in one transaction."""
        with self._db.writing() as connection:
            edits.update(connection, changes)

    def sources(self) -> list[SourceRow]:
        """All sources, in the order in which they came."""
        with self._db.reading() as connection:
            return sources.listed(connection)

    def note_run(self, source: int, run: SourceRun) -> None:
        """Remember how the last run over a source went; nothing else of the index changes."""
        with self._db.translated():
            sources.note(self._db.connection, source, run)

    def move_source(self, source: int, uri: str, below: str = "") -> int:
        """Give a source another URI, and its records the ids that this brings; how many."""
        with self._db.writing() as connection:
            return sources.move(connection, source, uri, below)

    def sweep(
        self, source: int, below: str = "", among: Sequence[str] | None = None
    ) -> SqliteSweep:
        """The beginning of a run over a source, which is to find what has gone."""
        return SqliteSweep(self._db, source, below, among)

    def remove(self, ids: Sequence[str]) -> int:
        """Remove records by id; returns how many there were."""
        with self._db.writing() as connection:
            return edits.replace(connection, ids)

    def remove_where(self, where: Filter) -> int:
        """Remove every record that passes a filter; returns how many there were."""
        with self._db.writing() as connection:
            sql, parameters = compile_filter(resolve(where, self.fields()))
            found = connection.execute(f"SELECT number FROM records WHERE {sql}", parameters)
            numbers = [row[0] for row in found]
            edits.delete(connection, numbers)
        return len(numbers)

    def forget_source(self, uri: str) -> int:
        """Remove a source and all its records; returns how many there were."""
        with self._db.writing() as connection:
            (number,) = connection.execute(
                "SELECT max(number) FROM sources WHERE uri=?", (uri,)
            ).fetchone()
            found = connection.execute("SELECT number FROM records WHERE source=?", (number,))
            numbers = [row[0] for row in found]
            edits.delete(connection, numbers)
            sources.forget(connection, number)
        return len(numbers)

    def rebuild(self, model: ModelFacts) -> Rebuild:
        """Begin to give every record a vector of another model, or go on with it."""
        return Rebuild(self.folder, model, self.numbered_records, self.adopt)

    def adopt(self, path: Path, model: ModelFacts) -> None:
        """Take all vectors of another model from a file; records without one leave."""
        facts = _remembered(model) | {"cache": f"none-{uuid.uuid4().hex[:8]}"}
        with self._db.attached(path, "made"), self._db.writing() as connection:
            edits.adopt(connection, "made")
            edits.remember(connection, facts)

    def settle(self, thorough: bool = False) -> None:
        """After writing: bring the caches up to date where that pays, or check and do all."""
        if thorough:
            self.check()
        self._snapshots.renew(thorough)
        self._renew_words(thorough)
        if thorough or self._snapshots.count() <= _FEW:
            self._renew_kinds()
        if self._snapshots.count() >= _ENOUGH_TO_INDEX:
            with self._db.writing() as connection:
                edits.index_fields(connection)
        if thorough:
            self.evidence.sweep()
            self._db.compact()
        else:
            with self._db.translated():
                self._db.truncate_log()

    def _renew_words(self, always: bool) -> None:
        with self._db.translated():
            current = text_table.is_current(self._db.connection)
        if always or not current:
            with self._db.writing() as connection:
                text_table.make(connection)

    def _renew_kinds(self) -> None:
        """Narrow the kinds of fields where the values that widened them have gone."""
        with self._db.reading() as connection:
            known, now = rows.kinds(connection), edits.kinds_now(connection)
        if known != now:
            with self._db.writing() as connection:
                connection.execute("DELETE FROM fields")
                connection.executemany("INSERT INTO fields VALUES (?, ?)", now.items())

    # -- reading ---------------------------------------------------------------------------------

    def held(self, hashes: Sequence[str]) -> dict[str, StoredVector]:
        """Vectors already computed for content with these SHA-256 digests (hex)."""
        found: dict[str, StoredVector] = {}
        with self._db.translated():
            for digest in hashes:
                row = self._db.connection.execute(
                    "SELECT r.number, v.vector, r.width, r.height, r.fields"
                    " FROM records r JOIN vectors v ON v.number = r.number"
                    " WHERE substr(r.sha256, 1, 8) = ? AND r.sha256 = ? LIMIT 1",
                    (bytes.fromhex(digest)[:8], bytes.fromhex(digest)),
                ).fetchone()
                if row is not None:
                    found[digest] = StoredVector(rows.vectors([row], 0)[1][0], *row[2:])
        return found

    def get(self, id: str) -> ImageRecord:
        """The record. Raises RecordNotFoundError."""
        with self._db.translated():
            row = self._db.connection.execute(
                f"SELECT {rows.RECORD_COLUMNS} {_FROM} WHERE r.id=?", (id,)
            ).fetchone()
        if row is None:
            raise RecordNotFoundError(id)
        return rows.record(row)

    def vector(self, id: str) -> Vectors:
        """The record's vector, (dim,). Raises RecordNotFoundError."""
        with self._db.translated():
            row = self._db.connection.execute(
                "SELECT v.number, v.vector FROM vectors v JOIN records r ON r.number = v.number"
                " WHERE r.id=?",
                (id,),
            ).fetchone()
        if row is None:
            raise RecordNotFoundError(id)
        found: Vectors = rows.vectors([row], 0)[1][0]
        return found

    def search(self, vectors: Vectors, page: Page, where: Filter | None = None) -> list[Answer]:
        """For each unit vector (n, dim): the records nearest to it, best first, ties by id."""
        if not len(vectors):
            return []
        with self._db.reading() as connection:
            snapshot = self._snapshots.fresh_for(connection, vectors[0])
            selected = self._snapshots.selected(connection, where, snapshot.generation)
            total = len(snapshot) if selected is None else len(selected)
            if page.without is not None:
                number = self._number(connection, page.without)
                total -= selected is None or number in selected
            if page.offset >= total:
                return [Answer((), total)] * len(vectors)
            need = page.offset + page.limit + int(page.without is not None)
            rankings = rank_all(snapshot, vectors, need, selected, self._fetch)
            if page.without is not None:
                rankings = [ranking.without(number) for ranking in rankings]
            if page.min_score is not None:
                rankings = [ranking.reaching(page.min_score) for ranking in rankings]
            found = pages(connection, rankings, page.offset, page.limit)
        return [Answer(matches, total) for matches in found]

    @staticmethod
    def _number(connection: sqlite3.Connection, id: str) -> int:
        row = connection.execute("SELECT number FROM records WHERE id=?", (id,)).fetchone()
        if row is None:
            raise RecordNotFoundError(id)
        return int(row[0])

    def _fetch(self, numbers: NDArray[np.int64]) -> tuple[NDArray[np.int64], Vectors]:
        found = self._db.connection.execute(
            "SELECT v.number, v.vector FROM json_each(?) j JOIN vectors v ON v.number = j.value",
            (str(numbers.tolist()),),  # JSON, in a fifth of the time of json.dumps
        ).fetchall()
        return rows.vectors(found, self._snapshots.dim)

    def records(self, where: Filter | None = None) -> Iterator[ImageRecord]:
        """All records (that pass the filter), in the order they were added."""
        yield from (found for _, found in walk.records(self._db, where))

    def numbered_records(self, where: Filter | None = None) -> Iterator[tuple[int, ImageRecord]]:
        """All records (that pass the filter) with their numbers, in the order of these."""
        return walk.records(self._db, where)

    def rows(self, where: Filter | None = None) -> Iterator[Rows]:
        """All records (that pass the filter) with their vectors, in blocks."""
        return walk.with_vectors(self._db, where)

    def fields(self) -> dict[str, Kind]:
        """Names of the fields that some record has had, with their kinds."""
        with self._db.translated():
            return rows.kinds(self._db.connection)

    def check(self) -> None:
        """Check the whole file: SQLite's own check, and ours of records and vectors.

        Raises IndexDamagedError.
        """
        self._db.check()
        with self._db.reading() as connection:
            edits.check(connection, self.model().dim)
        for _ in self._snapshots.blocks():
            pass  # reading them is the check

    def check_place(self) -> None:
        """Raise IndexMissingError where the folder is gone, or holds another index by now."""
        self._db.check_place()

    @property
    def ready(self) -> bool:
        """Whether the caches were read, so that a search starts at once."""
        return self._snapshots.ready

    def get_ready(self) -> None:
        """Read the caches now rather than with the first search."""
        with self._db.reading() as connection:
            self._snapshots.fresh(connection)

    def wants_caches(self) -> bool:
        """Whether the caches that the index should have are missing or damaged."""
        return self._snapshots.lost()

    def repair(self) -> None:
        """Make lost caches again, unless another process is writing just now."""
        self._snapshots.repair()

    def count(self, where: Filter | None = None) -> int:
        """How many records there are, or pass a filter."""
        return self._snapshots.count() if where is None else self.browse.count(where)

    def info(self) -> StoreInfo:
        """The state of the store."""
        with self._db.reading() as connection:
            snapshot = self._snapshots.fresh(connection)
            meta = dict(connection.execute("SELECT key, value FROM meta"))
            known = sources.described(connection)
        return StoreInfo(
            records=len(snapshot),
            model=meta["model"],
            model_ref=meta["model_ref"],
            fingerprint=meta["fingerprint"],
            dim=int(meta["dim"]),
            bytes=self._snapshots.disk_bytes(),
            approximate=snapshot.base is not None and snapshot.base.ann is not None,
            pending=len(snapshot.tail_numbers) if snapshot.base else 0,
            sources=tuple(known),
            fields=self.fields(),
        )

    def close(self) -> None:
        """Release files; the store cannot be used afterwards."""
        self._snapshots.close()
        self._db.close()


def _remembered(model: ModelFacts) -> dict[str, str]:
    """A model as the facts of an index keep it."""
    return dict(zip((*_MODEL_KEYS, "dim"), map(str, model), strict=True))
