"""How much of a core one request may take to make pictures small."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

MOST = 0.6
"""Seconds of a core."""


class Budget:
    """What was spent so far. Safe to use from threads, of which one works at a time."""

    def __init__(self, most: float = MOST) -> None:
        self._most = most
        self._guard = threading.Lock()
        self._spent = 0.0

    def allows(self, seconds: float = 0.0) -> bool:
        """Whether there is so much left; the first piece is done whatever it takes."""
        return not self._spent or self._spent + seconds < self._most

    @contextmanager
    def one(self) -> Iterator[bool]:
        """Work on one picture; whether there is anything left by the time it is its turn."""
        with self._guard:
            began = time.thread_time()
            try:
                yield self.allows()
            finally:
                self._spent += time.thread_time() - began
