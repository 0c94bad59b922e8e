"""What a writing transaction does to the tables."""

import json
import sqlite3
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from visavis.filters import kinds_of, widened
from visavis.store.base import Change
from visavis.store.fields import as_kept, as_text
from visavis.store.sqlite import rows
from visavis.store.sqlite.text import table as text_table
from visavis.store.sqlite.where import field_expression
from visavis.types import Fields, ImageRecord, Kind, Vectors

_SHORT = 40  # characters; longer texts are searched in, not looked up


def remember(connection: sqlite3.Connection, facts: Mapping[str, str]) -> None:
    """Write facts about the index."""
    connection.executemany(
        "INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
        facts.items(),
    )


def insert(
    connection: sqlite3.Connection,
    source: int,
    record: ImageRecord,
    vector: Vectors,
    where: tuple[str, str],
) -> int:
    """Add a record of a source (`where`: its URI and prefix); returns its number."""
    cursor = connection.execute(
        "INSERT INTO records (id, source, uri, size, modified, sha256, width, height, fields)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            record.id,
            source,
            rows.stored_uri(record.uri, record.id, *where),
            record.size,
            record.modified,
            bytes.fromhex(record.sha256),
            record.width,
            record.height,
            as_text(record.fields),
        ),
    )
    number = int(cursor.lastrowid or 0)
    connection.execute("INSERT INTO vectors VALUES (?, ?)", (number, rows.blob(vector)))
    return number


def update(connection: sqlite3.Connection, changes: Sequence[Change]) -> None:
    """Write new facts of records that keep their vectors; unknown ids are ignored."""
    found = connection.execute(
        "SELECT r.id, r.number, s.uri, s.prefix"
        " FROM records r JOIN sources s ON s.number = r.source"
        " WHERE r.id IN (SELECT value FROM json_each(?))",
        (json.dumps([change.id for change in changes]),),
    ).fetchall()
    stored = {row[0]: row[1:] for row in found}
    known = [change for change in changes if change.id in stored]
    numbers = [row[1] for row in found]
    text_table.remove(connection, numbers)
    for change in known:
        number, folder, prefix = stored[change.id]
        connection.execute(
            "UPDATE records SET size=?, modified=?, uri=?, fields=? WHERE number=?",
            (
                change.size,
                change.modified,
                rows.stored_uri(change.uri, change.id, folder, prefix),
                as_text(change.fields),
                number,
            ),
        )
    text_table.add_again(connection, numbers)
    note_fields(connection, (change.fields for change in known))


def replace(connection: sqlite3.Connection, ids: Sequence[str]) -> int:
    """Delete the records with these ids; returns how many there were."""
    found = connection.execute(
        "SELECT number FROM records WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps(ids),),
    ).fetchall()
    if found:
        delete(connection, [row[0] for row in found])
    return len(found)


def delete(connection: sqlite3.Connection, numbers: Sequence[int]) -> None:
    """Delete records by number, and log it for the caches."""
    text_table.remove(connection, numbers)
    chosen = json.dumps(list(numbers))
    among = "number IN (SELECT value FROM json_each(?))"
    connection.execute(f"DELETE FROM records WHERE {among}", (chosen,))
    connection.execute(f"DELETE FROM vectors WHERE {among}", (chosen,))
    connection.execute("INSERT INTO removed (number) SELECT value FROM json_each(?)", (chosen,))


def named(connection: sqlite3.Connection, numbers: Sequence[int]) -> list[tuple[int, str, str]]:
    """Records' numbers with their ids, and the URIs they were read from."""
    found = connection.execute(
        f"SELECT r.number, {rows.RECORD_COLUMNS} FROM json_each(?) j"
        " JOIN records r ON r.number = j.value JOIN sources s ON s.number = r.source",
        (json.dumps(list(numbers)),),
    )
    records = ((row[0], rows.record(row[1:])) for row in found)
    return [(number, record.id, record.uri) for number, record in records]


def count_moved(connection: sqlite3.Connection, numbers: Sequence[int], newer_than: int) -> int:
    """How many of these records have their content under a newer number as well.

    Each newer record counts for one: two copies that became one file are one move.
    """
    found = connection.execute(
        "SELECT count(*), (SELECT count(*) FROM records n WHERE"
        " substr(n.sha256, 1, 8) = substr(r.sha256, 1, 8)"
        " AND n.sha256 = r.sha256 AND n.number > ?)"
        " FROM records r WHERE r.number IN (SELECT value FROM json_each(?)) GROUP BY r.sha256",
        (newer_than, json.dumps(list(numbers))),
    )
    return sum(min(gone, newer) for gone, newer in found)


def moved(
    connection: sqlite3.Connection, numbers: Sequence[int], newer_than: int | None = None
) -> list[int]:
    """Those of these records whose content another one has, which is newer than a number.

    None: newer than the record itself.
    """
    chosen = json.dumps(list(numbers))
    found = connection.execute(
        "SELECT r.number FROM records r WHERE r.number IN (SELECT value FROM json_each(?))"
        " AND EXISTS (SELECT 1 FROM records n WHERE substr(n.sha256, 1, 8) = substr(r.sha256, 1, 8)"
        " AND n.sha256 = r.sha256 AND n.number > coalesce(?, r.number)"
        " AND n.number NOT IN (SELECT value FROM json_each(?)))",
        (chosen, newer_than, chosen),
    )
    return [row[0] for row in found]


def adopt(connection: sqlite3.Connection, made: str) -> None:
    """Take all vectors from another database at hand; records without one leave."""
    gone = connection.execute(
        f"SELECT number FROM records WHERE number NOT IN (SELECT number FROM {made}.vectors)"
    ).fetchall()
    text_table.remove(connection, [row[0] for row in gone])
    connection.execute("DELETE FROM vectors")
    connection.execute(f"INSERT INTO vectors SELECT number, vector FROM {made}.vectors")
    for table, other in (("records", "vectors"), ("vectors", "records")):
        connection.execute(f"DELETE FROM {table} WHERE number NOT IN (SELECT number FROM {other})")
    # What was there when the vector was made: a file may have changed since it was indexed.
    connection.execute(
        f"UPDATE records SET sha256 = m.sha256 FROM {made}.vectors m"
        " WHERE m.number = records.number AND m.sha256 != records.sha256"
    )
    connection.execute("DELETE FROM removed")


def check(connection: sqlite3.Connection, dim: int) -> None:
    """Whether records, vectors and sources fit together. Raises IndexDamagedError."""
    sound = connection.execute(
        "SELECT (SELECT count(*) FROM records) = (SELECT count(*) FROM vectors)"
        " AND NOT EXISTS (SELECT 1 FROM records r LEFT JOIN sources s ON s.number = r.source"
        " LEFT JOIN vectors v ON v.number = r.number WHERE s.number IS NULL OR"
        " v.number IS NULL OR length(v.vector) != ? OR NOT json_valid(coalesce(r.fields, '{}')))",
        (2 * dim,),
    ).fetchone()[0]
    if not sound:
        raise rows.damaged_vectors()


def note_fields(connection: sqlite3.Connection, fields: Iterable[Fields]) -> None:
    """Remember the names and kinds of the fields that records have."""
    known = rows.kinds(connection)
    for name, kind in kinds_of(map(as_kept, fields)).items():
        wider = widened(known.get(name, kind), kind)
        if wider != known.get(name):
            connection.execute("INSERT OR REPLACE INTO fields VALUES (?, ?)", (name, wider))


def kinds_now(connection: sqlite3.Connection) -> dict[str, Kind]:
    """The fields that records have now, with their kinds: `note_fields` only ever widens them."""
    found = connection.execute("SELECT fields FROM records WHERE fields IS NOT NULL")
    return kinds_of(json.loads(text) for (text,) in found)


def index_fields(connection: sqlite3.Connection) -> None:
    """Let SQLite look up the fields that are numbers or short texts."""
    for (name,) in connection.execute("SELECT name FROM fields").fetchall():
        expression = field_expression(name)
        if not expression.startswith("json_extract"):
            continue
        length = connection.execute(
            f"SELECT avg(length({expression})) FROM (SELECT * FROM records LIMIT 1000)"
        ).fetchone()[0]
        if length is not None and length <= _SHORT:
            label = f"field_{zlib.crc32(name.encode()):08x}"
            connection.execute(f"CREATE INDEX IF NOT EXISTS {label} ON records ({expression})")


def free_prefix(connection: sqlite3.Connection, kind: str, uri: str) -> str:
    """Nothing for the first source of a kind; then the folder's name, made unique."""
    found = connection.execute("SELECT prefix FROM sources WHERE kind=?", (kind,))
    taken = {row[0] for row in found}
    name, number = Path(uri).name or "root", 1
    prefix = ""
    # Nor may it be the name of a folder in the first one.
    used = "SELECT 1 FROM records WHERE id >= ? AND id < ? LIMIT 1"
    while prefix in taken or (
        prefix and connection.execute(used, (prefix, prefix[:-1] + "0")).fetchone()
    ):
        prefix = f"{name}/" if number == 1 else f"{name}-{number}/"
        number += 1
    return prefix
