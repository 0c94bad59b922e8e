"""A folder of pictures, walked lazily and about as fast as the operating system can list it."""

import contextlib
import os
import stat
from collections.abc import Iterator, Sequence
from itertools import islice
from operator import attrgetter
from pathlib import Path
from typing import Protocol

from visavis.errors import SourceError
from visavis.images.files import (
    IMAGE_SUFFIXES,
    local_path,
    path_text,
    read_file,
    what_instead,
    why_not,
)
from visavis.images.sniff import sniff
from visavis.sources.endings import LeftOut, may_be_picture
from visavis.sources.excluding import Exclusion
from visavis.types import Entry, Failure, Fields

SITE_PICTURES = "visavis-pictures"
"""The folder of a static site's pictures, which show what is indexed already."""

SYSTEM_FOLDERS = frozenset(
    (
        SITE_PICTURES,
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

_BROKEN = "the link leads nowhere; is the disk there that it leads to?"
_CHUNK = 10_000  # names sorted at a time: order for normal folders, flat memory for huge ones
_by_name = attrgetter("name")


class FolderSource:
    """Every picture below a folder.

    Taken are files with a picture's suffix, and files without any or with an odd one (`a.jpg?w=9`)
    whose first bytes are a picture's. Hidden files and folders, system folders and whatever matches
    `exclude` (globs; see Exclusion) are skipped.
    Links to folders are followed, after everything else and never twice into the same folder.
    Folders come in the order of their names, and so do files in folders of up to 10,000.

    A folder on the way that cannot be listed, or a link that leads nowhere, is a `Failure` with its
    path as the uri: the records below it are not gone, only out of sight. Folders in which nothing
    is, as where a disk is to be mounted, stand in `empty` after the walk.

    Raises SourceError when the folder is not there or cannot be listed itself.
    """

    kind = "folder"
    prunes = True
    owns_ids = False
    has_fields = False
    lists_missing = False
    readers = 4

    def __init__(
        self, folder: str | Path, exclude: Sequence[str] = (), *, within: str | Path | None = None
    ) -> None:
        self._root = os.path.realpath(folder)
        base = self._root if within is None else os.path.realpath(within)
        self._below = "" if base == self._root else os.path.relpath(self._root, base)
        self._exclude = tuple(exclude)
        self._excluded = Exclusion(self._root, self._exclude, self._below)
        self.uri = path_text(self._root)
        self._left_out = LeftOut()
        self.empty: list[str] = []
        self._check_root()

    def within(self, folder: str) -> "FolderSource":
        """The same pictures, with ids and fields as a walk over a folder above gives them."""
        return FolderSource(self._root, self._exclude, within=local_path(folder))

    def at(self, folder: str) -> "FolderSource":
        """The same folder by another path that leads to it."""
        return FolderSource(local_path(folder), self._exclude)

    def entries(self) -> Iterator[Entry | Failure]:
        """All pictures below the folder; no picture is opened."""
        self._check_root()
        self._begin()
        yield from self._walk([(self._root, self._below)])

    def _begin(self) -> None:
        self._left_out = LeftOut()
        self.empty.clear()

    def _walk(self, waiting: list[tuple[str, str]]) -> Iterator[Entry | Failure]:
        """All pictures below some folders: each with its path, and where it lies below the top."""
        visited: set[tuple[int, int] | str] = set()
        links: list[tuple[str, str]] = []
        while waiting or links:
            if not waiting:  # real folders first: their pictures keep ids without links in them
                waiting.append(links.pop(0))
            path, below = waiting.pop()
            try:
                if not _first_visit(path, visited):
                    continue
                listing = os.scandir(path)
            except OSError as error:
                if path == self._root:  # not a failure among others: nothing at all is known
                    raise SourceError(f"{self.uri}: {_folder_refusal(error)}") from error
                yield Failure(path_text(path), _folder_refusal(error))
                continue
            walk = FolderWalk(path, below, self._excluded, self._left_out)
            with listing:
                yield from walk.files(listing)
            for folder in walk.excluded_folders:  # no link leads back into them either
                with contextlib.suppress(OSError):
                    _first_visit(folder, visited)
            if not walk.count:
                self.empty.append(path_text(path))
            waiting += reversed(walk.folders)
            links += self._followed(walk.links)

    def notes(self) -> list[str]:
        """What the last walk has left out by its kind, and globs that nothing was left out for."""
        return [*self._left_out.notes(self.uri), *self._excluded.notes(self.uri)]

    def read(self, entry: Entry) -> bytes:
        """The bytes of a picture; raises ImageUnreadableError."""
        return read_file(entry.uri)

    def close(self) -> None:
        """Nothing is held open."""

    def _followed(self, links: list[tuple[str, str]]) -> list[tuple[str, str]]:
        return links

    def _check_root(self) -> None:
        if not os.path.isdir(self._root):  # noqa: PTH112
            raise SourceError(f"{self.uri}: there is no such folder; {MISSING_ADVICE}")


class Listed(Protocol):
    """What a listing says of a file or folder: a part of `os.DirEntry`."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def path(self) -> str:
        """Its path."""
        ...

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        """Whether it is a folder."""
        ...

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        """Whether it is a file."""
        ...

    def is_symlink(self) -> bool:
        """Whether it is a link."""
        ...

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        """Its facts. Raises OSError."""
        ...


class FolderWalk:
    """One folder of a walk: its pictures as they are listed, and the folders found on the way."""

    def __init__(self, path: str, below: str, excluded: Exclusion, left_out: LeftOut) -> None:
        self._left_out = left_out
        self._prefix = path if path.endswith(os.sep) else path + os.sep
        self._below = below + "/" if below else ""
        self._text_prefix = path_text(self._prefix)
        self._text_below = path_text(self._below)
        self._fields: Fields = {"folder": path_text(below)} if below else {}
        self._excluded = excluded or None
        self.count = 0  # of all that is there, pictures or not
        self.folders: list[tuple[str, str]] = []
        self.links: list[tuple[str, str]] = []
        self.excluded_folders: list[str] = []

    def files(self, listing: Iterator[os.DirEntry[str]]) -> Iterator[Entry | Failure]:
        """The pictures in a listing of the folder."""
        while True:
            try:
                chunk = sorted(islice(listing, _CHUNK), key=_by_name)
            except OSError as error:
                yield Failure(self._text_prefix.rstrip("/"), _folder_refusal(error))
                return
            if not chunk:
                return
            self.count += len(chunk)
            yield from self.pictures(chunk)

    def pictures(self, chunk: Sequence[Listed]) -> list[Entry | Failure]:
        """The pictures among what the folder has; folders and links to some are noted."""
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
            if excluded and self._leaves_out(item, excluded):
                continue
            if name[0] == ".":
                continue
            try:
                if item.is_dir():
                    self._add_folder(item)
                    continue
                if not name.lower().endswith(IMAGE_SUFFIXES) and not self._maybe(item):
                    continue
                status = item.stat()
            except OSError as error:
                reason = _BROKEN if item.is_symlink() else why_not(error)
                found.append(Failure(self._text_prefix + path_text(name), reason))
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

    def _leaves_out(self, item: Listed, excluded: Exclusion) -> bool:
        if excluded(item.name, self._below + item.name):
            if item.is_dir(follow_symlinks=False):
                self.excluded_folders.append(item.path)
            return True
        return item.is_symlink() and excluded.target(item.path)

    def _add_folder(self, item: Listed) -> None:
        name, below = item.name, self._below + item.name
        if name.lower() in SYSTEM_FOLDERS:
            return
        where = self.links if item.is_symlink() else self.folders
        where.append((self._prefix + name, below))

    def _maybe(self, item: Listed) -> bool:
        """Whether a file without a picture's suffix is one by its content, if that is likely.

        Raises OSError for a link that leads nowhere: it may have led to a folder of pictures.
        """
        if item.is_symlink():
            item.stat()
        if not may_be_picture(item.name) or not item.is_file():
            self._left_out.add(item.name)
            return False
        with open(item.path, "rb") as file:  # noqa: PTH123
            return sniff(file.read(32)) is not None


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
