"""Where shards lie: a folder of files that are whole or not there."""

from pathlib import Path
from typing import Protocol

from visavis.disk import is_full, write_whole
from visavis.errors import SourceError, StorageFullError, UsageError
from visavis.exchange.shards.shard import SUFFIX


class ShardPlace(Protocol):
    """A place for shards. Safe to use from several processes; can be sent to others."""

    @property
    def uri(self) -> str:
        """What people call it."""
        ...

    def names(self) -> list[str]:
        """Of the shards that are there, sorted; none where nothing was ever written.

        Raises SourceError where it cannot be listed.
        """
        ...

    def file(self, name: str) -> Path:
        """A file of this machine with a shard's content, to be read."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """Write a shard whole or not at all, in place of one of that name.

        Raises UsageError, StorageFullError.
        """
        ...


class ShardFolder:
    """A folder of this machine, or of a disk that several machines share."""

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)

    @property
    def uri(self) -> str:
        """Its path."""
        return str(self._folder)

    def names(self) -> list[str]:
        """Of the Parquet files in it, hidden ones left out."""
        try:
            if not self._folder.exists():
                return []
            found = [path.name for path in self._folder.iterdir()]
        except OSError as error:
            raise SourceError(
                f"{self._folder}: the shards cannot be listed ({error.strerror or error})"
            ) from error
        return sorted(n for n in found if n.lower().endswith(SUFFIX) and not n.startswith("."))

    def file(self, name: str) -> Path:
        """Where a shard lies."""
        return self._folder / name

    def write(self, name: str, content: bytes) -> None:
        """Write a shard under another name and rename it."""
        path = self._folder / name
        try:
            write_whole(path, content)
        except OSError as error:
            if is_full(error):
                raise StorageFullError(f"{path}: no space left for the shard") from error
            raise UsageError(
                f"cannot write the shard {path}: {error.strerror or error}; name another folder"
            ) from error
