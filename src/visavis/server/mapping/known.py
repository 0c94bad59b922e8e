"""The map of what is served: made once for each state of the index, beside the requests."""

import gzip
import hashlib
import json
import logging
import threading
import time
from dataclasses import dataclass

from visavis.errors import StoreError, UsageError, VisavisError
from visavis.flows.mapping.making import MapOptions, make_map
from visavis.image_index import ImageIndex
from visavis.pages.collection_map import MapData, map_data
from visavis.server.current_index import CurrentIndex
from visavis.server.options import ServerOptions
from visavis.server.refusals import NotFoundError
from visavis.store.capabilities import has_facets
from visavis.types import ImageRecord

_LOG = logging.getLogger("visavis.server")

SIDE = 96
"""Pixels of a picture in a tile."""

MOST = 50_000
"""Records of an index that is mapped here: their vectors are in memory meanwhile."""

_LEVEL = 5  # of compression
_AGAIN = 20.0  # seconds after which a map that could not be made is tried again
_STALE_FACTOR = 20.0  # making maps may take a twentieth of the time while an index is being written

_State = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a map is that is being made."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class ServedMap:
    """A map that is there."""

    data: MapData
    version: str
    body: bytes
    """JSON."""
    packed: bytes
    """The same with gzip: of a large map that takes half a second."""
    state: _State
    """The model and the generation of the index that it is of."""
    at: float
    took: float

    def fits(self, state: _State) -> bool:
        """Whether it may still be shown: the newest, or a recent one that was costly."""
        return self.state == state or time.monotonic() - self.at < self.took * _STALE_FACTOR

    def tile(self, number: int) -> tuple[ImageRecord, ...]:
        """The records of a tile. Raises NotFoundError."""
        for at, records in enumerate(self.data.tiles):
            if at == number:
                return records
        raise NotFoundError("the map has no such tile")


class _StopError(Exception):
    """The server stops while a map is being made."""


class KnownMaps:
    """Makes the map of the index when it is first asked for, on one thread of its own."""

    def __init__(self, current: CurrentIndex, options: ServerOptions) -> None:
        self._current = current
        self._options = options
        self._guard = threading.Lock()
        self._made: ServedMap | None = None
        self._trouble: tuple[float, VisavisError] | None = None
        """When making a map failed, and why."""
        self._thread: threading.Thread | None = None
        self._progress = Progress(0, 0)
        self._closing = False

    def of(self, index: ImageIndex) -> ServedMap | Progress:
        """The map, or how far it is. Raises what making it raised, UsageError when it is too large.

        While a newer one is being made, the one from before is shown.
        """
        state = _state(index)
        with self._guard:
            made = self._made
            if made is not None and made.fits(state):
                return made
            if self._trouble is not None and time.monotonic() - self._trouble[0] < _AGAIN:
                raise self._trouble[1].with_traceback(None)
            if self._thread is None:
                _check(index)
                self._progress = Progress(0, 0)
                self._thread = threading.Thread(
                    target=self._make, args=(state,), name="visavis-map", daemon=True
                )
                self._thread.start()
            return made or self._progress

    def close(self) -> None:
        """Stop what is being made, and wait for the end of it."""
        self._closing = True
        thread = self._thread
        if thread is not None:
            thread.join()

    def _make(self, state: _State) -> None:
        """On a thread of its own."""
        started = time.monotonic()
        try:
            with self._current.use() as index:
                made = self._map_of(index)
        except _StopError:
            return
        except Exception as error:  # whatever it is, the page has to say that there is no map
            _LOG.warning("the map cannot be made: %s", error, exc_info=_unforeseen(error))
            unclear = StoreError("the map could not be made; the server's log says why")
            with self._guard:
                trouble = unclear if _unforeseen(error) else error
                assert isinstance(trouble, VisavisError)  # narrows the type
                self._trouble, self._thread = (time.monotonic(), trouble), None
            return
        body = json.dumps(made.shape, ensure_ascii=False, separators=(",", ":"))
        data = body.encode("utf-8", "replace")
        contents = "".join(record.sha256 for record in made.records)
        version = hashlib.sha256(data + contents.encode()).hexdigest()[:24]
        packed = gzip.compress(data, _LEVEL, mtime=0)
        ended = time.monotonic()
        with self._guard:
            self._made = ServedMap(made, version, data, packed, state, ended, ended - started)
            self._thread = None

    def _map_of(self, index: ImageIndex) -> MapData:
        hidden = frozenset(self._options.hidden)
        options = MapOptions(
            words=index.tagging.words,
            step=self._step,
            keep=self._options.writable,
            hidden=hidden,
        )
        made = make_map(index.store, index.writing, options)
        return map_data(made, SIDE, hidden, neighbours=False)

    def _step(self, done: int, total: int) -> None:
        if self._closing:
            raise _StopError
        self._progress = Progress(done, total)


def _unforeseen(error: Exception) -> bool:
    return not isinstance(error, VisavisError)


def _state(index: ImageIndex) -> _State:
    store = index.store
    generation = store.browse.generation() if has_facets(store) else store.count()
    return store.model().fingerprint, generation


def _check(index: ImageIndex) -> None:
    count = index.store.count()
    if not count:
        raise UsageError("the index is empty; there is nothing to map")
    if count > MOST:
        raise UsageError(
            f"{count:,} records are more than the {MOST:,} that this page maps; "
            "`visavis map` draws larger ones"
        )
