"""The pictures of a site: small copies in WebP, of pixels alone, so that no EXIF comes along."""

from collections.abc import Generator, Sequence
from contextlib import closing, suppress
from functools import partial
from typing import NamedTuple

from visavis.errors import ImageError, StoreError, StoreUnsupportedError
from visavis.flows.ahead import ahead
from visavis.image_index import ImageIndex
from visavis.images.decode import decode
from visavis.images.thumbnail import encode_webp, thumbnail
from visavis.pages.site.entries import Entry
from visavis.sources.base import read_anywhere
from visavis.sources.thumbnails import Thumbnails
from visavis.sources.web.fetch import Fetcher
from visavis.types import Failure

_QUALITY = 78


class Small(NamedTuple):
    """The small copy of a picture, or why there is none."""

    entry: Entry
    webp: bytes
    failure: Failure | None = None


def small_pictures(
    index: ImageIndex, chosen: Sequence[Entry], side: int, jobs: int, max_pixels: int
) -> Generator[Small, None, None]:
    """The small copies, in order, made on threads; what the server keeps already is taken."""
    kept = None
    with suppress(StoreError, StoreUnsupportedError):  # it has no folder of its own
        kept = index.shelf.thumbnails
    with closing(Fetcher()) as fetcher:
        work = partial(_batch, fetcher=fetcher, kept=kept, side=side, most=max_pixels)
        with closing(ahead(chosen, work, jobs, "site")) as batches:
            for batch in batches:
                yield from batch


def _batch(
    batch: list[Entry], *, fetcher: Fetcher, kept: Thumbnails | None, side: int, most: int
) -> list[Small]:
    return [_one(entry, fetcher, kept, side, most) for entry in batch]


def _one(entry: Entry, fetcher: Fetcher, kept: Thumbnails | None, side: int, most: int) -> Small:
    record = entry.record
    webp = kept.kept(record.sha256, side) if kept is not None else None
    if webp is not None:
        return Small(entry, webp)
    try:
        data = read_anywhere(record.uri, fetcher)
        pixels = decode(data, record.uri, min_side=side, max_pixels=most).pixels
    except ImageError as error:
        return Small(entry, b"", Failure(error.uri, error.reason, (record.id,)))
    return Small(entry, encode_webp(thumbnail(pixels, side), _QUALITY))
