"""Pictures that came without a place of their own: files in places of one index."""

import os
import re
import uuid
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from visavis.disk import is_full
from visavis.errors import StorageFullError, StoreError
from visavis.images.files import local_path, path_text
from visavis.images.sniff import HEAD_BYTES, sniff
from visavis.types import Entry, FieldValue, ImageRecord

_SUFFIXES = {"JPEG": "jpg", "TIFF": "tif", "HEIF": "heic"}
_OURS = re.compile(r"\.?[0-9a-f]{32}\.[a-z]+")  # with a dot in front: being written


class UploadPlace(Protocol):
    """Where uploads are: files below it whose names are unique."""

    def check(self) -> None:
        """Find out whether uploads can be kept there. Raises StoreError, ObjectStorageError."""
        ...

    def write(self, name: str, data: bytes) -> tuple[str, float]:
        """Write a file whole or not at all; its URI, and its time.

        Raises StorageFullError, StoreError, ObjectStorageError.
        """
        ...

    def owns(self, uri: str) -> bool:
        """Whether a URI is that of a file here."""
        ...

    def remove(self, uri: str) -> None:
        """Delete a file; one that is not there is no trouble."""
        ...

    def uris(self) -> Iterable[str]:
        """All files that are here, also those that are being written."""
        ...


class Uploads:
    """Places of one index: one file for each uploaded record, new ones in the first.

    Files are named by chance. What a client calls a picture is never a name here, and two records
    never share a file, so that removing one cannot take the other's picture away. Whoever changes
    the places holds the index's write lock.
    """

    def __init__(self, *places: UploadPlace) -> None:
        self._places = places

    def check(self) -> None:
        """Find out whether uploads can be kept. Raises StoreError, ObjectStorageError."""
        self._places[0].check()

    def keep(self, data: bytes, id: str, fields: Mapping[str, FieldValue]) -> Entry:
        """Write a picture, and the entry that says so.

        Raises StorageFullError, StoreError, ObjectStorageError.
        """
        kind = sniff(data[:HEAD_BYTES]) or "JPEG"
        name = f"{uuid.uuid4().hex}.{_SUFFIXES.get(kind, kind.lower())}"
        uri, modified = self._places[0].write(name, data)
        return Entry(id, uri, len(data), modified, fields)

    def forget(self, uri: str) -> None:
        """Delete the file of a record that is gone, if it is one of ours."""
        for place in self._places:
            if place.owns(uri):
                place.remove(uri)
                return

    def owns(self, uri: str) -> bool:
        """Whether a record's picture is kept here."""
        return any(place.owns(uri) for place in self._places)

    def of(self, records: Iterable[ImageRecord]) -> dict[str, str]:
        """Ids and URIs of those records whose pictures are kept here."""
        return {record.id: record.uri for record in records if self.owns(record.uri)}

    def sweep(self, uris: Iterable[str]) -> int:
        """Delete the files that none of the index's records names; returns how many there were.

        They are compared by their names, which are unique: a folder may be spelled otherwise now,
        or lie elsewhere.
        """
        orphans = {
            name: (place, uri)
            for place in self._places
            for uri in place.uris()
            if _OURS.fullmatch(name := _name(uri))
        }
        if not orphans:
            return 0
        for uri in uris:
            orphans.pop(_name(uri), None)
        for place, uri in orphans.values():
            place.remove(uri)
        return len(orphans)


def _name(uri: str) -> str:
    return uri.rpartition("/")[2]


class UploadFolder:
    """A folder of this machine with uploads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def check(self) -> None:
        """There is nothing to find out: the index's shelf was claimed."""

    def write(self, name: str, data: bytes) -> tuple[str, float]:
        """Write a picture to disk. Raises StorageFullError, StoreError."""
        path = self._folder / name[:2] / name
        making = path.with_name(f".{name}")
        try:
            self._folder.mkdir(exist_ok=True)  # not what it lies in: that was moved away
            path.parent.mkdir(exist_ok=True)
            with making.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            making.rename(path)
        except OSError as error:
            with suppress(OSError):
                making.unlink(missing_ok=True)
            if is_full(error):
                raise StorageFullError(
                    f"{self._folder}: there is no room for a picture of {len(data):,} bytes "
                    f"({error.strerror}); make room and send it again"
                ) from error
            if not self._folder.parent.is_dir():
                raise StoreError(f"{self._folder.parent}: there is no such folder") from error
            raise
        return path_text(str(path)), path.stat().st_mtime

    def owns(self, uri: str) -> bool:
        """Whether a file lies here, however the way to it is spelled."""
        path = local_path(uri)
        return self._folder in path.parents or _real(self._folder) in _real(path).parents

    def remove(self, uri: str) -> None:
        """Delete a file."""
        local_path(uri).unlink(missing_ok=True)

    def uris(self) -> Iterable[str]:
        """All files below."""
        return [path_text(str(path)) for path in self._folder.rglob("*")]


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))
