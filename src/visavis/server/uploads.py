"""Pictures that came over HTTP: where their files are kept, and how the indexing run reads them."""

import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from visavis.images.fetch import Fetcher
from visavis.images.files import local_path, path_text
from visavis.images.sniff import HEAD_BYTES, sniff
from visavis.types import Entry, Failure, ImageRecord

SOURCE = "api"
"""What the index calls this source: `visavis remove --source api` removes all of it."""

_SUFFIXES = {"JPEG": "jpg", "TIFF": "tif", "HEIF": "heic"}


class Uploads:
    """The folder `uploads` of an index: one file for each uploaded record.

    Files are named by chance. What a client calls a picture is never a name here, and two records
    never share a file, so that removing one cannot take the other's picture away.
    """

    def __init__(self, index: Path) -> None:
        self._folder = index / "uploads"

    def keep(self, data: bytes, id: str, fields: Mapping[str, str | int | float | bool]) -> Entry:
        """Write a picture to disk, and the entry that says so."""
        kind = sniff(data[:HEAD_BYTES]) or "JPEG"
        name = f"{uuid.uuid4().hex}.{_SUFFIXES.get(kind, kind.lower())}"
        path = self._folder / name[:2] / name
        path.parent.mkdir(parents=True, exist_ok=True)
        making = path.with_name(f".{name}")
        with making.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        making.rename(path)
        return Entry(id, path_text(str(path)), len(data), path.stat().st_mtime, fields)

    def forget(self, uri: str) -> None:
        """Delete the file of a record that is gone, if it is one of ours."""
        path = local_path(uri)
        if self.owns(uri):
            path.unlink(missing_ok=True)

    def owns(self, uri: str) -> bool:
        """Whether a record's picture is kept here."""
        return self._folder in local_path(uri).parents

    def of(self, records: Iterator[ImageRecord]) -> dict[str, str]:
        """Ids and addresses of those records whose pictures are kept here."""
        return {record.id: record.uri for record in records if self.owns(record.uri)}


class PushedSource:
    """What one request adds: an uploaded picture, or pictures at addresses.

    It is a catalogue to the indexing run, so that fields that change are taken over; it removes
    nothing that it does not name.
    """

    kind: Literal["catalogue"] = "catalogue"
    uri = SOURCE
    prunes = False
    readers = 8

    def __init__(
        self, entries: Sequence[Entry], data: Mapping[str, bytes], fetcher: Fetcher
    ) -> None:
        self._entries = entries
        self._data = data
        self._fetcher = fetcher

    def entries(self) -> Iterator[Entry | Failure]:
        """The pictures, in the order of the request."""
        yield from self._entries

    def read(self, entry: Entry) -> bytes:
        """The bytes of a picture; raises FetchError."""
        held = self._data.get(entry.uri)
        return self._fetcher.fetch(entry.uri) if held is None else held

    def close(self) -> None:
        """Close connections."""
        self._fetcher.close()
