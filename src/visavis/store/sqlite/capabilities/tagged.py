"""The field of tags that visavis itself writes to records, and how it was made."""

from collections.abc import Iterator, Sequence

from visavis.errors import UsageError
from visavis.filters import TAGS
from visavis.store.capabilities import Untagged
from visavis.store.fields import as_text
from visavis.store.sqlite import edits, rows
from visavis.store.sqlite.database import Database
from visavis.store.sqlite.text import table as text_table

_STATE = "tagging"  # key of the fact how the tags were made
_PATH = f'$."{TAGS}"'


class Tagged:
    """Reads and writes the tags of an index; writing needs its lock."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def state(self) -> str:
        """How the tags of this index were made; nothing: it has none."""
        return self._db.meta(_STATE) or ""

    def begin(self, state: str) -> None:
        """Take all tags away and remember how the next ones are made; nothing: there are none.

        Raises UsageError when the records have a field of that name from their catalogue.
        """
        with self._db.writing() as connection:
            known = connection.execute("SELECT 1 FROM fields WHERE name=?", (TAGS,)).fetchone()
            if known and not self.state():
                raise UsageError(
                    f"the records have a field {TAGS!r} of their own; rename that column of the "
                    "catalogue to have pictures tagged"
                )
            tagged = connection.execute(
                "SELECT number FROM records WHERE json_type(fields, ?) IS NOT NULL", (_PATH,)
            ).fetchall()
            numbers = [row[0] for row in tagged]
            text_table.remove(connection, numbers)
            connection.execute(
                "UPDATE records SET fields = nullif(json_remove(fields, ?), '{}')"
                " WHERE json_type(fields, ?) IS NOT NULL",
                (_PATH, _PATH),
            )
            text_table.add_again(connection, numbers)
            connection.execute("DELETE FROM fields WHERE name=?", (TAGS,))
            edits.remember(connection, {_STATE: state})

    def missing(self, block: int) -> Iterator[list[Untagged]]:
        """The records without tags, some at a time; no view is held while the caller works."""
        after = 0
        while True:
            with self._db.translated():
                found = self._db.connection.execute(
                    f"SELECT r.number, v.vector, {rows.RECORD_COLUMNS}"
                    " FROM records r JOIN sources s ON s.number = r.source"
                    " JOIN vectors v ON v.number = r.number"
                    " WHERE r.number > ? AND json_type(r.fields, ?) IS NULL"
                    " ORDER BY r.number LIMIT ?",
                    (after, _PATH, block),
                ).fetchall()
            if not found:
                return
            _, vectors = rows.vectors([row[:2] for row in found], 0)
            yield [
                Untagged(row[0], rows.record(row[2:]), vector)
                for row, vector in zip(found, vectors, strict=True)
            ]
            after = found[-1][0]

    def put(self, untagged: Sequence[Untagged], tags: Sequence[str]) -> None:
        """Write the tags of some records, in one transaction."""
        made = [
            (as_text({**one.record.fields, TAGS: text}), one.number)
            for one, text in zip(untagged, tags, strict=True)
        ]
        with self._db.writing() as connection:
            numbers = [number for _, number in made]
            text_table.remove(connection, numbers)
            connection.executemany("UPDATE records SET fields = ? WHERE number = ?", made)
            text_table.add_again(connection, numbers)
            edits.note_fields(connection, ({TAGS: text} for text in tags))
