"""The scan for duplicates of one server: in the background, one at a time, kept until the next."""

import hashlib
import logging
import math
import os
import sys
import threading
import time
import weakref
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

from visavis.errors import IndexLockedError, StoreError, VisavisError
from visavis.flows.duplicates.found import DuplicateReport
from visavis.image_index import ImageIndex
from visavis.server.current_index import CurrentIndex
from visavis.server.refusals import ConflictError, NotReadyError, TooManyRequestsError
from visavis.store.capabilities import faceted
from visavis.store.open import alone
from visavis.types import Relation

_LOG = logging.getLogger("visavis.server")
_PAUSE = 10.0  # seconds after a scan that failed, before the next is tried
_AGAIN = 0.5  # seconds between two looks at whether another worker scans
_RESTED = 20.0  # where anyone may ask, scans take a twentieth of the time at most
_POLITE = 10  # how much later than searches it gets a processor, as nice(1) counts

Reports = Mapping[Relation, DuplicateReport]


class _StoppedError(Exception):
    """The server stops."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a scan has found."""

    reports: Reports
    version: str
    """The same for the same groups, whichever worker of the server has found them."""
    index: "weakref.ref[ImageIndex]"
    generation: int
    """Of the index, when the scan began."""
    ended: float
    """When (time.monotonic)."""
    took: float
    """Seconds."""

    def rests(self) -> float:
        """Seconds that are left before it may be done again by whoever asks."""
        return max(0.0, self.ended + _RESTED * self.took - time.monotonic())


@dataclass(frozen=True, slots=True)
class Looked:
    """How far scanning is, and what there is to show."""

    found: Found | None
    """None: nothing yet."""
    stale: bool
    """Whether the records have changed since."""
    running: bool
    stage: str = ""
    done: int = 0
    total: int = 0

    def done_with(self) -> Found:
        """What was found. Raises ConflictError while there is nothing."""
        if self.found is None:
            raise ConflictError(
                "the scan for duplicates is under way; GET /v1/duplicates says how far it is",
                Retry_After="2",
            )
        return self.found


class Scanner:
    """Looks for the duplicates of the served index when they are first asked for.

    One thread, with no more than one scan at a time, and only when something has changed: so
    whoever may read can have it begun, and cannot have it begun often.
    """

    def __init__(self, current: CurrentIndex, *, keep: bool, public: bool = False) -> None:
        """`keep` says whether what was compared is kept with the index, `public` who may ask."""
        self._current = current
        self._keep = keep
        self._public = public
        self._guard = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._progress = ("", 0, 0)
        self._found: Found | None = None
        self._failed: tuple[VisavisError, float] | None = None

    def look(self, index: ImageIndex, *, again: bool = False) -> Looked:
        """How far it is; begins a scan where there was none, or `again` where it is out of date.

        Raises what the last scan has failed with, TooManyRequestsError where anyone may ask and the
        last one is not long enough ago.
        """
        generation = faceted(index.store).browse.generation()
        with self._guard:
            found = self._found
            if found is not None and found.index() is not index:
                found = self._found = None  # another index was put in its place
            stale = found is not None and found.generation != generation
            if self._thread is None and (found is None or (again and stale)):
                self._rest(found)
                self._begin()
            running = self._thread is not None
            return Looked(found, stale, running, *(self._progress if running else ()))

    def close(self) -> None:
        """Stop a scan that is running; what it has compared is kept."""
        self._stop.set()
        with self._guard:
            thread = self._thread
        if thread is not None:
            thread.join()

    def _rest(self, found: Found | None) -> None:
        left = found.rests() if found is not None and self._public else 0.0
        if left > 0:
            raise TooManyRequestsError(
                "the last scan for duplicates was a moment ago, and this server is public; look "
                "again later",
                Retry_After=str(math.ceil(left)),
            )

    def _begin(self) -> None:
        if self._failed is not None:
            error, at = self._failed
            if time.monotonic() - at < _PAUSE:
                raise error.with_traceback(None)
        if self._stop.is_set():
            raise NotReadyError("the server is stopping")
        self._progress = ("", 0, 0)
        self._thread = threading.Thread(target=self._work, name="visavis-duplicates")
        self._thread.start()

    def _work(self) -> None:
        _be_polite()
        found: Found | None = None
        failed: VisavisError | None = None
        try:
            found = self._scanned()
        except _StoppedError:
            pass
        except VisavisError as error:
            failed = error
            _LOG.warning("the scan for duplicates failed: %s", error)
        except Exception:
            failed = NotReadyError("the scan for duplicates failed; the server's log says why")
            _LOG.exception("the scan for duplicates failed")
        with self._guard:
            self._found = found or self._found
            self._failed = (failed, time.monotonic()) if failed else None
            self._thread = None

    def _scanned(self) -> Found:
        with self._current.use() as index, self._turn(index):
            generation, began = faceted(index.store).browse.generation(), time.monotonic()
            reports = index.duplicates.find_each(keep=self._keep, progress=self._note)
            ended = time.monotonic()
            version = _version(reports)
            return Found(reports, version, weakref.ref(index), generation, ended, ended - began)

    @contextmanager
    def _turn(self, index: ImageIndex) -> Iterator[None]:
        """Wait while another worker scans: what it has compared is not compared again."""
        with ExitStack() as held:
            while self._keep:
                try:
                    held.enter_context(alone(index.store, "duplicates", "looks for duplicates"))
                    break
                except IndexLockedError:
                    self._note("waiting", 0, 0)
                    self._stop.wait(_AGAIN)
                except StoreError:  # where nothing can be written, nothing is kept either
                    break
            yield

    def _note(self, stage: str, done: int, total: int) -> None:
        if self._stop.is_set():
            raise _StoppedError
        self._progress = (stage, done, total)


def _be_polite() -> None:
    """Searches come first: on Linux a thread has a priority of its own."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _POLITE)


def _version(reports: Reports) -> str:
    digest = hashlib.sha256()
    for report in reports.values():
        for group in report.groups:
            for record in group.records:
                digest.update(f"{record.id}\0{record.sha256}\0".encode("utf-8", "replace"))
            digest.update(b"\n")
        digest.update(b"\n\n")
    return digest.hexdigest()[:16]
