"""Ending in the middle of a batch."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from visavis.sources.base import Source

_LOOK_EVERY = 0.1  # seconds


class Stopped(Exception):
    """Watching was to end in the middle of a batch; what was committed is kept."""


@contextmanager
def closed_by(stop: threading.Event, source: Source) -> Iterator[None]:
    """Close a source when `stop` is set, so that nobody waits for servers that do not answer."""
    over = threading.Event()

    def wait() -> None:
        while not over.is_set():
            if stop.wait(_LOOK_EVERY):
                source.close()
                return

    threading.Thread(target=wait, name="visavis-stop", daemon=True).start()
    try:
        yield
    finally:
        over.set()
