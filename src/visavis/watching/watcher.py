"""The loop: what changed, waits until it has settled, and goes into the index in batches.

The index's lock is held while a batch is written, and free between two, so other runs get in.
"""

import os
import stat
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Unpack

from visavis.errors import IndexLockedError, LargeRemovalError, SourceError, StorageFullError
from visavis.image_index import ImageIndex
from visavis.sources.base import Source, SourceOptions
from visavis.sources.endings import may_be_picture
from visavis.store.capabilities import is_local
from visavis.store.open import alone
from visavis.types import IndexReport
from visavis.watching.filesystems import silent
from visavis.watching.noticing import MOST, Events, Noticed
from visavis.watching.places import RESCAN, WatchedCatalogue, WatchedFolder, watched
from visavis.watching.reporting import Reporter
from visavis.watching.settling import Settling, State, look
from visavis.watching.stopping import Stopped, closed_by

_TICK = 0.25  # seconds between two looks at what was noticed
_AT_ONCE = (64, 4096)  # files that are taken in under one lock, at least and at most
_LOCKED = (1.0, 4.0)  # seconds that this should take: with less overhead, or to let others in
_BREATH = 0.06  # seconds between two locks; who waits for one looks every 0.05
_LINE_EVERY = 5.0  # seconds after which a long batch is reported in parts
_BATCH_EVERY = 3.0  # seconds after which a batch is made although it never gets quiet
_POLL = 2.0  # seconds between two looks at a folder without events, or ten times what one takes
_RETRY = 1.0  # seconds before a batch is tried again that another process kept out
_OVERDUE = 60.0  # and after which a folder is looked at although something in it never rests


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """How places are watched."""

    poll: float | None = None
    """Look at folders every so many seconds, whatever their file systems send; None: as needed."""
    remove_many: bool = False
    """Whether more than a tenth of a source's records may leave at once."""


class Watcher:
    """Keeps an index up to date with folders and catalogues.

    Args:
        index: Is written to; other processes may write between two batches.
        locations: Folders and catalogues; one that the index knows may be away for now.
        options: See WatchOptions.
        report: Called with what each batch did.
        say: Called with sentences on what happens besides.
        source_options: See SourceOptions.

    Raises SourceError where nothing is, UsageError for what cannot be watched.
    """

    def __init__(
        self,
        index: ImageIndex,
        locations: Sequence[str],
        options: WatchOptions,
        *,
        report: Callable[[IndexReport], None],
        say: Callable[[str], None],
        **source_options: Unpack[SourceOptions],
    ) -> None:
        self._index = index
        self._options = options
        self._reporter = Reporter(report, say)
        known = {row.uri for row in index.store.sources()}
        named = [watched(location, source_options, known) for location in locations]
        self._places = list({place.path: place for place in named}.values())
        self._folders = [one for one in self._places if isinstance(one, WatchedFolder)]
        self._catalogues = [one for one in self._places if isinstance(one, WatchedCatalogue)]
        self._own = os.path.realpath(index.path) + os.sep if is_local(index.store) else None
        self._noticed = Noticed()
        self._events = Events(self._noticed, self._without_events)
        self._settling = Settling()
        self._gone: list[str] = []
        self._stop = threading.Event()
        self._silent: str | None = None
        self._at_once = 4 * _AT_ONCE[0]
        self._latest: IndexReport | None = None
        self._failures = 0
        self._written = 0.0

    def run(self, stop: threading.Event) -> None:
        """Bring the index up to date, and keep it so until `stop` is set.

        Raises IndexLockedError where another process watches one of the places for it, and
        IndexMissingError when the index is gone, or is another one by now.
        """
        self._stop = stop
        with suppress(Stopped), self._alone():
            try:
                self._listen()
                for folder in self._folders:
                    self._first(folder)
                self._reporter.tell(always=not self._catalogues)
                while not stop.is_set():
                    self._turn()
            finally:
                self._events.stop()
                self._reporter.tell()

    def _turn(self) -> None:
        if is_local(self._index.store):
            self._index.store.check_place()
        self._noticed.wait(_TICK if self._settling or self._catalogues else 4 * _TICK)
        self._look_after_folders()
        self._look_without_events()
        self._take_noticed()
        self._look_around()
        for catalogue in self._catalogues:
            self._follow(catalogue)
        self._write()
        self._reporter.tell()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other watchers away from these places; the system ends that with the process."""
        with ExitStack() as locks:
            for place in self._places:
                name = f"watch-{zlib.crc32(os.fsencode(place.path)):08x}"
                does = f"watches {place.uri} already; stop it first"
                locks.enter_context(alone(self._index.store, name, does))
            yield

    # -- what there is -----------------------------------------------------------------------------

    def _listen(self) -> None:
        """Hear of events where there are some, and say how each folder is watched."""
        heard = []
        for folder in self._folders:
            kind = silent(folder.path)
            if self._options.poll is not None:
                folder.polled = "as was asked for"
            elif kind is not None:
                folder.polled = f"{kind} does not say what changes"
            elif folder.polled is None and folder.identity is not None:
                heard.append(folder.path)
        self._events.start(heard)
        for folder in self._folders:
            if folder.identity is not None:
                self._say_how(folder)

    def _without_events(self, reason: str) -> None:
        """On the thread of the events: they have ended."""
        self._silent = reason

    def _look_without_events(self) -> None:
        """Look again and again at what was watched by events, if they have ended."""
        reason, self._silent = self._silent, None
        if reason is None:
            return
        for folder in self._folders:
            if folder.polled is None:
                folder.polled = f"no events: {reason}"
                folder.look_at = 0.0
                self._say_how(folder)

    def _say_how(self, folder: WatchedFolder) -> None:
        how = "watched by the system's events"
        if folder.polled is not None:
            how = f"looked at every {self._options.poll or _POLL:g} s ({folder.polled})"
        self._reporter.say_once(f"{folder.path} how", f"{folder.uri}: {how}")

    def _look_after_folders(self) -> None:
        """Notice which folders have gone or come back."""
        changed = False
        for folder in self._folders:
            if folder.identity is not None and not folder.is_there(self._index.store):
                self._away(folder)
                changed = True
            elif folder.identity is None and folder.find_again(self._index.store):
                self._reporter.say_once(folder.path, f"{folder.uri}: it is back")
                self._reporter.well(f"{folder.path} how")
                folder.look_at = 0.0
                changed = True
            elif folder.is_remounted():
                folder.look_at = 0.0
                changed = True
        if changed:
            for folder in self._folders:
                folder.polled = None  # another disk may be there, or room for events again
            self._listen()

    def _away(self, folder: WatchedFolder) -> None:
        """Wait for a folder."""
        folder.identity = None
        self._settling.forget(folder.path)
        self._reporter.say_once(
            folder.path,
            f"{folder.uri}: nothing is there now (an unplugged disk?); its records stay, and it is "
            "watched again when it is back",
        )

    # -- what changes ------------------------------------------------------------------------------

    def _first(self, folder: WatchedFolder) -> None:
        """Do what `visavis index` does."""
        if folder.identity is None:
            self._away(folder)
            return
        began = time.monotonic()
        self._add_later(folder.path, folder.source)
        ended = time.monotonic()
        folder.look_at = ended + self._pause(folder, ended - began)

    def _follow(self, catalogue: WatchedCatalogue) -> None:
        """Compare a catalogue with the index where it is time to."""
        now = time.monotonic()
        if catalogue.is_due(now):
            catalogue.taken()
            self._add_later(catalogue.path, catalogue.source)
        elif catalogue.is_away(now):
            self._reporter.say_once(
                catalogue.path,
                f"{catalogue.uri}: it is gone; its records stay, and it is watched again when it "
                "is back",
            )

    def _take_noticed(self) -> None:
        paths, lost = self._noticed.take()
        now = time.monotonic()
        if lost:
            self._look_again()
        found = [path for path in paths if self._is_wanted(path)]
        self._settling.note(found, now)
        for path in found:
            if os.path.isdir(path) and not os.path.islink(path):  # noqa: PTH112, PTH114
                self._settling.note(self._below(path), now)
        if len(self._settling) > MOST:
            self._settling.clear()
            self._look_again()

    def _below(self, folder: str) -> Iterator[str]:
        """Files in a new folder: each settles by itself, and they are taken in by and by."""
        found = (
            os.path.join(path, name)  # noqa: PTH118
            for path, _, names in os.walk(folder)
            for name in names
        )
        return islice(filter(self._is_wanted, found), MOST + 1)

    def _is_wanted(self, path: str) -> bool:
        """Whether a path may be about a picture; names that came damaged are found by a look."""
        if self._own is not None and path.startswith(self._own):
            return False
        folder = next((f for f in self._folders if f.path == path or f.covers(path)), None)
        if folder is None or folder.identity is None:
            return False
        if folder.path == path or "\ufffd" in path:
            folder.look_at = min(folder.look_at, time.monotonic() + 1)
            return False
        name = os.path.basename(path)  # noqa: PTH119
        return not name.startswith(".") and (may_be_picture(name) or "." in name)

    def _look_again(self) -> None:
        for folder in self._folders:
            folder.look_at = 0.0

    def _look_around(self) -> None:
        """Compare folders whose time it is with the index; what differs has to settle."""
        for folder in self._folders:
            began = time.monotonic()
            if folder.identity is None or began < folder.look_at:
                continue
            if self._settling and began < folder.look_at + _OVERDUE:
                continue
            most = 0
            try:
                found = list(islice(folder.differences(self._index.store), MOST))
                most = len(found)
                self._settling.note(found, time.monotonic())
            except SourceError:
                self._away(folder)
            now = time.monotonic()
            folder.look_at = now + (0.0 if most == MOST else self._pause(folder, now - began))

    def _pause(self, folder: WatchedFolder, took: float) -> float:
        if folder.polled is None:
            return max(RESCAN, 100 * took)  # should some have been lost
        return self._options.poll or max(_POLL, 10 * took)

    # -- what is written ---------------------------------------------------------------------------

    def _write(self) -> None:
        now = time.monotonic()
        if not self._settling:
            return
        if not self._settling.quiet(now) and now - self._written < _BATCH_EVERY:
            return
        self._written = now
        self._reporter.begin()
        taken = self._settling.take(now)
        files = {path: state for path, state in taken.items() if state and stat.S_ISREG(state[0])}
        others = {path: state for path, state in taken.items() if path not in files}
        left = iter(files.items())
        while part := dict(islice(left, self._at_once)):
            began = time.monotonic()
            self._write_part(part)
            self._pace(time.monotonic() - began)
            if not others:  # else it may be that they have moved
                self._reporter.tell(_LINE_EVERY)
        before = self._reporter.moves
        self._write_part(others)  # all at once: a tenth of them is a tenth of all
        self._reporter.were_there(self._reporter.moves - before)

    def _pace(self, took: float) -> None:
        """Take more at once where that goes quickly, as with renamed files, and less where not."""
        (least, most), (quick, slow) = _AT_ONCE, _LOCKED
        if took < quick:
            self._at_once = min(most, 2 * self._at_once)
        elif took > slow:
            self._at_once = max(least, self._at_once // 2)

    def _write_part(self, paths: Mapping[str, State]) -> None:
        for folder in self._folders:
            own = {path: state for path, state in paths.items() if folder.covers(path)}
            if own:
                self._add_later(folder.path, partial(self._part, folder, own))

    def _part(self, folder: WatchedFolder, paths: Mapping[str, State]) -> Source:
        """The paths that still are as they were when they had settled; the others wait again."""
        steady = [path for path, state in paths.items() if look(path) == state]
        self._settling.note(paths.keys() - set(steady), time.monotonic())
        self._gone = [path for path in steady if paths[path] is None]
        return folder.part(steady, self._settling.unsettled())

    def _add_later(self, path: str, source: Callable[[], Source]) -> None:
        """Add to the index as soon as nobody else writes to it."""
        while not self._stop.is_set():
            try:
                with self._index.writing():  # first: what is added is looked at under the lock
                    self._add(path, source())
            except (IndexLockedError, StorageFullError) as error:
                self._reporter.say_once(path, f"{error}; trying again")
                self._stop.wait(_RETRY)
                continue
            except SourceError as error:
                self._refused(path, error)
            else:
                self._reporter.well(path)
            self._stop.wait(_BREATH)
            return

    def _add(self, path: str, source: Source) -> None:
        self._latest, self._failures, began = None, 0, time.monotonic()
        try:
            with closed_by(self._stop, source):
                self._latest = self._index.add(
                    source, progress=self._progress, remove_many=self._options.remove_many
                )
        finally:
            if self._latest is not None:
                self._note_failed(path, self._latest, time.monotonic() - began)
                self._reporter.done(self._latest)

    def _progress(self, report: IndexReport) -> None:
        self._latest = report
        if self._stop.is_set():
            del report.failed[self._failures :]  # downloads that were given up for that
            raise Stopped
        self._failures = len(report.failed)

    def _note_failed(self, path: str, report: IndexReport, took: float) -> None:
        for folder in self._folders:
            if folder.path == path:
                folder.failed(failure.uri for failure in report.failed)
        for catalogue in self._catalogues:
            if catalogue.path == path:
                catalogue.compared(report, time.monotonic(), took)

    def _refused(self, path: str, error: SourceError) -> None:
        """Go on without what a source refuses."""
        folder = next((folder for folder in self._folders if folder.path == path), None)
        if isinstance(error, LargeRemovalError):
            if self._settling.wait_again(self._gone, time.monotonic()):
                return
            if folder is not None:
                folder.refused()
            self._reporter.say_once(path, str(error))
        elif folder is None:
            self._reporter.say_once(path, f"{error}; its records stay as they are")
        elif not folder.is_there(self._index.store):
            self._away(folder)
        else:
            self._reporter.say_once(path, str(error))
