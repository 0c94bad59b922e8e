"""What it takes to decode a file, told before its pixels are read."""

import contextlib
from typing import BinaryIO

from PIL import Image

from visavis.images.deep import has_deep_colours
from visavis.images.sniff import HEAD_BYTES, Format, sniff

MEMORY: dict[Format, int] = {
    "PNG": 5,
    "GIF": 6,
    "BMP": 6,
    "TIFF": 6,
    "HEIF": 8,
    "AVIF": 10,
    "WEBP": 16,
    "JXL": 16,
    "JPEG": 4,  # all coefficients of a progressive one; others, decoded smaller, take far less
}
"""Peak bytes for each pixel, measured with `min_side` at 40 megapixels: what the readers hold of
their own (three canvases with WebP), Pillow's four bytes, and a margin."""

# Of pictures that are made RGB before they are made smaller: see pixels.py and deep.py.
_DEEP, _CLEAR, _PAIRED, _MOVING = 20, 14, 8, 19

A_PIXEL = 25e-9
"""Seconds of a core that a pixel of a PNG takes, measured with `min_side` 224 at 12 megapixels."""

# Shares of that: a JPEG takes an eighth as it is decoded smaller, and all passes of one that comes
# in several a half.
_JPEG, _PROGRESSIVE = 8, 2

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ALONE = frozenset((0x01, *range(0xD0, 0xD8)))  # markers without a length
_MOST_PARTS = 500  # of a header: profiles come in pieces of 64 kB


def bytes_for_each_pixel(image: Image.Image, name: Format) -> int:
    """The bytes of memory that decoding takes at its peak, for each pixel of an opened picture."""
    deep = image.mode in ("I", "F") or image.mode.startswith("I;16")
    if deep or has_deep_colours(image):
        most = _DEEP
    elif image.mode in ("LA", "RGBA", "La", "RGBa"):
        most = _PAIRED
    elif "transparency" in image.info or image.mode == "PA":
        most = _CLEAR
    else:
        most = 0
    if name == "GIF" and getattr(image, "is_animated", False):
        most = _MOVING
    return max(most, MEMORY[name])


def work(file: BinaryIO, pixels: int) -> int:
    """The pixels of a PNG that take as long to decode as those of this file."""
    if sniff(file.read(HEAD_BYTES)) != "JPEG":
        return pixels
    file.seek(2)
    return pixels // (_PROGRESSIVE if _frame(file) in (0xC2, 0xC6, 0xCA, 0xCE) else _JPEG)


def _frame(file: BinaryIO) -> int:
    """The marker of a JPEG's frame, which says how it is coded; 0: it has none."""
    with contextlib.suppress(IndexError):  # the file ends
        for _ in range(_MOST_PARTS):
            marker = file.read(1)[0]
            while marker == 0xFF:  # in front of each one, and to fill up
                marker = file.read(1)[0]
            if marker in _FRAMES:
                return marker
            if marker not in _ALONE:
                length = file.read(2)
                file.seek(max(0, length[0] * 256 + length[1] - 2), 1)
    return 0
