"""Files that are no pictures, or no longer: one sentence each, and never half a picture."""

import contextlib
import struct
import warnings
import zlib
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.unit.images.test_deep import tiff

from visavis.errors import ImageFormatError, ImageUnreadableError, VisavisError
from visavis.images.decode import decode


def saved(picture: Image.Image | NDArray[Any], format: str, **options: Any) -> bytes:
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    out = BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "empty"),
        (b"Dear reader, this is no picture.\n", "seems to be text"),
        ("Grüße aus Köln".encode(), "seems to be text"),
        (b"<!DOCTYPE html><html><body>404", "a web page"),
        (b"PK\x03\x04whatever", "ZIP"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "git lfs pull"),
        (b"\0" * 500, "zero bytes"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", "a video"),
        (bytes(range(128, 250)), "unknown kind"),
    ],
)
def test_what_is_no_picture_is_told_for_what_it_is(data: bytes, told: str) -> None:
    with pytest.raises(ImageUnreadableError, match=told) as caught:
        decode(data, "/photos/x.jpg")
    assert str(caught.value).startswith("/photos/x.jpg: ")


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        (b"\0\0\0\x0cjP  \r\n", "JPEG 2000"),
        (b"8BPS\0\x01", "Photoshop"),
        (b"%PDF-1.7", "PDF"),
    ],
)
def test_pictures_of_other_formats_are_told_to_be_converted(data: bytes, told: str) -> None:
    with pytest.raises(ImageFormatError, match=f"{told}.*convert"):
        decode(data, "x")


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF"])
def test_a_file_cut_anywhere_is_an_error_or_whole(format: str) -> None:
    if format == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    rng = np.random.default_rng(5)
    pixels = np.repeat(np.repeat(rng.integers(0, 255, (8, 8, 3), np.uint8), 8, 0), 8, 1)
    data = saved(pixels, format)
    whole = decode(data, "x").pixels
    refused = 0
    for end in [1, 2, 3, *range(4, len(data), max(1, len(data) // 60))]:
        try:
            found = decode(data[:end], "x")
        except (ImageUnreadableError, ImageFormatError):
            refused += 1
        else:  # only what comes after the pixels may be missing, or it is told
            assert found.note or (found.pixels == whole).all(), f"cut at {end} of {len(data)}"
    assert refused > 40


def test_a_truncated_photo_says_so() -> None:
    for format in ("JPEG", "PNG"):
        data = saved(np.random.default_rng(1).integers(0, 255, (60, 60, 3), np.uint8), format)
        with pytest.raises(ImageUnreadableError, match=f"the {format} file is truncated"):
            decode(data[: len(data) // 2], "x")


def rows(height: int = 60) -> NDArray[np.uint8]:
    noise = np.random.default_rng(1).integers(0, 255, (height, 60, 3), np.uint8)
    return np.asarray(noise, np.uint8)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "1"])
def test_a_png_that_lacks_its_last_rows_is_taken_with_a_note(mode: str) -> None:
    image = Image.fromarray(rows()).convert(mode)
    data = saved(image, "PNG")
    found, whole = decode(data[: int(len(data) * 0.9)], "x"), decode(data, "x").pixels
    assert "lacks its end" in found.note
    there = int(60 * 0.8)
    assert (found.pixels[:there] == whole[:there]).all()
    assert found.pixels.shape == whole.shape


def test_of_a_png_that_lacks_more_nothing_is_taken() -> None:
    data = saved(rows(), "PNG")
    with pytest.raises(ImageUnreadableError, match="truncated; fetch or copy it again"):
        decode(data[: int(len(data) * 0.7)], "x")


def chunk(kind: bytes, body: bytes, check: int = 0) -> bytes:
    checked = zlib.crc32(kind + body) ^ check
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checked)


@pytest.mark.parametrize(
    "odd",
    [
        chunk(b"tEXt", b"Comment\0hello", check=1),
        chunk(b"cHRM", b"\0\0\0"),
        chunk(b"gAMA", b"\0"),
        chunk(b"pHYs", b"\0"),
        chunk(b"iCCP", b"name\0\0no profile"),
        chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(20_000_000))),
        chunk(b"iTXt", b"k"),
        chunk(b"prVt", bytes(range(200))),
    ],
)
def test_a_png_shows_whatever_is_wrong_beside_its_pixels(odd: bytes) -> None:
    data, pixels = saved(rows(), "PNG"), rows()
    start, end = data.index(b"IDAT") - 4, len(data) - 12
    for at in (start, end):
        found = decode(data[:at] + odd + data[at:], "x")
        assert (found.pixels == pixels).all()
        assert not found.note


def test_broken_pixels_of_a_png_are_an_error_still() -> None:
    data = bytearray(saved(rows(), "PNG"))
    data[data.index(b"IDAT") + 500] ^= 1
    with pytest.raises(ImageUnreadableError, match="damaged"):
        decode(bytes(data), "x")


def test_a_whole_file_of_a_kind_that_is_not_read_is_not_called_damaged() -> None:
    floats = np.zeros((4, 5, 3), np.float32)
    for data in (tiff(floats, kind=3), b"MM\0+" + bytes(60)):
        with pytest.raises(ImageFormatError, match="convert it"):
            decode(data, "x")


def test_odd_metadata_warns_nobody_and_leaves_the_filters_alone() -> None:
    before = list(warnings.filters)
    data = saved(np.zeros((32, 48, 3), np.uint8), "TIFF")
    broken = data.replace(struct.pack("<HHI", 258, 3, 3), struct.pack("<HHI", 258, 3, 60000))
    assert broken != data
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with contextlib.suppress(VisavisError):
            decode(broken, "x")
    assert not caught
    assert warnings.filters == before
