"""The sources of an index: what they have, how their last run went, and where they have gone."""

import json
import sqlite3
from collections.abc import Sequence

from visavis.store.base import SourceInfo, SourceRow, SourceRun
from visavis.store.sqlite import edits
from visavis.store.sqlite.text import table as text_table

_COLUMNS = "number, kind, uri, prefix"
_RUN = "run of source "  # and its number: a key among the facts of the index
_BLOCK = 4_096


def listed(connection: sqlite3.Connection) -> list[SourceRow]:
    """All sources, in the order in which they came."""
    found = connection.execute(f"SELECT {_COLUMNS} FROM sources ORDER BY number")
    return [SourceRow._make(row) for row in found.fetchall()]


def described(connection: sqlite3.Connection) -> list[SourceInfo]:
    """The same with what they have: all records are counted."""
    counts = dict(connection.execute("SELECT source, count(*) FROM records GROUP BY source"))
    runs = dict(connection.execute("SELECT key, value FROM meta WHERE key LIKE ?", (_RUN + "%",)))
    return [
        SourceInfo(row, counts.get(row.number, 0), _run(runs.get(f"{_RUN}{row.number}")))
        for row in listed(connection)
    ]


def note(connection: sqlite3.Connection, source: int, run: SourceRun) -> None:
    """Remember a run. It is no part of what people search, so no transaction counts it."""
    edits.remember(connection, {f"{_RUN}{source}": json.dumps(run._asdict())})


def forget(connection: sqlite3.Connection, source: int) -> None:
    """Take a source without records out."""
    connection.execute("DELETE FROM sources WHERE number=?", (source,))
    connection.execute("DELETE FROM meta WHERE key=?", (f"{_RUN}{source}",))


def move(connection: sqlite3.Connection, source: int, uri: str, below: str) -> int:
    """Give a source another URI, or its records to the source that has it already."""
    old = SourceRow._make(
        connection.execute(f"SELECT {_COLUMNS} FROM sources WHERE number=?", (source,)).fetchone()
    )
    row = connection.execute(f"SELECT {_COLUMNS} FROM sources WHERE uri=?", (uri,)).fetchone()
    new = old._replace(uri=uri) if row is None else SourceRow._make(row)
    numbers = [
        row[0] for row in connection.execute("SELECT number FROM records WHERE source=?", (source,))
    ]
    for start in range(0, len(numbers), _BLOCK):
        text_table.remove(connection, numbers[start : start + _BLOCK])
    if row is None:
        connection.execute("UPDATE sources SET uri=? WHERE number=?", (uri, source))
    _rename(connection, old, new, f"{below}/" if below else "")
    if new.number != old.number:
        forget(connection, old.number)
    kept = _still(connection, numbers)
    if below:
        _note_folder(connection, kept, below)
    for start in range(0, len(kept), _BLOCK):
        text_table.add_again(connection, kept[start : start + _BLOCK])
    return len(kept)


def _rename(connection: sqlite3.Connection, old: SourceRow, new: SourceRow, below: str) -> None:
    """New ids, sources and URIs for records; those whose new id is taken leave."""
    start = new.prefix + below
    named = "? || substr(id, ?)"
    taken = connection.execute(
        f"SELECT number FROM records r WHERE source=? AND {named} IN"
        " (SELECT id FROM records o WHERE o.source != r.source)",
        (old.number, start, len(old.prefix) + 1),
    ).fetchall()
    if taken:
        chosen = json.dumps([row[0] for row in taken])
        among = "number IN (SELECT value FROM json_each(?))"
        for table in ("records", "vectors"):
            connection.execute(f"DELETE FROM {table} WHERE {among}", (chosen,))
        connection.execute("INSERT INTO removed (number) SELECT value FROM json_each(?)", (chosen,))
    # Twice, as the id of one may be the next one's until now.
    connection.execute(
        f"UPDATE records SET id = char(1) || {named}, source = ?, uri = CASE"
        " WHEN substr(uri, 1, ?) = ? THEN ? || substr(uri, ?) ELSE uri END WHERE source=?",
        (
            *(start, len(old.prefix) + 1, new.number),
            *(len(old.uri) + 1, f"{old.uri}/", _base(new.uri, below), len(old.uri) + 1),
            old.number,
        ),
    )
    connection.execute(
        "UPDATE records SET id = substr(id, 2) WHERE source=? AND substr(id, 1, 1) = char(1)",
        (new.number,),
    )


def _base(uri: str, below: str) -> str:
    return f"{uri}/{below}".rstrip("/")


def _note_folder(connection: sqlite3.Connection, numbers: Sequence[int], below: str) -> None:
    """The field that says in which folder a picture lies, seen from further above."""
    for start in range(0, len(numbers), _BLOCK):
        connection.execute(
            "UPDATE records SET fields = json_set(coalesce(fields, '{}'), '$.folder',"
            " ? || coalesce('/' || json_extract(fields, '$.folder'), ''))"
            " WHERE number IN (SELECT value FROM json_each(?))",
            (below, json.dumps(numbers[start : start + _BLOCK])),
        )
    if numbers:
        edits.note_fields(connection, [{"folder": below}])


def _still(connection: sqlite3.Connection, numbers: Sequence[int]) -> list[int]:
    found = connection.execute(
        "SELECT r.number FROM json_each(?) j JOIN records r ON r.number = j.value",
        (json.dumps(numbers),),
    )
    return [row[0] for row in found]


def _run(text: str | None) -> SourceRun | None:
    return None if text is None else SourceRun(**json.loads(text))
