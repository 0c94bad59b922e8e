"""Decoding against oracles worked by hand: what each kind of file must look like as RGB."""

import struct
import sys
import threading
import tracemalloc
import warnings
import zlib
from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from visavis.errors import (
    ImageFormatError,
    ImageTooLargeError,
    ImageUnreadableError,
    UsageError,
)
from visavis.images.decode import _opener, decode
from visavis.types import RGB


def corners(width: int = 48, height: int = 32) -> RGB:
    """Four fields of different colours: no turn or mirror of it looks the same."""
    pixels = np.zeros((height, width, 3), np.uint8)
    top, left = height // 2, width // 2
    pixels[:top, :left] = (220, 30, 30)
    pixels[:top, left:] = (30, 200, 40)
    pixels[top:, :left] = (40, 40, 210)
    pixels[top:, left:] = (230, 220, 60)
    return pixels


def saved(picture: Image.Image | NDArray[Any], format: str, **options: Any) -> bytes:
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    out = BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def png(width: int, height: int, depth: int, colour: int, rows: bytes, extra: bytes = b"") -> bytes:
    """A PNG written by hand, so that headers can claim anything."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + extra
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def close(found: RGB, wanted: NDArray[Any], tolerance: float) -> bool:
    return found.shape == wanted.shape and bool(
        np.abs(found.astype(int) - wanted.astype(int)).mean() <= tolerance
    )


# ----- formats


@pytest.mark.parametrize(
    ("format", "options", "tolerance"),
    [
        ("PNG", {}, 0),
        ("BMP", {}, 0),
        ("TIFF", {}, 0),
        ("TIFF", {"compression": "tiff_lzw"}, 0),
        ("TIFF", {"compression": "jpeg", "quality": 95}, 4),
        ("WEBP", {"lossless": True}, 0),
        ("WEBP", {"quality": 95}, 6),
        ("GIF", {}, 4),
        ("JPEG", {"quality": 95}, 4),
        ("JPEG", {"quality": 95, "progressive": True}, 4),
        ("AVIF", {"quality": 95}, 6),
    ],
)
def test_each_format_gives_its_pixels(format: str, options: dict[str, Any], tolerance: int) -> None:
    pixels, width, height, note = decode(saved(corners(), format, **options), "x.bin")
    assert not note
    assert (width, height) == (48, 32)
    assert pixels.dtype == np.uint8
    assert pixels.flags.writeable
    assert pixels.flags.c_contiguous
    assert close(pixels, corners(), tolerance)


def test_heic_gives_its_pixels() -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    out = BytesIO()
    pillow_heif.from_pillow(Image.fromarray(corners(64, 64))).save(out, quality=95)
    found = decode(out.getvalue(), "photo.heic")
    assert (found.width, found.height) == (64, 64)
    assert close(found.pixels, corners(64, 64), 8)


def test_heic_without_its_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    out = BytesIO()
    pillow_heif.from_pillow(Image.fromarray(corners(64, 64))).save(out)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)  # what a missing package looks like
    _opener.cache_clear()
    with pytest.raises(ImageFormatError, match=r"pip install 'visavis\[heic\]'"):
        decode(out.getvalue(), "photo.heic")
    _opener.cache_clear()


def test_the_suffix_does_not_matter_but_the_content_does() -> None:
    assert decode(saved(corners(), "PNG"), "picture.jpg").width == 48


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_without_detail_the_first_frame_is_taken(format: str) -> None:
    frames = [Image.new("RGB", (20, 10), colour) for colour in ("red", "blue", "lime")]
    options: dict[str, Any] = {"lossless": True} if format == "WEBP" else {}
    data = saved(frames[0], format, save_all=True, append_images=frames[1:], **options)
    assert (decode(data, "x").pixels == (255, 0, 0)).all()


def test_a_format_outside_the_list_is_never_opened() -> None:
    for format in ("PPM", "TGA", "PCX", "ICO", "JPEG2000", "EPS"):
        with pytest.raises((ImageFormatError, ImageUnreadableError)):
            decode(saved(corners(), format), "x")


# ----- which way is up

BY_HAND: dict[int, Callable[[RGB], RGB]] = {  # what a viewer must do to the stored pixels, in numpy
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a),
}


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_a_photo_turned_by_its_exif_flag_comes_out_upright(format: str, turn: int) -> None:
    if format == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    exif = Image.Exif()
    exif[0x0112] = turn
    stored = corners(64, 32)
    options = {"lossless": True} if format == "WEBP" else {}
    data = saved(stored, format, exif=exif.tobytes(), **options)
    wanted = BY_HAND[turn](stored)
    found = decode(data, "x")
    assert (found.height, found.width) == wanted.shape[:2]
    assert close(found.pixels, wanted, 0 if format in ("PNG", "TIFF", "WEBP") else 12)


def test_the_full_size_is_told_upright_even_when_less_is_decoded() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    found = decode(saved(corners(1600, 1200), "JPEG", exif=exif), "x", min_side=100)
    assert (found.width, found.height) == (1200, 1600)
    assert found.pixels.shape == (200, 150, 3)


def test_broken_exif_does_not_refuse_a_good_picture() -> None:
    data = saved(corners(), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff\xff\xff broken")
    assert close(decode(data, "x").pixels, corners(), 6)


# ----- modes


def test_transparent_pixels_show_white() -> None:
    rgba = np.zeros((2, 3, 4), np.uint8)
    rgba[0] = (10, 20, 30, 255)
    rgba[1] = (0, 0, 0, 128)
    rgba[1, 2] = (200, 0, 0, 0)
    for format in ("PNG", "TIFF"):
        pixels = decode(saved(rgba, format), "x").pixels
        assert (pixels[0] == (10, 20, 30)).all()
        assert (pixels[1, 0] == 127).all()  # 0 * 128/255 + 255 * 127/255
        assert (pixels[1, 2] == 255).all()


def test_a_palette_with_transparency_shows_white_there() -> None:
    image = Image.new("P", (4, 4), 1)
    image.putpalette([255, 0, 0, 0, 0, 255, 0, 255, 0])
    image.putpixel((0, 0), 0)
    image.putpixel((1, 0), 2)
    one, many = saved(image, "PNG", transparency=0), saved(image, "PNG", transparency=b"\0\xff\x80")
    for data in (one, saved(image, "GIF", transparency=0), many):
        pixels = decode(data, "x").pixels
        assert pixels[0, 0].tolist() == [255, 255, 255]
        assert pixels[3, 3].tolist() == [0, 0, 255]
    assert decode(many, "x").pixels[0, 1].tolist() == [127, 255, 127]
    assert decode(saved(image, "PNG"), "x").pixels[0, 0].tolist() == [255, 0, 0]


def test_a_transparent_colour_shows_white() -> None:
    rows = b"\0" + bytes([1, 2, 3, 9, 9, 9])
    data = png(2, 1, 8, 2, rows, chunk(b"tRNS", struct.pack(">HHH", 1, 2, 3)))
    assert decode(data, "x").pixels.tolist() == [[[255, 255, 255], [9, 9, 9]]]


def test_sixteen_bit_grey_is_scaled_and_not_clipped() -> None:
    values = np.array([[0, 257, 25700, 32896, 65535]], np.uint16)
    wanted = [0, 1, 100, 128, 255]
    rows = b"\0" + values.astype(">u2").tobytes()
    for data in (png(5, 1, 16, 0, rows), saved(values, "TIFF")):
        pixels = decode(data, "x").pixels
        assert pixels[0, :, 0].tolist() == wanted
        assert pixels[0, :, 1].tolist() == wanted


@pytest.mark.parametrize("most", [65535, 4095])
def test_sixteen_bit_grey_in_which_zero_is_white_is_no_negative(most: int) -> None:
    grey = np.array([[0, most // 2, most]], np.uint16).repeat(8, 0)
    data = saved(grey, "TIFF")
    tag = struct.pack("<HHIH", 262, 3, 1, 1)  # black is zero: TIFF 6.0, PhotometricInterpretation
    assert data.count(tag) == 1
    turned = data.replace(tag, struct.pack("<HHIH", 262, 3, 1, 0))
    for written, expected in ((data, [0, 127, 255]), (turned, [255, 128, 0])):
        found = decode(written, "a.tif").pixels
        assert np.abs(found[0, :, 0].astype(int) - expected).max() <= 1


def test_sixteen_bit_colour_keeps_its_high_bytes() -> None:
    rows = b"\0" + np.array([65535, 32896, 257], ">u2").tobytes()
    assert decode(png(1, 1, 16, 2, rows), "x").pixels.tolist() == [[[255, 128, 1]]]


def test_float_and_wide_integer_greys_fill_the_range() -> None:
    shares = np.array([[0.0, 0.5, 1.0, np.nan]], np.float32)
    assert decode(saved(shares, "TIFF"), "x").pixels[0, :, 0].tolist() == [0, 128, 255, 0]
    bright = np.array([[0.0, 0.6, 1.2]], np.float32)  # with light above its white
    assert decode(saved(bright, "TIFF"), "x").pixels[0, :, 0].tolist() == [0, 128, 255]
    eight = np.array([[2.0, 100.0, 200.0]], np.float32)
    assert decode(saved(eight, "TIFF"), "x").pixels[0, :, 0].tolist() == [2, 100, 200]
    wide = np.array([[-1000, 0, 1000]], np.int32)
    assert decode(saved(wide, "TIFF"), "x").pixels[0, :, 0].tolist() == [0, 128, 255]
    flat = np.full((1, 2), -7, np.int32)
    assert decode(saved(flat, "TIFF"), "x").pixels[0, :, 0].tolist() == [0, 0]
    huge = np.array([[-3e38, 0, 3e38]], np.float32)
    assert decode(saved(huge, "TIFF"), "x").pixels[0, :, 0].tolist() == [0, 128, 255]


def test_one_bit_pictures_are_black_and_white() -> None:
    bits = Image.fromarray(np.array([[True, False]]))
    for format in ("PNG", "BMP", "TIFF"):
        assert decode(saved(bits, format), "x").pixels[0, :, 0].tolist() == [255, 0]


def test_cmyk_inks_darken_paper() -> None:
    inks = np.zeros((16, 48, 4), np.uint8)
    inks[:, :16, 0] = 255  # cyan
    inks[:, 16:32, 3] = 255  # black; the rest is paper
    cmyk = Image.frombytes("CMYK", (48, 16), inks.tobytes())
    for data in (
        saved(cmyk, "JPEG", quality=95),  # with Adobe's inverted inks
        saved(cmyk, "TIFF"),
    ):
        pixels = decode(data, "x").pixels.astype(int)
        for column, wanted in ((4, (0, 255, 255)), (24, (0, 0, 0)), (44, (255, 255, 255))):
            assert np.abs(pixels[8, column] - wanted).max() <= 6


def test_lab_pictures_become_rgb() -> None:
    grey = Image.merge("LAB", [Image.new("L", (4, 4), value) for value in (255, 128, 128)])
    assert decode(saved(grey, "TIFF"), "x").pixels.min() >= 250


# ----- size


def test_a_header_that_claims_too_much_is_refused_at_once() -> None:
    bomb = png(50_000, 50_000, 8, 2, b"\0" * 20)
    assert len(bomb) < 100
    tracemalloc.start()
    with pytest.raises(ImageTooLargeError, match="2500 megapixels; the limit is 100") as caught:
        decode(bomb, "bomb.png")
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()
    assert (caught.value.width, caught.value.height) == (50_000, 50_000)
    assert caught.value.uri == "bomb.png"


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_the_cap_holds_for_every_format_and_to_the_pixel(format: str) -> None:
    data = saved(corners(48, 32), format)
    assert decode(data, "x", max_pixels=48 * 32).width == 48
    with pytest.raises(ImageTooLargeError):
        decode(data, "x", max_pixels=48 * 32 - 1)


@pytest.mark.parametrize("kind", [b"VP8X", b"VP8L", b"VP8 "])
def test_a_webp_canvas_is_checked_before_its_decoder_is_made(kind: bytes) -> None:
    claims = {
        b"VP8X": b"\0\0\0\0" + b"\x3f\x9c\0" * 2,
        b"VP8L": b"\x2f" + struct.pack("<I", 16383 | 16383 << 14) + b"\0" * 5,
        b"VP8 ": b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 16383, 16383),
    }
    body = b"WEBP" + kind + struct.pack("<I", 10) + claims[kind]
    with pytest.raises(ImageTooLargeError):
        decode(b"RIFF" + struct.pack("<I", len(body)) + body, "x")


def test_pillows_own_limit_neither_warns_nor_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    for format in ("PNG", "JPEG", "BMP"):
        assert decode(saved(corners(), format), "x").width == 48
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1200)  # 1536 pixels: warns below, fails above
    for format in ("GIF", "TIFF", "WEBP"):
        assert decode(saved(corners(), format), "x").width == 48


@pytest.mark.parametrize(
    ("side", "shape"),
    [
        (None, (768, 1024)),
        (1000, (768, 1024)),
        (300, (384, 512)),
        (192, (192, 256)),
        (1, (96, 128)),
    ],
)
def test_a_jpeg_is_decoded_smaller_but_never_too_small(
    side: int | None, shape: tuple[int, int]
) -> None:
    data = saved(corners(1024, 768), "JPEG")
    pixels, width, height, _ = decode(data, "x", min_side=side)
    assert (width, height) == (1024, 768)
    assert pixels.shape[:2] == shape
    assert side is None or side > 768 or min(shape) >= side


def test_other_formats_are_averaged_down_only_when_much_too_large() -> None:
    data = saved(corners(1000, 800), "PNG")
    assert decode(data, "x", min_side=300).pixels.shape == (800, 1000, 3)
    small = decode(data, "x", min_side=100)
    assert small.pixels.shape == (200, 250, 3)
    assert (small.width, small.height) == (1000, 800)
    assert close(small.pixels, corners(250, 200), 0)


@pytest.mark.parametrize("mode", ["L", "P", "1", "RGBA", "LA", "CMYK", "I;16"])
def test_large_pictures_of_any_mode_come_smaller(mode: str) -> None:
    image = Image.new("L", (1000, 800), 0).convert(mode if mode != "I;16" else "L")
    if mode == "I;16":
        image = Image.fromarray(np.zeros((800, 1000), np.uint16))
    data = saved(image, "TIFF")
    assert decode(data, "x", min_side=100).pixels.shape == (200, 250, 3)


def test_a_senseless_min_side_is_refused() -> None:
    with pytest.raises(UsageError, match="min_side"):
        decode(saved(corners(), "PNG"), "x", min_side=0)


# ----- threads


def test_many_threads_decode_the_same_pixels() -> None:
    files = [saved(corners(200, 150), f) for f in ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "AVIF")]
    wanted = [decode(data, "x").pixels for data in files]
    before = list(warnings.filters)
    wrong: list[int] = []

    def work() -> None:
        for _ in range(5):
            for i, data in enumerate(files):
                if not (decode(data, "x").pixels == wanted[i]).all():
                    wrong.append(i)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert warnings.filters == before
