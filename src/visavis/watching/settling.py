"""Waiting until a file is written: size and time stay as they are for a while."""

import os
import stat
from collections.abc import Iterable
from typing import NamedTuple

QUIET = 0.5
"""Seconds in which nothing of a file may change before it is read."""

GONE_FOR = 1.5
"""Seconds for which something has to be gone where there is much to do: what comes under a new name
at the same time is taken in before it is dropped under the old one."""

LONGEST = 60.0
"""Seconds for which what may not leave waits for new files that do not settle."""

State = tuple[int, int, int] | None
"""Kind, size and time of a file or folder; None: nothing is there, or it cannot be looked at."""


def look(path: str) -> State:
    """The state of a file or folder, links followed."""
    try:
        found = os.stat(path)  # noqa: PTH116 - of many
    except OSError:
        return None
    return stat.S_IFMT(found.st_mode), found.st_size, found.st_mtime_ns


class _Waiting(NamedTuple):
    state: State
    since: float


class Settling:
    """Paths that have changed, each with how it looked when, until it stays so for a while."""

    def __init__(self) -> None:
        self._waiting: dict[str, _Waiting] = {}
        self._last = 0.0
        self._held: float | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def note(self, paths: Iterable[str], now: float) -> None:
        """Paths that something happened to just now."""
        for path in paths:
            self._waiting[path] = _Waiting(look(path), now)
            self._last = now

    def wait_again(self, paths: Iterable[str], now: float) -> bool:
        """Note what is gone and may not leave, where a file that is there has still to settle.

        It may be one of those, under another name. False where there is none, or too long was none
        that settled.
        """
        if not any(waiting.state for waiting in self._waiting.values()):
            return False
        self._held = now if self._held is None else self._held
        if now - self._held >= LONGEST:
            return False
        self.note(paths, now)
        return True

    def forget(self, folder: str) -> None:
        """Drop what lies below a folder."""
        start = folder.rstrip(os.sep) + os.sep
        for path in [path for path in self._waiting if path.startswith(start)]:
            del self._waiting[path]

    def clear(self) -> None:
        """Drop all."""
        self._waiting.clear()

    def unsettled(self) -> frozenset[str]:
        """The paths that are still waited for."""
        return frozenset(self._waiting)

    def quiet(self, now: float) -> bool:
        """Whether nothing has happened for a while."""
        return now - self._last >= QUIET

    def take(self, now: float) -> dict[str, State]:
        """The paths that have settled, which are waited for no more, and how they are.

        While much goes on, what is gone has to be so for longer.
        """
        gone_for = QUIET if self.quiet(now) else GONE_FOR
        if not any(waiting.state for waiting in self._waiting.values()):
            self._held = None
        taken: dict[str, State] = {}
        for path, waiting in list(self._waiting.items()):
            if now - waiting.since < (QUIET if waiting.state else gone_for):
                continue
            state = look(path)
            if state == waiting.state:
                taken[path] = state
                del self._waiting[path]
            else:
                self._waiting[path] = _Waiting(state, now)
        return taken
