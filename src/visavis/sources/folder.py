"""A folder of pictures, walked lazily and about as fast as the operating system can list it."""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from operator import attrgetter
from pathlib import Path
from typing import Literal

from visavis.errors import SourceError
from visavis.images.files import (
    IMAGE_SUFFIXES,
    name_filter,
    path_text,
    read_file,
    what_instead,
    why_not,
)
from visavis.images.sniff import sniff
from visavis.sources.endings import LeftOut, may_be_picture
from visavis.types import Entry, Failure, Fields

SYSTEM_FOLDERS = frozenset(
    (
        "@eadir",
        "#recycle",
        "#snapshot",
        "$recycle.bin",
        "system volume information",
        "node_modules",
        "__macosx",
        "__pycache__",
        "lost+found",
    )
)
"""Folders that hold no pictures of the user's, in lower case; hidden ones are skipped anyway."""

MISSING_ADVICE = (
    "check the name, or plug in its disk (records already in the index stay as they are)"
)

_CHUNK = 10_000  # names sorted at a time: order for normal folders, flat memory for huge ones
_by_name = attrgetter("name")


class FolderSource:
    """Every picture below a folder.

    Taken are files with a picture's suffix, and files without any or with an odd one (`a.jpg?w=9`)
    whose first bytes are a picture's. Hidden files and folders, system folders and whatever matches
    `exclude` (globs, on the path below the folder or on the name; a folder's glob covers what is
    below it) are skipped.
    Links to folders are followed, after everything else and never twice into the same folder.
    Folders come in the order of their names, and so do files in folders of up to 10,000.

    A folder on the way that cannot be listed is a `Failure` with the folder's path as its uri: the
    records below it are not gone, only out of sight.

    Raises SourceError when the folder is not there or cannot be listed itself.
    """

    kind: Literal["folder"] = "folder"
    prunes = True
    readers = 4

    def __init__(self, folder: str | Path, exclude: Sequence[str] = ()) -> None:
        self._root = os.path.realpath(folder)
        self._excluded = name_filter(tuple(exclude))
        self.uri = path_text(self._root)
        self._left_out = LeftOut()
        self._check_root()

    def entries(self) -> Iterator[Entry | Failure]:
        """All pictures below the folder; no picture is opened."""
        self._check_root()
        self._left_out = LeftOut()
        visited: set[tuple[int, int] | str] = set()
        links: list[tuple[str, str]] = []
        waiting = [(self._root, "")]
        while waiting or links:
            if not waiting:  # real folders first: their pictures keep ids without links in them
                waiting.append(links.pop(0))
            path, below = waiting.pop()
            try:
                if not _first_visit(path, visited):
                    continue
                listing = os.scandir(path)
            except OSError as error:
                if path == self._root:  # not a failure among others: nothing at all can be told
                    raise SourceError(f"{self.uri}: {_folder_refusal(error)}") from error
                yield Failure(path_text(path), _folder_refusal(error))
                continue
            walk = _FolderWalk(path, below, self._excluded, self._left_out)
            with listing:
                yield from walk.files(listing)
            waiting += reversed(walk.folders)
            links += walk.links

    def notes(self) -> list[str]:
        """Which kinds of files the last walk has left out."""
        return self._left_out.notes(self.uri)

    def read(self, entry: Entry) -> bytes:
        """The bytes of a picture; raises ImageUnreadableError."""
        return read_file(entry.uri)

    def close(self) -> None:
        """Nothing is held open."""

    def _check_root(self) -> None:
        if not os.path.isdir(self._root):  # noqa: PTH112
            raise SourceError(f"{self.uri}: there is no such folder; {MISSING_ADVICE}")


class _FolderWalk:
    """One folder of a walk: its pictures as they are listed, and the folders found on the way."""

    def __init__(
        self,
        path: str,
        below: str,
        excluded: Callable[[str], object] | None,
        left_out: LeftOut,
    ) -> None:
        self._left_out = left_out
        self._prefix = path if path.endswith(os.sep) else path + os.sep
        self._below = below + "/" if below else ""
        self._text_prefix = path_text(self._prefix)
        self._text_below = path_text(self._below)
        self._fields: Fields = {"folder": path_text(below)} if below else {}
        self._excluded = excluded
        self.folders: list[tuple[str, str]] = []
        self.links: list[tuple[str, str]] = []

    def files(self, listing: Iterator[os.DirEntry[str]]) -> Iterator[Entry | Failure]:
        while True:
            try:
                chunk = sorted(islice(listing, _CHUNK), key=_by_name)
            except OSError as error:
                yield Failure(self._text_prefix.rstrip("/"), _folder_refusal(error))
                return
            if not chunk:
                return
            yield from self._chunk(chunk)

    def _chunk(self, chunk: list[os.DirEntry[str]]) -> list[Entry | Failure]:
        # The hot loop of a run over unchanged files: plain names, local variables, one stat a file.
        found: list[Entry | Failure] = []
        prefix, below, fields, excluded = (
            self._text_prefix,
            self._text_below,
            self._fields,
            self._excluded,
        )
        make, is_regular = Entry._make, stat.S_ISREG
        for item in chunk:
            name = item.name
            if name[0] == ".":
                continue
            try:
                if item.is_dir():
                    self._add_folder(item)
                    continue
                if excluded and (excluded(name) or excluded(self._below + name)):
                    continue
                if not name.lower().endswith(IMAGE_SUFFIXES) and not self._maybe(item):
                    continue
                status = item.stat()
            except OSError as error:
                found += self._refusal(name, why_not(error))
                continue
            if not name.isascii() or "\\" in name:
                name = path_text(name)
            if is_regular(status.st_mode):
                found.append(
                    make((below + name, prefix + name, status.st_size, status.st_mtime, fields))
                )
            else:
                found.append(Failure(prefix + name, what_instead(status.st_mode)))
        return found

    def _add_folder(self, item: os.DirEntry[str]) -> None:
        name, below = item.name, self._below + item.name
        if name.lower() in SYSTEM_FOLDERS:
            return
        if self._excluded and (self._excluded(name) or self._excluded(below)):
            return
        where = self.links if item.is_symlink() else self.folders
        where.append((self._prefix + name, below))

    def _maybe(self, item: os.DirEntry[str]) -> bool:
        """Whether a file without a picture's suffix is one by its content, if that is likely."""
        if not may_be_picture(item.name) or not item.is_file():
            self._left_out.add(item.name)
            return False
        with open(item.path, "rb") as file:  # noqa: PTH123
            return sniff(file.read(32)) is not None

    def _refusal(self, name: str, reason: str) -> list[Failure]:
        if self._excluded and (self._excluded(name) or self._excluded(self._below + name)):
            return []
        return [Failure(self._text_prefix + path_text(name), reason)]


def _first_visit(path: str, visited: set[tuple[int, int] | str]) -> bool:
    status = os.stat(path)  # noqa: PTH116
    # Some network file systems have no inode numbers: there the real path has to do.
    key = (status.st_dev, status.st_ino) if status.st_ino else os.path.realpath(path)
    if key in visited:
        return False
    visited.add(key)
    return True


def _folder_refusal(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return "the folder may not be read; check its permissions"
    return f"the folder cannot be read ({error.strerror or error})"
