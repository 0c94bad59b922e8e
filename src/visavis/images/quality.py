"""How a picture was saved, by the head of its file: the format, and what that has cost."""

from functools import cache
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from visavis.images.sniff import HEAD_BYTES, Format, sniff

# Table K.1 of ITU-T T.81, which nearly all encoders scale by a quality of 1 to 100.
_LUMINANCE = (
    *(16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55),
    *(14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62),
    *(18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92),
    *(49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99),
)
_MOST_SEGMENTS = 1_000
_QUANTIZATION, _SCAN = 0xDB, 0xDA
_LOSSLESS: frozenset[Format] = frozenset(("PNG", "BMP", "TIFF"))


class Saved(NamedTuple):
    """How a picture was saved."""

    format: Format | None
    """None: it is no picture."""
    lossless: bool
    """Whether its pixels come back as they were saved."""
    quality: int | None
    """Of a JPEG, 1…100 as encoders have it, by its quantization table; None of others."""


def read_saved(file: BinaryIO) -> Saved:
    """How a picture was saved; the file stands at its beginning, and pixels are not decoded."""
    head = file.read(HEAD_BYTES)
    name = sniff(head)
    lossless = name in _LOSSLESS or (name == "WEBP" and head[12:16] == b"VP8L")
    return Saved(name, lossless, _jpeg_quality(file) if name == "JPEG" else None)


def _jpeg_quality(file: BinaryIO) -> int | None:
    """The quality whose table is nearest to that of brightness; None where there is none."""
    file.seek(2)
    for _ in range(_MOST_SEGMENTS):
        head = file.read(4)
        if len(head) < 4 or head[0] != 0xFF or head[1] == _SCAN:
            return None
        length = int.from_bytes(head[2:]) - 2
        if head[1] != _QUANTIZATION:
            file.seek(length, 1)
            continue
        kind, *table = file.read(65)
        if kind == 0 and len(table) == 64:
            return _nearest(np.sort(table))
        return None
    return None


def _nearest(table: NDArray[np.integer]) -> int:
    distances = np.abs(_tables() - table).sum(axis=1)
    return 100 - int(distances[::-1].argmin())  # of tables that are the same, the best quality


@cache
def _tables() -> NDArray[np.integer]:
    """The tables of all qualities, sorted: in which order they are written makes no difference."""
    quality = np.arange(1, 101)[:, None]
    scale = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    tables: NDArray[np.integer] = np.clip((np.sort(_LUMINANCE) * scale + 50) // 100, 1, 255)
    return tables
