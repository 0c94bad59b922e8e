"""What is watched: folders and catalogues, and where they differ from what the index has."""

import math
import os
import stat
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from visavis.errors import SourceError, UsageError
from visavis.flows.source_identity import place
from visavis.images.files import local_path, path_text
from visavis.sources.base import Source, SourceOptions, is_remote, open_source
from visavis.sources.endings import CATALOGUE_SUFFIXES
from visavis.sources.folder import MISSING_ADVICE, FolderSource
from visavis.sources.part import FolderPart
from visavis.sources.paths import local_name
from visavis.store.base import SourceRow, VectorStore
from visavis.types import Entry, Failure, IndexReport
from visavis.watching.filesystems import mounted_below
from visavis.watching.settling import GONE_FOR, QUIET, State, look

RESCAN = 900.0
"""Seconds between two looks at what is announced, should something have been lost."""

_TIMES = 100  # as long as a comparison takes, at least, until it is made again
_LONGEST = 86_400.0  # seconds between two tries of what a server does not have
_BLOCK = 512
_REMEMBERED = 10_000  # files that could not be read
_Identity = tuple[int, int]


class WatchedFolder:
    """A folder whose pictures are kept in an index."""

    def __init__(self, folder: str, exclude: Sequence[str]) -> None:
        self.path = os.path.realpath(folder)
        self.uri = path_text(self.path)
        self._exclude = exclude
        self.identity = _identity(self.path)
        """What tells it from another folder in its place; None: it is not there."""
        self.mounts = mounted_below(self.path)
        """What is mounted below it; see there."""
        self.polled: str | None = None
        """Why it is looked at again and again, where it is."""
        self.look_at = 0.0
        """When it is to be looked at as a whole again, as `time.monotonic` counts."""
        self._failed: OrderedDict[str, State] = OrderedDict()
        self._refused: frozenset[str] = frozenset()
        self._missing: frozenset[str] = frozenset()

    def source(self) -> FolderSource:
        """All of it. Raises SourceError when it is not there."""
        return FolderSource(self.path, self._exclude)

    def part(self, paths: Iterable[str], unsettled: frozenset[str]) -> FolderPart:
        """Some of it. Raises SourceError when it is not there."""
        return FolderPart(self.path, paths, self._exclude, unsettled=unsettled)

    def covers(self, path: str) -> bool:
        """Whether a path lies below it."""
        return path.startswith(self.path.rstrip(os.sep) + os.sep)

    def is_there(self, store: VectorStore) -> bool:
        """Whether it is the folder that it was; an empty one counts where no record is of it."""
        if self.identity is None or _identity(self.path) != self.identity:
            return False
        try:
            with os.scandir(self.path) as listing:
                return next(listing, None) is not None or not self._has_records(store)
        except OSError:
            return False

    def find_again(self, store: VectorStore) -> bool:
        """Whether it is there now; from now on the one that is counts."""
        self.identity = _identity(self.path)
        if not self.is_there(store):
            self.identity = None
        return self.identity is not None

    def is_remounted(self) -> bool:
        """Whether other disks are mounted below it than when this was asked before."""
        before, self.mounts = self.mounts, mounted_below(self.path)
        return self.mounts != before

    def _has_records(self, store: VectorStore) -> bool:
        return any(
            store.sweep(row.number, _below(row, self.uri)).count()
            for row in store.sources()
            if row.kind == FolderSource.kind and _is_below(self.uri, (row.uri,))
        )

    def failed(self, uris: Iterable[str]) -> None:
        """Note what could not be taken in: it is tried again when it has changed."""
        for uri in uris:
            self._failed[uri] = look(os.fspath(local_path(uri)))
            self._failed.move_to_end(uri)
        while len(self._failed) > _REMEMBERED:
            self._failed.popitem(last=False)

    def refused(self) -> None:
        """Note that what the last comparison missed may not leave."""
        self._refused = self._missing

    def differences(self, store: VectorStore) -> Iterator[str]:
        """Paths of pictures that the index lacks or has otherwise, and last of what is gone.

        Only reads. What is below a folder that is empty or cannot be read counts as gone no more
        than in `visavis index`. Raises SourceError when the folder is not there.
        """
        placed = place(self.source(), store)
        sweep = placed.sweep(store)
        walked = placed.source.entries()
        closed: set[str] = set()
        while block := list(islice(walked, _BLOCK)):
            closed |= {item.uri for item in block if isinstance(item, Failure)}
            entries = {placed.row.prefix + e.id: e for e in block if isinstance(e, Entry)}
            known = sweep.known(list(entries))
            sweep.seen(list(known))
            for id, entry in entries.items():
                have = known.get(id)
                if have and (have.size, have.modified) == (entry.size, entry.modified):
                    continue
                path = os.fspath(local_path(entry.uri))
                if entry.uri not in self._failed or self._failed[entry.uri] != look(path):
                    yield path
        if isinstance(placed.source, FolderSource):
            closed |= set(placed.source.empty)
        gone: list[str] = []

        def kept(id: str, uri: str) -> bool:
            if not _is_below(uri, closed):
                gone.append(uri)
            return True

        sweep.gone(kept)
        self._missing = frozenset(gone)
        if self._missing != self._refused:
            yield from (os.fspath(local_path(uri)) for uri in gone)


class WatchedCatalogue:
    """A catalogue, watched as a file: once it has changed, its rows are compared with the index.

    Some are compared again although it has not: those whose pictures could not be read, by and by.
    """

    def __init__(self, path: str, options: SourceOptions) -> None:
        self.path = os.path.realpath(path)
        self.uri = path_text(self.path)
        self._options = options
        self._indexed: State = None
        self._seen: State = None
        self._since = 0.0
        self._again_at = math.inf
        self._pause = RESCAN
        self._failed: frozenset[tuple[str, str]] = frozenset()
        self._again = False

    def source(self) -> Source:
        """Its rows. Raises SourceError when it is not there or cannot be read."""
        return open_source(self.path, **self._options)

    def is_due(self, now: float) -> bool:
        """Whether it has changed, and no more for a while, or is to be compared again."""
        state = self._look(now)
        if state is None:
            return False
        if state == self._indexed:
            return now >= self._again_at
        return now - self._since >= QUIET

    def is_away(self, now: float) -> bool:
        """Whether it has been gone for longer than it takes to save it."""
        return self._look(now) is None and now - self._since >= GONE_FOR

    def _look(self, now: float) -> State:
        state = look(self.path)
        if state != self._seen or not self._since:
            self._seen, self._since = state, now
        return state

    def taken(self) -> None:
        """Note that it is about to be compared as it is now."""
        state = look(self.path)
        self._again = state == self._indexed
        self._indexed, self._again_at = state, math.inf

    def compared(self, report: IndexReport, now: float, took: float) -> None:
        """Note what could not be taken in, to try it again; leaves what is news in the report.

        The pauses grow while nothing changes: a server is not asked for ever for what it has not.
        """
        failed = [f for f in report.failed if not f.uri.startswith(f"{self.uri}#")]  # not rows
        known = frozenset((failure.uri, failure.reason) for failure in failed)
        self._pause = 2 * self._pause if self._again and known == self._failed else RESCAN
        if self._again:
            new = [f for f in report.failed if (f.uri, f.reason) in known - self._failed]
            report.failed, report.notes = new, []
        self._failed = known
        if failed:
            self._again_at = now + max(min(self._pause, _LONGEST), _TIMES * took)


def watched(
    location: str, options: SourceOptions, known: Collection[str]
) -> WatchedFolder | WatchedCatalogue:
    """What is at a location; a place that is away now has to be `known` to the index, by its URI.

    Raises SourceError where nothing is, UsageError for what cannot be watched.
    """
    path = os.path.realpath(local_name(location))
    catalogue = path.lower().endswith(CATALOGUE_SUFFIXES)
    if is_remote(location) or location == "-" or (os.path.isfile(path) and not catalogue):  # noqa: PTH113
        raise UsageError(
            f"{location}: only folders and catalogues can be watched; visavis index takes it"
        )
    if not os.path.exists(path) and path_text(path) not in known:  # noqa: PTH110
        raise SourceError(f"{path_text(path)}: there is no such file or folder; {MISSING_ADVICE}")
    if not catalogue or os.path.isdir(path):  # noqa: PTH112
        return WatchedFolder(path, options.get("exclude", ()))
    return WatchedCatalogue(path, options)


def _identity(folder: str) -> _Identity | None:
    try:
        found = os.stat(folder)  # noqa: PTH116
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISDIR(found.st_mode) else None


def _below(row: SourceRow, uri: str) -> str:
    below = uri[len(row.uri) :].strip("/")
    return row.prefix + below + "/" if below else ""


def _is_below(uri: str, folders: Collection[str]) -> bool:
    return bool(folders) and any(str(folder) in folders for folder in (uri, *Path(uri).parents))
