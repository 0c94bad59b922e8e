"""Where, when and by whom a picture was taken, taken out of its file."""

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from visavis.images.decode import decode
from visavis.images.stripping import stripped

SECRETS = (b"Secret", b"Jane", b"2024:05:05")
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf>Secret place</rdf></x:xmpmeta>'


def _taken(kind: str, turn: int = 6) -> bytes:
    noise = np.random.default_rng(1).integers(0, 256, (60, 80, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x013B] = turn, "Secret camera", "Jane Doe"
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 29.5)})
    exif.get_ifd(0x8769).update({0x9003: "2024:05:05 10:00:00", 0x927C: b"Secret serial number"})
    how: dict[str, Any] = {"exif": exif}
    if kind in ("JPEG", "WEBP", "AVIF"):
        how["xmp"] = XMP
    if kind == "PNG":
        how["pnginfo"] = PngInfo()
        how["pnginfo"].add_text("Author", "Jane Doe")
    Image.fromarray(noise).save(out := BytesIO(), kind, **how)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_nothing_is_told_any_more_and_the_pixels_stay(kind: str) -> None:
    data = _taken(kind, turn=1 if kind in ("TIFF", "AVIF") else 6)
    assert any(secret in data for secret in SECRETS)
    clean = stripped(data)
    assert not any(secret in clean for secret in SECRETS)
    with Image.open(BytesIO(clean)) as image:
        exif = image.getexif()
        assert not exif.get_ifd(0x8825)
        assert not exif.get_ifd(0x8769)
    before, after = decode(data, "a"), decode(clean, "a")
    assert np.array_equal(before.pixels, after.pixels)  # upright as before
    assert (before.width, before.height) == (after.width, after.height)
    assert stripped(clean) == clean


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_a_file_that_tells_nothing_stays_as_it_is(kind: str) -> None:
    Image.new("RGB", (20, 10)).save(out := BytesIO(), kind)
    assert stripped(out.getvalue()) == out.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_broken_files_are_no_trouble(kind: str) -> None:
    data = bytearray(_taken(kind))
    chance = np.random.default_rng(2)
    for _ in range(300):
        broken = bytearray(data[: chance.integers(1, len(data))])
        for at in chance.integers(0, min(len(broken), 600), 12):
            broken[at] = chance.integers(0, 256)
        stripped(bytes(broken))
    assert stripped(b"") == b""
