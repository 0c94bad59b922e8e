"""Files in a folder of this machine, or below a prefix of an object storage, by the same calls."""

import os
import shutil
from collections.abc import Iterator
from io import BufferedReader, RawIOBase
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Protocol

from visavis.buckets.address import Address, is_object
from visavis.buckets.client import Buckets
from visavis.disk import new_file, write_whole

_AHEAD = 1 << 16  # bytes fetched at once where fewer are asked for
_READ = 1 << 30  # bytes of a file that is read at once


class Folder(Protocol):
    """A place of files, by names with `/` between their parts.

    Methods raise OSError (FileNotFoundError, PermissionError), and in object storage also
    ObjectStorageError.
    """

    def names(self) -> Iterator[str]:
        """The files in it and below, sorted; hidden ones and what is being written left out."""
        ...

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        ...

    def read(self, name: str) -> bytes:
        """The bytes of a file of at most 1 GiB."""
        ...

    def open(self, name: str) -> BinaryIO:
        """A file to be read from any place in it, of which no more is fetched than is read."""
        ...

    def write(self, name: str, content: bytes | Path) -> None:
        """Put bytes, or those of a local file, into a file: at once or not at all."""
        ...

    def remove(self, name: str) -> None:
        """Delete a file; one that is not there is no trouble."""
        ...


def folder_at(place: str | os.PathLike[str]) -> Folder:
    """The folder at a path, or at s3://BUCKET/PREFIX; it need not be there yet.

    Raises UsageError for a bucket that cannot be.
    """
    if isinstance(place, str) and is_object(place):
        return BucketFolder(place)
    return LocalFolder(place)


class LocalFolder:
    """A folder of this machine."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)

    def __str__(self) -> str:
        return str(self._path)

    def names(self) -> Iterator[str]:
        """The files in it and below."""
        found = []
        for here, folders, files in os.walk(self._path, onerror=_raise):
            folders[:] = [name for name in folders if not name.startswith(".")]
            below = Path(here).relative_to(self._path)
            found += [(below / name).as_posix() for name in files if not name.startswith(".")]
        yield from sorted(found)

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        return self._at(name).is_file()

    def read(self, name: str) -> bytes:
        """The bytes of a file."""
        path = self._at(name)
        if path.stat().st_size > _READ:
            raise OSError(f"{path}: it is larger than 1 GiB")
        return path.read_bytes()

    def open(self, name: str) -> BinaryIO:
        """A file to be read."""
        return self._at(name).open("rb")

    def write(self, name: str, content: bytes | Path) -> None:
        """Write a file at once or not at all."""
        path = self._at(name)
        if isinstance(content, bytes):
            write_whole(path, content)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with new_file(path) as partial:
            shutil.copyfile(content, partial)

    def remove(self, name: str) -> None:
        """Delete a file."""
        self._at(name).unlink(missing_ok=True)

    def _at(self, name: str) -> Path:
        parts = PurePosixPath(name)
        if parts.is_absolute() or ".." in parts.parts:  # a name may come from a stranger's bucket
            raise OSError(f"{name}: it does not lie in {self._path}")
        return self._path / parts


class BucketFolder:
    """All whose keys begin with a prefix and a slash."""

    def __init__(self, place: str, buckets: Buckets | None = None) -> None:
        self._place = Address.of_folder(place)
        self._buckets = buckets or Buckets()

    def __str__(self) -> str:
        return str(self._place)

    def names(self) -> Iterator[str]:
        """The objects below it."""
        start = self._place.folder
        top = Address(self._place.scheme, self._place.bucket, start)
        for found in self._buckets.listed(top):
            name = found.key.removeprefix(start)
            if name and not name.endswith("/") and not f"/{name}".count("/."):
                yield name

    def has(self, name: str) -> bool:
        """Whether there is such an object."""
        try:
            self._buckets.stat(self._place.below(name))
        except FileNotFoundError:
            return False
        return True

    def read(self, name: str) -> bytes:
        """The bytes of an object."""
        return self._buckets.read(self._place.below(name), _READ)

    def open(self, name: str) -> BinaryIO:
        """An object, to be read in parts."""
        return BufferedReader(_Parts(self._buckets, self._place.below(name)), _AHEAD)

    def write(self, name: str, content: bytes | Path) -> None:
        """Put an object there."""
        self._buckets.write(self._place.below(name), content)

    def remove(self, name: str) -> None:
        """Delete an object."""
        self._buckets.remove(self._place.below(name))


class _Parts(RawIOBase):
    """An object, of which each read asks for a part."""

    def __init__(self, buckets: Buckets, place: Address) -> None:
        self._buckets = buckets
        self._place = place
        self._known = buckets.stat(place)
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._known.size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        stop = min(self._known.size, self._at + len(buffer))
        if stop <= self._at:
            return 0
        data = self._buckets.read_part(self._place, self._known, self._at, stop)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def _raise(error: OSError) -> None:
    raise error
