"""Threads of this process: readers wait for disks and networks, others decode and embed.

Between the two stand short queues, so memory does not grow with the number of images.
"""

import hashlib
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from operator import attrgetter

from visavis.errors import ImageError
from visavis.flows.ahead import BATCH
from visavis.flows.loaded import LoadedImage, record_of
from visavis.flows.looking import DecodedItem, embedded, look_at
from visavis.flows.workers.base import Job, Outcome, Readable, Row
from visavis.images.decode import decode
from visavis.images.thumbnail import encode_webp, thumbnail
from visavis.matching.signature import signature
from visavis.types import Entry, Failure

_uri = attrgetter("entry.uri")


class Threads:
    """Workers that hand out what they were given in its order."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._most_reads = 2 * job.source.readers
        self._readers = ThreadPoolExecutor(job.source.readers, "visavis-read")
        self._embedders = ThreadPoolExecutor(job.threads, "visavis-embed")
        self._reads: deque[tuple[str, Future[LoadedImage | Failure]]] = deque()
        self._batch: list[LoadedImage] = []
        self._embeds: deque[Future[Outcome]] = deque()

    def read(self, entry: Entry, sha256: str | None) -> None:
        """Begin to read an entry."""
        work = self._readers.submit(load, self._job.source, entry)
        self._reads.append((entry.id, work))

    @property
    def busy(self) -> bool:
        """Whether each reader has something to do next."""
        return len(self._reads) >= self._most_reads

    @property
    def reading(self) -> bool:
        """Whether something was not read yet."""
        return bool(self._reads)

    def loaded(self) -> Sequence[tuple[str, LoadedImage | Failure]]:
        """The first that was to be read, and all after it that are done as well."""
        ready = [self._reads.popleft()]
        while self._reads and self._reads[0][1].done():
            ready.append(self._reads.popleft())
        return [(id, read.result()) for id, read in ready]

    def embed(self, loaded: LoadedImage) -> None:
        """Begin to embed what was read, together with others."""
        self._batch.append(loaded)
        if len(self._batch) >= BATCH:
            self._send_batch()

    def made(self, *, rest: bool = False) -> Iterator[Outcome]:
        """What has been embedded; leaves two batches for each thread, unless it is the rest."""
        if rest:
            self._send_batch()
        while len(self._embeds) > (0 if rest else 2 * self._job.threads):
            yield self._embeds.popleft().result()

    def close(self) -> None:
        """Drop what is under way; waits for what a thread has in hand."""
        self._readers.shutdown(wait=False, cancel_futures=True)
        self._embedders.shutdown(wait=True, cancel_futures=True)

    def _send_batch(self) -> None:
        if self._batch:
            self._embeds.append(self._embedders.submit(made_of, self._batch, self._job))
            self._batch = []


def load(source: Readable, entry: Entry) -> LoadedImage | Failure:
    """The bytes of an entry, or why there are none."""
    try:
        data = source.read(entry)
    except ImageError as error:
        return Failure(error.uri, error.reason)
    return LoadedImage(entry, data, hashlib.sha256(data).hexdigest())


def made_of(batch: Sequence[LoadedImage], job: Job) -> Outcome:
    """The rows of some pictures."""
    side, most = job.embedder.side, job.max_pixels
    looked, failed = look_at(batch, attrgetter("data"), _uri, side, most)
    made, refused = embedded(looked, _uri, job.embedder)
    rows = [
        Row(
            record_of(one.item, one.picture.width, one.picture.height),
            vector,
            signature(one.picture.pixels).packed(),
            None if job.thumbnail is None else _small(one, job.thumbnail, most),
        )
        for one, vector in made
    ]
    noted = [one for one, _ in made if one.picture.note]
    notes = [f"{_uri(one.item)}: {one.picture.note}" for one in noted]
    ids = [one.entry.id for one in batch]
    return Outcome(ids, rows, failed + refused, notes)


def _small(one: DecodedItem[LoadedImage], side: int, max_pixels: int) -> bytes:
    """A thumbnail of what was decoded; decoded again where a model wanted less than that."""
    picture = one.picture
    if max(picture.pixels.shape[:2]) < min(side, max(picture.width, picture.height)):
        picture = decode(one.data, _uri(one.item), min_side=side, max_pixels=max_pixels)
    return encode_webp(thumbnail(picture.pixels, side))
