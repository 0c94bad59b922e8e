"""Good files made bad at random, the same way each time: only our errors may come out."""

from collections.abc import Iterator
from functools import cache
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from visavis.errors import ImageError
from visavis.images.decode import decode

FORMATS: dict[str, list[dict[str, Any]]] = {
    "JPEG": [{}, {"progressive": True}],
    "PNG": [{}],
    "WEBP": [{}, {"lossless": True}],
    "GIF": [{}],
    "BMP": [{}],
    "TIFF": [{}, {"compression": "tiff_lzw"}, {"compression": "jpeg"}],
    "AVIF": [{}],
    "HEIF": [{}],
}
PER_FILE = 40


@cache
def good_files(format: str) -> tuple[bytes, ...]:
    if format == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    rng = np.random.default_rng(3)
    colour = Image.fromarray(rng.integers(0, 255, (40, 56, 3), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "a description"
    files = []
    for options in FORMATS[format]:
        metadata = {} if format in ("GIF", "BMP") else {"exif": exif}
        images = [colour]
        if format in ("PNG", "GIF", "TIFF", "BMP") and not options:
            images += [colour.convert(mode) for mode in ("L", "P", "1")]
        for image in images:
            out = BytesIO()
            image.save(out, format, **options, **metadata)
            files.append(out.getvalue())
    return tuple(files)


def malformed(data: bytes, rng: np.random.Generator) -> Iterator[bytes]:
    for number in range(PER_FILE):
        broken = bytearray(data)
        match number % 5:
            case 0:  # flip some bits anywhere
                for at in rng.integers(0, len(broken), rng.integers(1, 12)):
                    broken[at] ^= 1 << int(rng.integers(0, 8))
            case 1:  # cut
                del broken[int(rng.integers(0, len(broken))) :]
            case 2:  # put one stretch over another
                length = int(rng.integers(1, 64))
                source, target = rng.integers(0, max(1, len(broken) - length), 2)
                broken[target : target + length] = broken[source : source + length]
            case 3:  # extreme numbers in the header
                at = int(rng.integers(4, min(200, len(broken) - 4)))
                extremes = (
                    b"\xff\xff\xff\xff",
                    b"\0\0\0\0",
                    b"\x7f\xff\xff\xff",
                    b"\xff\xff\xff\x7f",
                )
                broken[at : at + 4] = extremes[int(rng.integers(0, 4))]
            case _:  # take a stretch out
                at = int(rng.integers(0, len(broken)))
                del broken[at : at + int(rng.integers(1, 32))]
        yield bytes(broken)


@pytest.mark.parametrize("format", FORMATS)
def test_malformed_files_raise_our_errors_and_nothing_else(format: str) -> None:
    rng = np.random.default_rng(11)
    refused = 0
    for good in good_files(format):
        for side in (None, 8):
            for data in malformed(good, rng):
                try:
                    found = decode(data, "x", min_side=side, max_pixels=4_000_000)
                except ImageError:
                    refused += 1
                else:
                    assert found.pixels.ndim == 3
                    assert found.pixels.shape[2] == 3
    assert refused > PER_FILE // 4


def test_random_bytes_behind_a_good_magic_raise_our_errors() -> None:
    rng = np.random.default_rng(12)
    for format in FORMATS:
        for good in good_files(format):
            for head in (4, 12, 32):
                data = good[:head] + rng.bytes(300)
                with pytest.raises(ImageError):
                    decode(data, "x", max_pixels=4_000_000)
