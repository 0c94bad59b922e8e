"""JPEG XL: decoded with its extra, and its size known before."""

import sys
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from visavis.errors import ImageFormatError, ImageTooLargeError, ImageUnreadableError
from visavis.images.decode import _opener, cost, decode
from visavis.images.jxl import jxl_size

pytest.importorskip("pillow_jxl.JpegXLImagePlugin")


def saved(width: int, height: int, **options: Any) -> bytes:
    random = np.random.default_rng(width)
    small = Image.fromarray(random.integers(0, 256, (4, 5, 3), np.uint8))
    out = BytesIO()
    small.resize((width, height), Image.Resampling.BICUBIC).save(out, "JXL", **options)
    return out.getvalue()


SIZES = [(64, 64), (8, 256), (48, 40), (640, 480), (600, 400), (1280, 720), (33, 7), (513, 1)]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("container", [False, True])
def test_the_size_is_read_from_the_first_bytes(size: tuple[int, int], container: bool) -> None:
    data = saved(*size, lossless=True, use_container=container)
    assert jxl_size(data) == size
    assert jxl_size(data[:8]) is None


def test_pixels_come_back() -> None:
    data = saved(64, 48, lossless=True)
    found = decode(data, "x.jxl")
    with Image.open(BytesIO(data)) as image:
        assert (found.pixels == np.asarray(image)).all()
    assert (found.width, found.height) == (64, 48)


@pytest.mark.parametrize("turn", [1, 6])
def test_the_exif_of_a_picture_that_is_no_packed_jpeg_turns_nothing(turn: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn
    found = decode(saved(64, 48, lossless=True, exif=exif.tobytes()), "x.jxl")
    assert (found.width, found.height) == (64, 48)


def test_what_is_too_large_or_broken_is_refused_before_it_is_decoded() -> None:
    data = saved(64, 48)
    with pytest.raises(ImageTooLargeError):
        decode(data, "x", max_pixels=64 * 48 - 1)
    for junk in (data[:20], b"\xff\x0a" + bytes(60), b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(60)):
        with pytest.raises((ImageUnreadableError, ImageTooLargeError)):
            decode(junk, "x")


def test_without_its_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved(64, 48)
    monkeypatch.setitem(sys.modules, "pillow_jxl", None)  # what a missing package looks like
    monkeypatch.setitem(sys.modules, "pillow_jxl.JpegXLImagePlugin", None)
    _opener.cache_clear()
    with pytest.raises(ImageFormatError, match=r"JPEG XL.*pip install 'visavis\[jxl\]'"):
        decode(data, "x.jxl")
    _opener.cache_clear()


def test_the_cost_of_one_is_told_without_its_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved(640, 480)
    monkeypatch.setitem(sys.modules, "pillow_jxl", None)  # it would decode the picture to open it
    monkeypatch.setitem(sys.modules, "pillow_jxl.JpegXLImagePlugin", None)
    found = cost(data, "x.jxl")
    assert (found.pixels, found.work) == (640 * 480, 640 * 480)
    assert found.memory == 16 * 640 * 480
    with pytest.raises(ImageTooLargeError):
        cost(data, "x.jxl", max_pixels=1000)
