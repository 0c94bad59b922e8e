"""Memory that a burst took, given back to the system."""

import ctypes
import sys
from collections.abc import Callable
from functools import cache


class Memory:
    """Notes bursts, and gives back what they left.

    The GNU C library keeps what was freed below the last piece that is in use. After a few large
    bodies that is all of them, for good.
    """

    def __init__(self) -> None:
        self._looks = 0

    def note_burst(self) -> None:
        """Something large was freed, or soon will be."""
        self._looks = 2  # at the first one it may not be free yet

    def give_back(self) -> None:
        """Return free memory, if there was a burst since the last time; takes milliseconds."""
        if self._looks and (trim := _trim()) is not None:
            self._looks -= 1
            trim(0)


@cache
def _trim() -> Callable[[int], int] | None:
    """malloc_trim(3) where there is one."""
    if not sys.platform.startswith("linux"):
        return None
    return getattr(ctypes.CDLL(None), "malloc_trim", None)
