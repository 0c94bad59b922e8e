"""Pictures that came without a place of their own: files in a folder of one index."""

import os
import re
import uuid
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from visavis.disk import is_full
from visavis.errors import StorageFullError
from visavis.images.files import local_path, path_text
from visavis.images.sniff import HEAD_BYTES, sniff
from visavis.types import Entry, FieldValue, ImageRecord

_SUFFIXES = {"JPEG": "jpg", "TIFF": "tif", "HEIF": "heic"}
_OURS = re.compile(r"\.?[0-9a-f]{32}\.[a-z]+")  # with a dot in front: being written


class Uploads:
    """Folders of one index: one file for each uploaded record, new ones in the first.

    Files are named by chance. What a client calls a picture is never a name here, and two records
    never share a file, so that removing one cannot take the other's picture away. Whoever changes
    the folders holds the index's write lock.
    """

    def __init__(self, *folders: Path) -> None:
        self._folders = folders

    def keep(self, data: bytes, id: str, fields: Mapping[str, FieldValue]) -> Entry:
        """Write a picture to disk, and the entry that says so. Raises StorageFullError."""
        kind = sniff(data[:HEAD_BYTES]) or "JPEG"
        name = f"{uuid.uuid4().hex}.{_SUFFIXES.get(kind, kind.lower())}"
        path = self._folders[0] / name[:2] / name
        making = path.with_name(f".{name}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
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
                    f"{self._folders[0]}: there is no room for a picture of {len(data):,} bytes "
                    f"({error.strerror}); make room and send it again"
                ) from error
            raise
        return Entry(id, path_text(str(path)), len(data), path.stat().st_mtime, fields)

    def forget(self, uri: str) -> None:
        """Delete the file of a record that is gone, if it is one of ours."""
        if self.owns(uri):
            local_path(uri).unlink(missing_ok=True)

    def owns(self, uri: str) -> bool:
        """Whether a record's picture is kept here."""
        return not set(self._folders).isdisjoint(local_path(uri).parents)

    def of(self, records: Iterable[ImageRecord]) -> dict[str, str]:
        """Ids and URIs of those records whose pictures are kept here."""
        return {record.id: record.uri for record in records if self.owns(record.uri)}

    def sweep(self, uris: Iterable[str]) -> int:
        """Delete the files that none of the index's records names; returns how many there were.

        They are compared by their names, which are unique: a folder may be spelled otherwise now,
        or lie elsewhere.
        """
        found = (path for folder in self._folders for path in folder.rglob("*"))
        orphans = {path.name: path for path in found if _OURS.fullmatch(path.name)}
        if not orphans:
            return 0
        for uri in uris:
            orphans.pop(local_path(uri).name, None)
        for path in orphans.values():
            path.unlink(missing_ok=True)
        return len(orphans)
