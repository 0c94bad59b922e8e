"""The index that is being served, also after another one was put in its place."""

import logging
import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from visavis.errors import StoreError
from visavis.image_index import ImageIndex
from visavis.server.options import ServerOptions
from visavis.store.open import store_identity

_LOG = logging.getLogger("visavis.server")
_LOOK_EVERY = 0.5  # seconds between two looks at whether the file is still the same one


class _Lease:
    """An opened index, and how many requests are using it."""

    def __init__(self, index: ImageIndex, identity: tuple[int, int]) -> None:
        self.index = index
        self.identity = identity
        self.users = 0
        self.retired = False


class CurrentIndex:
    """Opens an index and follows it.

    Changes inside the database (records, another model) are the store's business and visible at
    once. When the folder is deleted and made anew, the new one is opened here and the old one
    closed after its last request. While there is none, that is what requests are told, and it is
    looked for again.
    """

    def __init__(self, options: ServerOptions) -> None:
        self._folder = options.index
        self._options = options
        self._guard = threading.Lock()
        self._looked = -math.inf
        self._current: _Lease | None = None
        self._trouble: StoreError | None = None

    @contextmanager
    def use(self) -> Iterator[ImageIndex]:
        """The index, open while it is used. Raises IndexMissingError and its subclasses."""
        lease = self._taken()
        try:
            yield lease.index
        finally:
            self._given_back(lease)

    def close(self) -> None:
        """Close it; the caller sees to it that nobody uses it any more."""
        if self._current is not None:
            self._current.index.close()

    def _open(self) -> _Lease:
        identity = store_identity(self._folder)
        index = ImageIndex.open(
            self._folder,
            device=self._options.device,
            jobs=self._options.pool_threads,
            max_pixels=self._options.max_pixels,
            lock_seconds=self._options.lock_seconds,
            files=self._options.files,
        )
        return _Lease(index, identity)

    def _taken(self) -> _Lease:
        with self._guard:
            if time.monotonic() - self._looked > _LOOK_EVERY:
                self._look()
                self._looked = time.monotonic()
            if self._trouble is not None:
                raise self._trouble.with_traceback(None)
            assert self._current is not None  # else there is trouble
            self._current.users += 1
            return self._current

    def _look(self) -> None:
        """Follow the folder, or note why it cannot be followed."""
        try:
            self._follow()
        except StoreError as error:
            if self._trouble is None:
                _LOG.error("%s", error)
            self._trouble = error
        else:
            if self._trouble is not None:
                _LOG.info("%s: the index is back", self._shown())
            self._trouble = None

    def _follow(self) -> None:
        old = self._current
        if old is not None and store_identity(self._folder) == old.identity:
            return
        self._current = self._open()
        if old is None:
            return
        _LOG.info("%s: another index is there now; serving that one", self._shown())
        old.retired = True
        if not old.users:
            old.index.close()

    def _shown(self) -> str:
        """Where the index is, for a log: the option may hold a token."""
        assert self._current is not None  # it was opened just now
        return self._current.index.store.facts.place

    def _given_back(self, lease: _Lease) -> None:
        with self._guard:
            lease.users -= 1
            done = lease.retired and not lease.users
        if done:
            lease.index.close()
