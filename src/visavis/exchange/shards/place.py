"""Where shards lie: a folder of this machine, or a prefix of object storage."""

import os
from pathlib import Path
from typing import BinaryIO

from visavis.buckets.address import is_object
from visavis.buckets.folders import folder_at
from visavis.disk import is_full
from visavis.errors import SourceError, StorageFullError, UsageError
from visavis.exchange.shards.shard import SUFFIX


class ShardPlace:
    """A folder of shards, or s3://BUCKET/PREFIX. Safe for threads, and can be sent to processes.

    Raises UsageError for a bucket that cannot be.
    """

    def __init__(self, place: str | Path) -> None:
        self.uri = str(place).rstrip("/") or "/"
        self._folder = folder_at(self.uri)

    def names(self) -> list[str]:
        """Of the Parquet files in it and below, sorted; hidden ones are left out.

        Raises SourceError where it cannot be listed.
        """
        try:
            return [name for name in self._folder.names() if name.lower().endswith(SUFFIX)]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise SourceError(
                f"{self.uri}: the shards cannot be listed ({error.strerror or error})"
            ) from error

    def at(self, name: str) -> str:
        """What people call a shard."""
        return f"{self.uri}/{name}" if is_object(self.uri) else str(Path(self.uri, name))

    def open(self, name: str) -> BinaryIO:
        """A shard to be read. Raises OSError, ObjectStorageError."""
        return self._folder.open(name)

    def write(self, name: str, content: bytes) -> None:
        """Write a shard at once or not at all, in place of one of that name.

        Raises UsageError, StorageFullError, ObjectStorageError.
        """
        try:
            self._folder.write(name, content)
        except OSError as error:
            if is_full(error):
                raise StorageFullError(f"{self.at(name)}: no space left for the shard") from error
            raise UsageError(
                f"cannot write the shard {self.at(name)}: {error.strerror or error}; name another "
                "folder"
            ) from error


def named(location: str | Path) -> tuple[ShardPlace, list[str]]:
    """A place, and which of its shards a location means: a single file, or all.

    Raises SourceError where there are none, UsageError.
    """
    text = os.fspath(location).rstrip("/")
    if is_object(text):
        single = text.lower().endswith(SUFFIX)
        above, _, name = text.rpartition("/")
    else:
        single = not Path(location).is_dir()
        above, name = str(Path(text).parent), Path(text).name
    if single:
        return ShardPlace(above), [name]
    place = ShardPlace(text or "/")
    names = place.names()
    if not names:
        raise SourceError(f"{place.uri}: there are no shards in it (….parquet)")
    return place, names
