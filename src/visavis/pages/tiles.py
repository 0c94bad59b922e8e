"""Small pictures of many records, and sheets of them: what maps and sites show a collection with.

A tile is one WebP picture of ACROSS × ACROSS cells, a record in each, row by row: a fifth smaller
than single files, and one request for a hundred pictures. A record's picture stands in the middle
of its cell, its shape kept; what cannot be read is plain grey.
"""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from functools import partial

import numpy as np

from visavis.errors import ImageError
from visavis.flows.ahead import ahead
from visavis.images.decode import MAX_PIXELS, decode
from visavis.images.thumbnail import encode_webp, thumbnail
from visavis.sources.base import read_to_show
from visavis.sources.web.fetch import Fetcher
from visavis.types import RGB, ImageRecord

ACROSS = 10
"""Cells of a tile's side."""

PER_TILE = ACROSS * ACROSS

PLAIN = (200, 198, 194)
"""The colour of a picture that cannot be read, which suits light and dark pages."""

QUALITY = 72
"""Of the WebP; small pictures hide what it loses."""


def small_pictures(
    records: Iterable[ImageRecord],
    side: int,
    jobs: int,
    *,
    allow_private: bool = False,
    max_pixels: int = MAX_PIXELS,
) -> Iterator[RGB | None]:
    """The pictures of records within side × side pixels, in their order; None: it cannot be read.

    Files are read, and URLs downloaded, on `jobs` threads; memory is bounded.
    """
    with contextlib.closing(Fetcher(allow_private=allow_private)) as fetcher:
        work = partial(_read, side=side, fetcher=fetcher, max_pixels=max_pixels)
        for batch in ahead(records, work, jobs, "visavis-small"):
            yield from batch


def _read(
    records: Sequence[ImageRecord], side: int, fetcher: Fetcher, max_pixels: int
) -> list[RGB | None]:
    """On a worker thread."""
    found: list[RGB | None] = []
    for record in records:
        try:
            data = read_to_show(record.uri, fetcher)
            picture = decode(data, record.uri, min_side=side, max_pixels=max_pixels)
        except ImageError:
            found.append(None)
        else:
            found.append(thumbnail(picture.pixels, side))
    return found


def tile(pictures: Sequence[RGB | None], side: int) -> bytes:
    """A tile of up to PER_TILE pictures of at most side × side pixels, as a WebP file."""
    rows = -(-len(pictures) // ACROSS)
    sheet = np.full((max(1, rows) * side, ACROSS * side, 3), PLAIN, np.uint8)
    for number, pixels in enumerate(pictures):
        if pixels is None:
            continue
        row, column = divmod(number, ACROSS)
        height, width = pixels.shape[:2]
        top, left = row * side + (side - height) // 2, column * side + (side - width) // 2
        sheet[top : top + height, left : left + width] = pixels
    return encode_webp(sheet, QUALITY)
