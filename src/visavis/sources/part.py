"""Some files and folders of a folder, as a walk over the whole of it would name them."""

import errno
import os
import stat
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple, Protocol

from visavis.errors import SourceError
from visavis.images.files import local_path, path_text
from visavis.sources.folder import SYSTEM_FOLDERS, FolderSource, FolderWalk
from visavis.types import Entry, Failure


class FolderPart(FolderSource):
    """What has changed in a folder: its pictures, as `FolderSource` names them, and what is gone.

    Args:
        folder: The whole.
        paths: Absolute paths in it, of files and folders that are there or were; others, and what
            a walk passes over, are ignored.
        exclude: As for FolderSource.
        unsettled: Files that are not taken, and whose records stay: they are being written.
        within: The folder from which ids start; None: `folder` itself.

    Raises SourceError when the folder is not there.
    """

    def __init__(
        self,
        folder: str | Path,
        paths: Iterable[str],
        exclude: Sequence[str] = (),
        *,
        unsettled: Collection[str] = (),
        within: str | Path | None = None,
    ) -> None:
        super().__init__(folder, exclude, within=within)
        self._paths = tuple(paths)
        self._unsettled = tuple(unsettled)
        self.unsettled = frozenset(map(path_text, unsettled))
        """By their URIs."""
        self._files: dict[str, list[_Named]] = defaultdict(list)
        self._folders: list[tuple[str, str]] = []
        self.names: list[str] = []
        """Ids, without the source's prefix, that this is about, and all that is below each."""
        self.prunes = False  # only where something is gone, or may be
        self._sort(self._walked())

    def within(self, folder: str) -> "FolderPart":
        """The same part, with ids and fields as a walk over a folder above gives them."""
        return self._again(self._root, local_path(folder))

    def at(self, folder: str) -> "FolderPart":
        """The same part of the folder by another path that leads to it."""
        return self._again(local_path(folder), None)

    def _again(self, folder: str | Path, within: Path | None) -> "FolderPart":
        root = os.path.realpath(folder)
        paths = [root + path[len(self._root) :] for path in self._paths]
        unsettled = [root + path[len(self._root) :] for path in self._unsettled]
        return FolderPart(root, paths, self._exclude, unsettled=unsettled, within=within)

    def entries(self) -> Iterator[Entry | Failure]:
        """The pictures among the paths, and below those of folders."""
        self._check_root()
        self._begin()
        for entry in self._named():
            if entry.uri not in self.unsettled:
                yield entry

    def notes(self) -> list[str]:
        """Nothing: a part does not show what is left out of the whole."""
        return []

    def check(self) -> None:
        """Whether the whole is there still. Raises SourceError where it, or all in it, is gone."""
        try:
            with os.scandir(self._root) as listing:
                there = next(listing, None) is not None
        except OSError as error:
            raise SourceError(f"{self.uri}: it is not there now ({error.strerror})") from error
        if not there:
            raise SourceError(f"{self.uri}: nothing is there now (an unplugged disk?)")

    def _named(self) -> Iterator[Entry | Failure]:
        folders = list(self._folders)
        for parent, items in self._files.items():
            walk = FolderWalk(parent, self._below_top(parent), self._excluded, self._left_out)
            yield from walk.pictures(items)
            folders += walk.folders + self._followed(walk.links)
        yield from self._walk(folders[::-1])

    def _followed(self, links: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """Those out of the folder: what is inside has the names that a walk gives it anyway."""
        return [link for link in links if not _inside(self._root, os.path.realpath(link[0]))]

    def _walked(self) -> list["_Named"]:
        """The paths that a walk would come by, each once, sorted; links to folders are resolved."""
        real = cache(self._real_parent)
        found: dict[str, _Named] = {}
        for path in self._paths:
            parent, name = os.path.split(path)
            parent = real(parent)
            item = _Named(name, os.path.join(parent, name))  # noqa: PTH118
            if parent and self._passes(item):
                found[item.path] = item
        return [found[path] for path in sorted(found, key=_as_walked)]

    def _real_parent(self, parent: str) -> str:
        """A folder by its own path, where that is inside; nothing for one that is outside."""
        if not _inside(self._root, parent):
            return ""
        real = os.path.realpath(parent)
        return real if _inside(self._root, real) else parent

    def _passes(self, item: "_Named") -> bool:
        below = os.path.relpath(item.path, self._root)
        parts = Path(below).parts
        if any(part.startswith(".") or part.lower() in SYSTEM_FOLDERS for part in parts):
            return False
        if not self._exclude:
            return True
        start = self._below + "/" if self._below else ""
        return not any(
            self._excluded(parts[at], start + "/".join(parts[: at + 1])) for at in range(len(parts))
        )

    def _sort(self, items: Iterable["_Named"]) -> None:
        """Tell files from folders, and both from what is gone; what a folder covers is left out."""
        covered = ""
        for item in items:
            if covered and item.path.startswith(covered):
                continue
            if item.is_dir() and not item.is_symlink():
                covered = item.path + os.sep
                self._folders.append((item.path, self._below_top(item.path)))
                self.prunes = True
            elif item.is_missing():
                self.prunes = True
            else:
                self.prunes = self.prunes or item.is_symlink()
                self._files[os.path.dirname(item.path)].append(item)  # noqa: PTH120
            self.names.append(path_text(self._below_top(item.path)))

    def _below_top(self, path: str) -> str:
        below = os.path.relpath(path, self._root)
        if below == os.curdir:
            return self._below
        return f"{self._below}/{below}" if self._below else below


class _Named(NamedTuple):
    """A path with what `os.DirEntry` says of what a listing has."""

    name: str
    path: str

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        return self._is(stat.S_ISDIR, follow_symlinks)

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        return self._is(stat.S_ISREG, follow_symlinks)

    def is_symlink(self) -> bool:
        return self._is(stat.S_ISLNK, False)

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        return os.stat(self.path, follow_symlinks=follow_symlinks)  # noqa: PTH116

    def is_missing(self) -> bool:
        """Whether nothing is there; a disk that does not answer is no reason to think so."""
        try:
            os.lstat(self.path)
        except OSError as error:
            return error.errno in (errno.ENOENT, errno.ENOTDIR)
        return False

    def _is(self, kind: "_Kind", follow_symlinks: bool) -> bool:
        try:
            return kind(self.stat(follow_symlinks=follow_symlinks).st_mode)
        except OSError:
            return False


def _as_walked(path: str) -> str:
    """Sorts what is in a folder right behind it."""
    return path.replace(os.sep, "\0")


def _inside(root: str, path: str) -> bool:
    return path == root or path.startswith(root.rstrip(os.sep) + os.sep)


class _Kind(Protocol):
    def __call__(self, mode: int, /) -> bool: ...
