"""The table of words: SQLite's FTS5 over the records' own text, kept in step with them.

It holds no text, only where words stand (content=''), so a record's words are taken out by working
them out again from its row. An index of before has no such table, nor has one whose words were cut
by other rules; it is made by the next run that writes. Functions that write are part of the
caller's transaction.
"""

import json
import sqlite3
from collections.abc import Iterable, Sequence

from visavis.store.sqlite import rows
from visavis.store.text.own import RULE, Piece, pieces
from visavis.types import ImageRecord

COLUMNS = "title, fields, file, folder"

_STATE = "text"  # key of the fact by which rules the table was made
_BLOCK = 4_096
_MAKE = (
    f"CREATE VIRTUAL TABLE texts USING fts5({COLUMNS}, content='',"
    " tokenize='unicode61 remove_diacritics 0')"  # words come folded
)
_ADD = f"INSERT INTO texts(rowid, {COLUMNS}) VALUES (?, ?, ?, ?, ?)"
_REMOVE = f"INSERT INTO texts(texts, rowid, {COLUMNS}) VALUES ('delete', ?, ?, ?, ?, ?)"
_ROWS = (
    f"SELECT r.number, {rows.RECORD_COLUMNS} FROM records r JOIN sources s ON s.number = r.source"
)
_Row = tuple[int, str, str, str, str]


def is_current(connection: sqlite3.Connection) -> bool:
    """Whether the table is there and holds the words of every record."""
    found = connection.execute("SELECT value FROM meta WHERE key=?", (_STATE,)).fetchone()
    return found is not None and found[0] == RULE


def make(connection: sqlite3.Connection) -> bool:
    """Make the table for all records; False: this SQLite cannot (it was built without FTS5)."""
    connection.execute("DELETE FROM meta WHERE key=?", (_STATE,))
    try:
        connection.execute("DROP TABLE IF EXISTS texts")
        connection.execute(_MAKE)
    except sqlite3.OperationalError as error:
        if "no such module" in str(error):
            return False
        raise
    after = 0
    while found := connection.execute(
        f"{_ROWS} WHERE r.number > ? ORDER BY r.number LIMIT {_BLOCK}", (after,)
    ).fetchall():
        connection.executemany(_ADD, _stored(found))
        after = found[-1][0]
    connection.execute("INSERT INTO texts(texts) VALUES ('optimize')")
    connection.execute("INSERT INTO meta VALUES (?, ?)", (_STATE, RULE))
    return True


def add(
    connection: sqlite3.Connection, records: Iterable[tuple[int, ImageRecord]], source: str
) -> None:
    """Add the words of new records of a source (its URI) under their numbers."""
    if is_current(connection):
        connection.executemany(
            _ADD, [_columns(number, pieces(record, source)) for number, record in records]
        )


def add_again(connection: sqlite3.Connection, numbers: Sequence[int]) -> None:
    """Add the words of records as they are now; `remove` took out those of before."""
    if is_current(connection):
        connection.executemany(_ADD, _stored(_found(connection, numbers)))


def remove(connection: sqlite3.Connection, numbers: Sequence[int]) -> None:
    """Take out the words of records, before anything else of them changes."""
    if is_current(connection):
        connection.executemany(_REMOVE, _stored(_found(connection, numbers)))


def _found(connection: sqlite3.Connection, numbers: Sequence[int]) -> Iterable[Sequence[object]]:
    for start in range(0, len(numbers), _BLOCK):
        part = json.dumps(list(numbers[start : start + _BLOCK]))
        yield from connection.execute(
            f"{_ROWS} WHERE r.number IN (SELECT value FROM json_each(?))", (part,)
        ).fetchall()


def _stored(found: Iterable[Sequence[object]]) -> Iterable[_Row]:
    for number, *row in found:
        record = rows.record(row)
        yield _columns(int(str(number)), pieces(record, str(row[rows.SOURCE])))


def _columns(number: int, found: Sequence[Piece]) -> _Row:
    texts = [" ".join(p.words for p in found if p.column == column) for column in range(4)]
    return number, texts[0], texts[1], texts[2], texts[3]
