"""Signatures of images and notes of flows, in a collection beside that of the vectors.

By content and not by model, so it stays the same when the index is given another model. A row is a
signature, which Milvus keeps as a binary vector of its bits, or a part of a note.
"""

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from visavis.matching.signature import BYTES
from visavis.store.milvus.client import Client, Column, Row
from visavis.store.milvus.where import below, named

_ASKED = 500
_REMEMBERED = 16_384  # signatures, about 9 MB
_PART = 60_000  # letters of a note in a row, which takes 65,535
_CONTENT, _NOTE = "content/", "note/"
_COLUMNS = (
    Column("id", "VARCHAR", {"is_primary": True, "max_length": 512}),
    Column("signature", "BINARY_VECTOR", {"dim": 8 * BYTES}),
    Column("note", "VARCHAR", {"max_length": 65_535}),
)
_BUILT = ("signature", "BIN_FLAT", "HAMMING", dict[str, int]())


class MilvusEvidence:
    """Reads and keeps signatures and notes. Safe to use from threads.

    It remembers signatures that were asked for: content always has the same one, and each question
    asks for those of its first answers.
    """

    def __init__(self, named: Client) -> None:
        """Beside the index of that name."""
        self._client = named.at(f"{named.name}_evidence")
        self._there = False
        self._remembered: dict[str, bytes] = {}

    def make(self) -> None:
        """Make the collection, unless it is there."""
        if not self._exists():
            self._client.create(_COLUMNS, _BUILT)

    def signatures(self, hashes: Sequence[str]) -> dict[str, bytes]:
        """The signatures of content with these SHA-256 digests (hex), where there are any."""
        if not hashes or not self._exists():
            return {}
        known = ((digest, self._remembered.get(digest)) for digest in hashes)
        found = {digest: signature for digest, signature in known if signature is not None}
        wanted = list(dict.fromkeys(digest for digest in hashes if digest not in found))
        for start in range(0, len(wanted), _ASKED):
            ids = [_CONTENT + digest for digest in wanted[start : start + _ASKED]]
            rows = self._client.query(named("id", ids), ["id", "signature"])
            read = {row["id"].removeprefix(_CONTENT): _bytes_of(row) for row in rows}
            self._remember(read)
            found |= read
        return found

    def _remember(self, read: Mapping[str, bytes]) -> None:
        if len(self._remembered) + len(read) > _REMEMBERED:
            self._remembered.clear()
        self._remembered.update(read)

    def keep(self, signatures: Mapping[str, bytes]) -> None:
        """Keep signatures of content."""
        if signatures:
            self._write(
                {"id": _CONTENT + digest, "signature": signature, "note": ""}
                for digest, signature in signatures.items()
            )
            self._forget(signatures)

    def noted(self, name: str) -> bytes | None:
        """What was noted under a name."""
        if not self._exists():
            return None
        rows = self._client.query(below(f"{_NOTE}{name}/"), ["id", "note"], 16_384)
        if not rows:
            return None
        count, _, first = rows[0]["note"].partition(":")
        parts = [first, *(row["note"] for row in rows[1 : int(count)])]
        return base64.b64decode("".join(parts))

    def note(self, name: str, value: bytes) -> None:
        """Note something under a name, in place of what was there."""
        self.note_all({name: value})

    def note_all(self, notes: Mapping[str, bytes]) -> None:
        """Note several things by their names, in one call."""
        self._write(row for name, value in notes.items() for row in _note_rows(name, value))

    def tidy(self, unknown: Callable[[Sequence[str]], set[str]]) -> None:
        """Drop the signatures of content of which `unknown` says that no record has it."""
        if not self._exists():
            return
        for rows in self._client.walk(below(_CONTENT), [], _ASKED):
            gone = unknown([row["id"].removeprefix(_CONTENT) for row in rows])
            if gone:
                self._client.delete(named("id", [_CONTENT + digest for digest in sorted(gone)]))
                self._forget(gone)

    def _forget(self, hashes: Iterable[str]) -> None:
        for digest in hashes:
            self._remembered.pop(digest, None)

    def collections(self) -> list[Client]:
        """Its collection, where there is one."""
        return [self._client] if self._exists() else []

    def _write(self, rows: Iterable[Row]) -> None:
        self.make()
        self._client.upsert(list(rows))

    def _exists(self) -> bool:
        self._there = self._there or self._client.exists()
        return self._there


def _bytes_of(row: Row) -> bytes:
    """pymilvus gives a binary vector as its bytes, alone or in a list."""
    value = row["signature"]
    return bytes(value[0] if isinstance(value, list) else value)


def _note_rows(name: str, value: bytes) -> Iterator[Row]:
    text = base64.b64encode(value).decode()
    parts = [text[at : at + _PART] for at in range(0, len(text), _PART)] or [""]
    parts[0] = f"{len(parts)}:{parts[0]}"
    for at, part in enumerate(parts):
        yield {"id": f"{_NOTE}{name}/{at:06}", "signature": bytes(BYTES), "note": part}
