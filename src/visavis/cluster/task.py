"""What a worker does: some entries of a source, read, decoded and embedded.

The pipeline is that of one machine, on one thread for the model; a worker process loads the model
once. Entries and results are plain data.
"""

import time
from collections.abc import Sequence
from contextlib import closing
from typing import Literal, NamedTuple

from visavis import __version__
from visavis.cluster.parcel import Get, Parcel, unpack
from visavis.embedders.base import Embedder
from visavis.errors import ModelError, ObjectStorageError
from visavis.flows.workers.base import Job, Outcome
from visavis.flows.workers.threads import Threads
from visavis.sources.base import read_anywhere
from visavis.sources.objects.source import BucketSource
from visavis.sources.web.fetch import Fetcher
from visavis.types import Entry, Failure, Fields


class Reading(NamedTuple):
    """How a worker reads what a source names."""

    readers: int
    """Reads at once."""
    source: BucketSource | None = None
    """What reads it; None: that is done by URI alone. Its keys are the worker's own."""
    allow_private: bool = False
    """Whether URLs in private networks may be fetched."""
    refresh: bool = False
    """Whether URLs are asked again that the worker's cache has."""


class Order(NamedTuple):
    """What all shards of a run have in common."""

    version: str
    """Of visavis, on the machine that gives the order."""
    home: str
    """The node that gives it."""
    parcel: Parcel
    device: str
    max_pixels: int
    thumbnail: int | None
    """Pixels a side of the small pictures that rows have; None: they have none."""
    reading: Reading


class Wanted(NamedTuple):
    """An entry to be read."""

    entry: Entry
    sha256: str | None
    """Of the content that its record has so far: if it is still that, nothing is embedded."""


class Seen(NamedTuple):
    """What a worker says of an entry that it has read."""

    sha256: str
    length: int
    said: Fields
    """What the picture says of itself; if it was embedded, together with the entry's fields."""


class Done(NamedTuple):
    """What came of a shard."""

    node: str
    read: list[tuple[str, Seen | Failure]]
    """By id, each entry once."""
    outcomes: list[Outcome]
    """Of embedding those whose content is not what their record has."""
    seconds: float


class Refused(NamedTuple):
    """Why a worker cannot do anything of the run."""

    node: str
    reason: str
    """A sentence."""
    about: Literal["version", "model", "storage"]


def work(order: Order, shard: Sequence[Wanted], node: str, get: Get) -> Done | Refused:
    """Read, decode and embed some entries, on the node of that name."""
    if order.version != __version__:
        reason = f"it has visavis {__version__}, this machine {order.version}; install the same"
        return Refused(node, reason, "version")
    began = time.monotonic()
    try:
        embedder = _model_of(order, node, get)
        with closing(order.reading.source or _ByUri(order.reading)) as source:
            job = Job(source, embedder, 1, order.max_pixels, order.thumbnail)
            with closing(Threads(job)) as threads:
                read, outcomes = _through(threads, shard)
    except ModelError as error:
        return Refused(node, str(error), "model")
    except ObjectStorageError as error:
        return Refused(node, str(error), "storage")
    return Done(node, read, outcomes, time.monotonic() - began)


_loaded: dict[tuple[str, str], Embedder] = {}  # of this process: loading takes as long as a shard


def _model_of(order: Order, node: str, get: Get) -> Embedder:
    key = order.parcel.fingerprint, order.device
    if key not in _loaded:
        _loaded.clear()
        _loaded[key] = unpack(order.parcel, get, order.device, at_home=node == order.home)
    return _loaded[key]


class _ByUri:
    """Reads entries where their URIs say."""

    def __init__(self, reading: Reading) -> None:
        self.readers = reading.readers
        self._fetcher = Fetcher(allow_private=reading.allow_private, refresh=reading.refresh)

    def read(self, entry: Entry) -> bytes:
        return read_anywhere(entry.uri, self._fetcher)

    def close(self) -> None:
        self._fetcher.close()


def _through(
    threads: Threads, shard: Sequence[Wanted]
) -> tuple[list[tuple[str, Seen | Failure]], list[Outcome]]:
    had = {wanted.entry.id: wanted.sha256 for wanted in shard}
    read: dict[str, Seen | Failure] = {}
    outcomes: list[Outcome] = []

    def take() -> None:
        for id, one in threads.loaded():
            if isinstance(one, Failure):
                read[id] = one
            elif one.sha256 == had[id]:
                read[id] = Seen(one.sha256, one.length, one.about())
            else:
                read[id] = Seen(one.sha256, one.length, {})
                threads.embed(one)
        outcomes.extend(threads.made())

    for wanted in shard:
        threads.read(wanted.entry, wanted.sha256)
        while threads.busy:
            take()
    while threads.reading:
        take()
    outcomes += threads.made(rest=True)
    for record in (row.record for outcome in outcomes for row in outcome.rows):
        seen = read[record.id]
        if isinstance(seen, Seen):
            read[record.id] = seen._replace(said=record.fields)
    return list(read.items()), outcomes
