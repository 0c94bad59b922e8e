"""How long the network may take, and how waiting for it is broken off."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")

_SLICE = 0.25  # seconds between two looks at whether it is still worth waiting


class TooLateError(Exception):
    """The time for the whole download is over."""


class StoppedError(Exception):
    """Nobody wants the download any more."""


class Deadline:
    """Waits in short slices, so that the end of a download and a stop are noticed at once.

    A timeout between two pieces of an answer does not help against a server that sends a byte now
    and then; so there is an end for everything that a thread does inside `until`. `stop` ends the
    waiting of all threads for good.
    """

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._here = threading.local()

    @contextmanager
    def until(self, end: float) -> Iterator[None]:
        """Let what this thread does inside end at a moment of `time.monotonic`."""
        before, self._here.end = self._end(), end
        try:
            yield
        finally:
            self._here.end = before

    def stop(self) -> None:
        """End all waiting."""
        self._stopped.set()

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stopped.is_set()

    def sleep(self, seconds: float) -> None:
        """Sleep. Raises StoppedError and TooLateError."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._stopped.wait(min(left, self._left()))

    def wait(self, step: Callable[[float], T], seconds: float | None, late: Exception) -> T:
        """The result of a step that takes some seconds and raises TimeoutError after them.

        It is tried again until it succeeds. Raises `late` after `seconds` (None: no limit),
        StoppedError and TooLateError.
        """
        end = None if seconds is None else time.monotonic() + seconds
        while True:
            left = min(_SLICE, self._left())
            if end is not None:
                left = min(left, end - time.monotonic())
            if left <= 0:
                raise late
            try:
                return step(left)
            except TimeoutError:
                continue

    def _end(self) -> float | None:
        end: float | None = getattr(self._here, "end", None)
        return end

    def _left(self) -> float:
        """Seconds until the end, more than 0. Raises StoppedError and TooLateError."""
        if self._stopped.is_set():
            raise StoppedError
        end = self._end()
        left = float("inf") if end is None else end - time.monotonic()
        if left <= 0:
            raise TooLateError
        return left
