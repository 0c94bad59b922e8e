"""Pictures that a source names into rows of a shard, and a batch of them into a whole shard.

`make_shard` is all that a worker needs, wherever it runs: it reads, decodes and embeds a batch, and
writes one file. Done twice, it leaves one file. A picture that cannot be taken is a line of the
report.
"""

import hashlib
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import chain
from operator import attrgetter
from typing import NamedTuple

from visavis.embedders.base import Embedder
from visavis.errors import ImageError
from visavis.exchange.layout import Origin
from visavis.exchange.shards.place import ShardPlace
from visavis.exchange.shards.shard import ShardRow, listed, packed
from visavis.flows.ahead import ahead
from visavis.flows.loaded import LoadedImage, record_of
from visavis.flows.looking import DecodedItem, embedded, look_at
from visavis.images.decode import MAX_PIXELS, decode
from visavis.images.thumbnail import encode_webp, thumbnail
from visavis.matching.signature import signature
from visavis.sources.base import Source
from visavis.store.base import ModelFacts
from visavis.types import Entry, Failure, IndexReport

ROWS = 1_024
"""Of a shard: some seconds of work, and a few megabytes."""

THUMBNAIL_SIDE = 320
"""Pixels."""

Read = Callable[[Entry], bytes]
"""The bytes of an image; raises ImageError; called on threads."""

_uri = attrgetter("entry.uri")


@dataclass(frozen=True, slots=True)
class ShardOptions:
    """How pictures become rows."""

    thumbnails: bool = False
    """Whether rows have small pictures as well."""
    max_pixels: int = MAX_PIXELS
    """Pictures with more pixels (in the header) are refused."""
    jobs: int = 1
    """Threads that decode and embed."""
    readers: int = 4
    """Threads that read."""


class Made(NamedTuple):
    """What some pictures have become."""

    rows: list[ShardRow]
    failed: list[Failure]
    notes: list[str]
    """On pictures that were taken all the same."""


def make_shard(
    entries: Sequence[Entry],
    read: Read,
    embedder: Embedder,
    origin: Origin,
    place: ShardPlace,
    options: ShardOptions,
) -> IndexReport:
    """Write one shard of some images of a source: read, decoded and embedded here.

    What it counts as added is in the file when it returns. Where no image could be taken, there is
    no file. Raises what the model and the place raise.
    """
    parts = list(made(entries, read, embedder, options))
    rows = [row for part in parts for row in part.rows]
    write(rows, embedder, origin, place)
    return IndexReport(
        added=len(rows),
        failed=[failure for part in parts for failure in part.failed],
        notes=[note for part in parts for note in part.notes],
    )


def write(rows: Sequence[ShardRow], embedder: Embedder, origin: Origin, place: ShardPlace) -> None:
    """Write rows as one shard; nothing where there are none."""
    if rows:
        facts = ModelFacts(embedder.name, embedder.ref, embedder.fingerprint, embedder.dim)
        place.write(*packed(rows, facts, origin))


def made(
    entries: Iterable[Entry],
    read: Read,
    embedder: Embedder,
    options: ShardOptions,
) -> Generator[Made, None, None]:
    """Rows of images a few at a time, in order; memory does not grow with how many there are."""
    load = partial(_load, read)
    with closing(ahead(entries, load, options.readers, "visavis-read", batch=1)) as loaded:
        work = partial(_embed, embedder, options)
        images = chain.from_iterable(loaded)
        with closing(ahead(images, work, options.jobs, "visavis-embed")) as embeds:
            yield from embeds


def origin_of(source: Source) -> Origin:
    """A source as an index registers it."""
    return Origin(source.kind, source.uri, not source.owns_ids)


def _load(read: Read, entries: Sequence[Entry]) -> list[LoadedImage | Failure]:
    """On a reader thread."""
    loaded: list[LoadedImage | Failure] = []
    for entry in entries:
        try:
            data = read(entry)
        except ImageError as error:
            loaded.append(Failure(error.uri, error.reason))
        else:
            loaded.append(LoadedImage(entry, data, hashlib.sha256(data).hexdigest()))
    return loaded


def _embed(
    embedder: Embedder, options: ShardOptions, batch: Sequence[LoadedImage | Failure]
) -> Made:
    """On a worker thread."""
    images = [one for one in batch if isinstance(one, LoadedImage)]
    failed = [one for one in batch if isinstance(one, Failure)]
    most = options.max_pixels
    looked, unread = look_at(images, attrgetter("data"), _uri, embedder.side, most)
    taken, refused = embedded(looked, _uri, embedder)
    rows = [
        ShardRow(
            record_of(one.item, one.picture.width, one.picture.height),
            vector,
            signature(one.picture.pixels).packed(),
            _thumbnail(one, most) if options.thumbnails else None,
            listed(one.item.entry),
        )
        for one, vector in taken
    ]
    notes = [f"{_uri(one.item)}: {one.picture.note}" for one, _ in taken if one.picture.note]
    return Made(rows, failed + unread + refused, notes)


def _thumbnail(one: DecodedItem[LoadedImage], max_pixels: int) -> bytes:
    """What was decoded for the model, made smaller; decoded again where that is too small."""
    picture = one.picture
    decoded, whole = max(picture.pixels.shape[:2]), max(picture.width, picture.height)
    if decoded < min(THUMBNAIL_SIDE, whole):
        picture = decode(one.data, _uri(one.item), min_side=THUMBNAIL_SIDE, max_pixels=max_pixels)
    return encode_webp(thumbnail(picture.pixels, THUMBNAIL_SIDE))
