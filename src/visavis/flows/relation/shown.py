"""The picture that a question shows: its pixels, and what tells it from others."""

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from visavis.buckets.address import is_object
from visavis.errors import ImageError, ImageUnreadableError, UsageError
from visavis.flows.relation.reading import may_be_read
from visavis.images.decode import crop, decode, from_pillow
from visavis.images.files import path_text, read_file, stat_file
from visavis.matching.signature import Signature, signature
from visavis.types import RGB, Box, ImageRecord, ImageTerm

Fetch = Callable[[str], bytes]
"""Reads what is at a URL: http, https, s3 or gs."""


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """A picture that is asked with: whole, a part of one, or a record's."""

    signature: Signature | None
    """Of its pixels; None: it is a record's, and the store may keep one of its content."""
    sha256: str | None
    """Of the file; None: pixels or a part of a picture were given."""
    pixels: Callable[[], RGB | None]
    """Upright, as large as the model wants them or larger; None: they cannot be read any more."""
    record: str | None = None
    """The id of the record that it is."""
    warped: dict[str, bool] = field(default_factory=dict)
    """By content, what local features say of files: a question may be ranked more than once."""


def shown(pixels: RGB, sha256: str | None) -> Shown:
    """What a picture of these pixels shows."""
    return Shown(signature(pixels), sha256, lambda: pixels)


def of_record(record: ImageRecord) -> Shown:
    """What a record shows."""
    return Shown(None, record.sha256, lambda: None, record.id)


def record_pixels(record: ImageRecord, side: int | None, max_pixels: int) -> RGB | None:
    """The pixels of a record's file; None where it is no file, has gone, or was changed.

    None as well where it is larger than the question may read (see `reading_at_most`).
    """
    if record.uri.startswith(("http://", "https://")) or is_object(record.uri):
        return None  # a search waits for nobody's server
    if not may_be_read(record):
        return None
    try:
        data = read_file(path_text(record.uri))
        if hashlib.sha256(data).hexdigest() != record.sha256:
            return None
        return decode(data, record.uri, min_side=side, max_pixels=max_pixels).pixels
    except ImageError:
        return None


def term_pixels(term: ImageTerm, side: int | None, fetch: Fetch, max_pixels: int) -> RGB:
    """What the term shows: the picture or its box, no smaller than the model wants."""
    return term_picture(term, side, fetch, max_pixels)[0]


def term_picture(
    term: ImageTerm, side: int | None, fetch: Fetch, max_pixels: int
) -> tuple[RGB, str | None]:
    """What the term shows (see `term_pixels`), and the SHA-256 of the file that shows just that."""
    image = from_pillow(term.image) if isinstance(term.image, Image.Image) else term.image
    if isinstance(image, np.ndarray):
        pixels, sha256 = _checked(image), term.sha256
    else:
        data, uri = _bytes(image, fetch)
        if side is not None and term.box is not None:
            side = _side_around(term.box, side)
        pixels = decode(data, uri, min_side=side, max_pixels=max_pixels).pixels
        sha256 = hashlib.sha256(data).hexdigest()
    return (pixels, sha256) if term.box is None else (crop(pixels, term.box), None)


def _side_around(box: Box, side: int) -> int:
    """How large the picture has to be for the box to be `side` large; `crop` judges the box."""
    smaller = min(box[2] - box[0], box[3] - box[1]) if len(box) == 4 else 1.0
    return max(side, math.ceil(side / max(smaller, 1e-4))) if smaller > 0 else side


def _checked(pixels: RGB) -> RGB:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.size == 0:
        raise UsageError(
            f"a picture as an array is (height, width, 3) of uint8, not {pixels.shape} of "
            f"{pixels.dtype}"
        )
    return pixels


def _bytes(image: str | Path | bytes, fetch: Fetch) -> tuple[bytes, str]:
    if isinstance(image, bytes):
        return image, "the query picture"
    if isinstance(image, str) and (image.startswith(("http://", "https://")) or is_object(image)):
        return fetch(image), image
    status = stat_file(str(image))  # first: reading a pipe would wait for ever
    if isinstance(status, str):
        folder = Path(image).is_dir()
        raise ImageUnreadableError(
            str(image), "it is a folder; give one of its pictures" if folder else status
        )
    return read_file(path_text(str(image))), str(image)
