"""Files that are no pictures, or no longer: one sentence each, and never half a picture."""

import contextlib
import struct
import warnings
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

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
            found = decode(data[:end], "x").pixels
        except (ImageUnreadableError, ImageFormatError):
            refused += 1
        else:  # only what comes after the pixels may be missing
            assert (found == whole).all(), f"cut at {end} of {len(data)}"
    assert refused > 40


def test_a_truncated_photo_says_so() -> None:
    for format in ("JPEG", "PNG"):
        data = saved(np.random.default_rng(1).integers(0, 255, (60, 60, 3), np.uint8), format)
        with pytest.raises(ImageUnreadableError, match=f"the {format} file is truncated"):
            decode(data[: len(data) // 2], "x")


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
