"""Lost or damaged caches of an index, made again while searches go on without them."""

import threading

from visavis.store.base import VectorStore
from visavis.store.capabilities import is_local


class CacheRepair:
    """Makes the caches again at most once, on a thread of its own; only a local store has any."""

    def __init__(self, store: VectorStore) -> None:
        self._store = store
        self._thread: threading.Thread | None = None

    def begin_if_wanted(self) -> None:
        """Begin where a search has found caches missing."""
        if is_local(self._store) and self._store.wants_caches():
            self.begin()

    def begin(self) -> None:
        """Begin, unless that was done before."""
        if self._thread is None and is_local(self._store):
            self._thread = threading.Thread(target=self._store.repair, name="visavis-repair")
            self._thread.start()

    @property
    def running(self) -> bool:
        """Whether they are being made just now."""
        return self._thread is not None and self._thread.is_alive()

    def wait(self) -> None:
        """Wait for the end of it."""
        if self._thread is not None:
            self._thread.join()
