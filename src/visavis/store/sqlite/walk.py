"""Walks over all records, in the order they were added.

In blocks: no view of the database is held while the caller works, so what is added behind the walk
is met, and what is removed before it is not.
"""

from collections.abc import Iterator
from typing import Any

from visavis.filters import resolve
from visavis.store.base import Rows
from visavis.store.sqlite import rows
from visavis.store.sqlite.database import Database
from visavis.store.sqlite.where import compile_filter
from visavis.types import Filter, ImageRecord

_BLOCK = 2_000


def records(db: Database, where: Filter | None) -> Iterator[tuple[int, ImageRecord]]:
    """All records (that pass the filter) with their numbers."""
    for found in _blocks(db, where, "r.number", ""):
        yield from ((row[0], rows.record(row[1:])) for row in found)


def with_vectors(db: Database, where: Filter | None) -> Iterator[Rows]:
    """The same with their vectors, block by block."""
    joined = " JOIN vectors v ON v.number = r.number"
    for found in _blocks(db, where, "r.number, v.vector", joined):
        _, vectors = rows.vectors([row[:2] for row in found], 0)
        yield Rows(tuple(rows.record(row[2:]) for row in found), vectors)


def _blocks(
    db: Database, where: Filter | None, columns: str, joined: str
) -> Iterator[list[tuple[Any, ...]]]:
    with db.translated():
        kinds = rows.kinds(db.connection)
    sql, parameters = compile_filter(resolve(where, kinds)) if where else ("1", [])
    query = (
        f"SELECT {columns}, {rows.RECORD_COLUMNS} FROM (SELECT * FROM records WHERE number > ?"
        f" AND {sql} ORDER BY number LIMIT {_BLOCK}) r JOIN sources s ON s.number = r.source"
        f"{joined} ORDER BY r.number"
    )
    after = 0
    while True:
        with db.translated():
            found = db.connection.execute(query, (after, *parameters)).fetchall()
        if found:
            yield found
        if len(found) < _BLOCK:
            return
        after = found[-1][0]
