"""Aspects of records in a table each, by the records' numbers.

A number names one content of one record until all vectors are made again, so what was read is kept
in memory by number. An index of before has no such tables; they are made when an aspect begins.
Triggers take values away with their record or its content, also where an older visavis does it.
"""

import json
import re
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from visavis.errors import IndexDamagedError
from visavis.store.aspects import AspectFacts, AspectRows, Numbers
from visavis.store.nearest.ranking import Fetch, among
from visavis.store.sqlite import edits, rows
from visavis.store.sqlite.database import Database
from visavis.store.sqlite.snapshots import Snapshots
from visavis.types import Filter, ImageRecord, Vectors

_FACT = "aspect:"  # begins the keys of the facts of aspects
_NAME = re.compile(r"[a-z]+")
_ENDS = {"gone": "DELETE ON records", "changed": "UPDATE OF sha256 ON records"}


class _Held(NamedTuple):
    """What was read of an aspect."""

    generation: int
    cache: str
    """Named anew whenever all vectors were made again."""
    facts: AspectFacts
    rows: AspectRows


class Aspects:
    """Reads and keeps aspects; see AspectKeeping."""

    def __init__(self, db: Database, snapshots: Snapshots, fetch: Fetch) -> None:
        self._db = db
        self._snapshots = snapshots
        self._fetch = fetch
        self._guard = threading.Lock()
        self._held: dict[str, _Held] = {}

    def kept(self) -> dict[str, AspectFacts]:
        """The aspects that this index has, by name."""
        return {
            key.removeprefix(_FACT): AspectFacts(**json.loads(text))
            for key, text in self._db.facts().items()
            if key.startswith(_FACT)
        }

    def begin(self, name: str, size: int, made_by: str) -> None:
        """Keep an aspect from now on; values that something else has made are dropped."""
        facts, table = AspectFacts(size, made_by), _table(name)
        if self.kept().get(name) == facts:
            return
        with self._db.writing() as connection:
            connection.execute(f"DROP TABLE IF EXISTS {table}")
            connection.execute(
                f"CREATE TABLE {table} (number INTEGER PRIMARY KEY, value BLOB NOT NULL)"
            )
            for end, event in _ENDS.items():
                connection.execute(
                    f"CREATE TRIGGER IF NOT EXISTS {table}_{end} AFTER {event}"
                    f" BEGIN DELETE FROM {table} WHERE number = old.number; END"
                )
            edits.remember(connection, {_FACT + name: json.dumps(facts._asdict())})

    def drop(self, name: str) -> None:
        """Keep an aspect no longer; its values go."""
        table = _table(name)
        with self._db.writing() as connection:
            for end in _ENDS:
                connection.execute(f"DROP TRIGGER IF EXISTS {table}_{end}")
            connection.execute(f"DROP TABLE IF EXISTS {table}")
            connection.execute("DELETE FROM meta WHERE key=?", (_FACT + name,))

    def put(self, name: str, values: Mapping[str, bytes]) -> None:
        """Keep values by record id, in one transaction; ids that no record has are passed over."""
        size = self.kept()[name].size
        if wrong := {len(value) for value in values.values()} - {size}:
            raise ValueError(f"a value of {name} has {size} bytes, not {min(wrong)}")
        with self._db.writing() as connection:
            connection.executemany(
                f"INSERT OR REPLACE INTO {_table(name)} SELECT number, ? FROM records WHERE id=?",
                [(value, id) for id, value in values.items()],
            )

    def held(self, name: str, hashes: Sequence[str]) -> dict[str, bytes]:
        """Values of records whose content has these SHA-256 digests (hex), where there are any."""
        found: dict[str, bytes] = {}
        if name not in self.kept():
            return found
        for digest in map(bytes.fromhex, hashes):
            row = self._one(
                f"SELECT a.value FROM records r JOIN {_table(name)} a ON a.number = r.number"
                " WHERE substr(r.sha256, 1, 8) = ? AND r.sha256 = ? LIMIT 1",
                (digest[:8], digest),
            )
            if row is not None:
                found[digest.hex()] = row[0]
        return found

    def lacking(self, name: str, block: int = 256) -> Iterator[list[ImageRecord]]:
        """The records without a value, some at a time; no view is held while the caller works."""
        counts = f"SELECT (SELECT COUNT(*) FROM records) > (SELECT COUNT(*) FROM {_table(name)})"
        row = self._one(counts, ())
        if row is None or not row[0]:  # values leave with their records; a walk reads them all
            return
        after = 0
        while True:
            with self._db.translated():
                found = self._db.connection.execute(
                    f"SELECT r.number, {rows.RECORD_COLUMNS}"
                    " FROM records r JOIN sources s ON s.number = r.source"
                    f" LEFT JOIN {_table(name)} a ON a.number = r.number"
                    " WHERE r.number > ? AND a.number IS NULL ORDER BY r.number LIMIT ?",
                    (after, block),
                ).fetchall()
            if not found:
                return
            yield [rows.record(row[1:]) for row in found]
            after = found[-1][0]

    def values(self, name: str, ids: Sequence[str]) -> dict[str, bytes]:
        """The values of some records, by id; those without one are left out."""
        if name not in self.kept():
            return {}
        find = partial(
            self._one,
            f"SELECT a.value FROM records r JOIN {_table(name)} a ON a.number = r.number"
            " WHERE r.id = ?",
        )
        found = {id: find((id,)) for id in ids}
        return {id: row[0] for id, row in found.items() if row is not None}

    def _one(self, query: str, parameters: Sequence[object]) -> sqlite3.Row | None:
        with self._db.translated():
            row: sqlite3.Row | None = self._db.connection.execute(query, parameters).fetchone()
        return row

    def rows(self, name: str, where: Filter | None = None) -> AspectRows:
        """All values (of records that pass the filter), read once and kept in memory since."""
        with self._db.reading() as connection:
            generation = self._snapshots.fresh(connection).generation
            found = self._all(connection, name, generation)
            selected = self._snapshots.selected(connection, where, generation)
        if selected is None:
            return found
        passing = among(found.numbers, selected)
        return AspectRows(found.numbers[passing], found.values[passing])

    def _all(self, connection: sqlite3.Connection, name: str, generation: int) -> AspectRows:
        facts, cache = self.kept().get(name), self._db.facts().get("cache", "")
        with self._guard:
            held = self._held.pop(name, None)
            if facts is None:
                return _nothing(0)
            if held is None or (held.cache, held.facts) != (cache, facts):
                held = _Held(-1, cache, facts, _nothing(facts.size))
            if held.generation != generation:
                found = _brought_up(connection, name, held.rows)
                held = held._replace(generation=generation, rows=found)
            self._held[name] = held
            return held.rows

    def numbers(self, ids: Sequence[str]) -> dict[str, int]:
        """The numbers of some records, by id; ids that no record has are left out."""
        find = partial(self._one, "SELECT number FROM records WHERE id = ?")
        found = {id: find((id,)) for id in ids}
        return {id: row[0] for id, row in found.items() if row is not None}

    def vectors(self, numbers: Numbers) -> tuple[Numbers, Vectors]:
        """The vectors of some records, (n, dim), in no order; those that are gone are left out."""
        with self._db.reading():
            return self._fetch(numbers)

    def records(self, numbers: Numbers) -> dict[int, ImageRecord]:
        """Some records by number; those that are gone are left out."""
        with self._db.translated():
            found = self._db.connection.execute(
                f"SELECT r.number, {rows.RECORD_COLUMNS} FROM json_each(?) j"
                " JOIN records r ON r.number = j.value JOIN sources s ON s.number = r.source",
                (str(numbers.tolist()),),
            )
            return {row[0]: rows.record(row[1:]) for row in found}


def _table(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"an aspect is named by small letters, not {name!r}")
    return f"aspect_{name}"


def _nothing(size: int) -> AspectRows:
    return AspectRows(np.empty(0, np.int64), np.empty((0, size), np.uint8))


def _brought_up(connection: sqlite3.Connection, name: str, known: AspectRows) -> AspectRows:
    """What the table has now; values that are known are not read again."""
    table, size = _table(name), known.values.shape[1]
    here = connection.execute(f"SELECT number FROM {table} ORDER BY number").fetchall()
    numbers = np.fromiter((row[0] for row in here), np.int64, len(here))
    if np.array_equal(numbers, known.numbers):
        return known
    old = among(numbers, known.numbers)
    if np.count_nonzero(old) < len(numbers) / 2:  # one walk over all, rather than one by one
        old[:] = False
    values = np.empty((len(numbers), size), np.uint8)
    values[old] = known.values[np.searchsorted(known.numbers, numbers[old])]
    values[~old] = _read(connection, table, size, None if not old.any() else numbers[~old])
    values.flags.writeable = False
    return AspectRows(numbers, values)


def _read(
    connection: sqlite3.Connection, table: str, size: int, numbers: Numbers | None
) -> NDArray[np.uint8]:
    """The values of some records, or of all, in the order of their numbers."""
    chosen = "" if numbers is None else "JOIN json_each(?) j ON j.value = a.number"
    found = connection.execute(
        f"SELECT a.value FROM {table} a {chosen} ORDER BY a.number",
        () if numbers is None else (str(numbers.tolist()),),
    ).fetchall()
    if any(len(value) != size for (value,) in found):
        raise IndexDamagedError(
            "the index is damaged: some values of an aspect are not as they were written; restore "
            "it from a backup, or make every vector again with: visavis index --rebuild"
        )
    joined: NDArray[np.uint8] = np.frombuffer(b"".join(value for (value,) in found), np.uint8)
    return joined.reshape(len(found), size)
