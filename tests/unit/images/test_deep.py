"""Pictures of 16 and 32 bits a channel, against values worked by hand."""

import struct
from collections.abc import Sequence
from io import BytesIO
from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2
from tests.unit.images.test_decode import chunk
from tests.unit.images.test_decode import png as png_of

from visavis.images.decode import cost, decode

_MOST = {10: 1023, 12: 4095, 14: 16383, 16: 65535}


def colours(height: int = 30, width: int = 40) -> NDArray[np.float64]:
    """Shares of full brightness, different in each place and channel; some of them full."""
    rows, columns = np.mgrid[0:height, 0:width]
    picture = np.dstack([rows / (height - 1), columns / (width - 1), (rows + columns) % 7 / 6])
    return np.asarray(picture, np.float64)


def tiff(
    values: NDArray[Any], *, kind: int = 1, order: Literal["<", ">"] = "<", apart: bool = False
) -> bytes:
    """A TIFF without compression, written by hand (TIFF 6.0), in one strip or one a channel."""
    values = values if values.ndim == 3 else values[..., None]
    height, width, channels = values.shape
    planes = [values[..., at] for at in range(channels)] if apart else [values]
    size = values.dtype.itemsize
    parts = [plane.astype(values.dtype.newbyteorder(order)).tobytes() for plane in planes]
    starts = [8 + sum(map(len, parts[:at])) for at in range(len(parts))]
    tags: list[tuple[int, str, Sequence[int]]] = [
        (256, "I", [width]),
        (257, "I", [height]),
        (258, "H", [8 * size] * channels),
        (259, "H", [1]),
        (262, "H", [2 if channels > 1 else 1]),
        (273, "I", starts),
        (277, "H", [channels]),
        (278, "I", [height]),
        (279, "I", list(map(len, parts))),
        (284, "H", [2 if apart else 1]),
        (339, "H", [kind] * channels),
    ]
    directory = 8 + sum(map(len, parts))
    rest, behind, table = b"", directory + 2 + 12 * len(tags) + 4, b""
    for tag, code, numbers in tags:
        packed = struct.pack(f"{order}{len(numbers)}{code}", *numbers)
        if len(packed) > 4:
            rest, packed = rest + packed, struct.pack(f"{order}I", behind + len(rest))
        table += struct.pack(f"{order}HHI", tag, 3 if code == "H" else 4, len(numbers))
        table += packed.ljust(4, b"\0")
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", directory)
    count = struct.pack(f"{order}H", len(tags))
    return head + b"".join(parts) + count + table + bytes(4) + rest


def png(values: NDArray[np.uint16]) -> bytes:
    height, width, channels = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    return png_of(width, height, 16, 2 if channels == 3 else 6, rows)


def farthest(data: bytes, wanted: NDArray[np.float64]) -> float:
    """By how many levels of 255 a decoded picture is off at most."""
    return float(np.abs(decode(data, "x").pixels - wanted * 255).max())


@pytest.mark.parametrize("bits", list(_MOST))
def test_colours_in_the_lower_bits_of_sixteen_are_scaled_by_the_bits_in_use(bits: int) -> None:
    values = np.rint(colours() * _MOST[bits]).astype(np.uint16)
    for data in (tiff(values), tiff(values, order=">"), png(values)):
        assert farthest(data, colours()) <= 1


def test_an_opaque_picture_with_alpha_is_scaled_by_its_colours() -> None:
    values = np.rint(colours() * 4095).astype(np.uint16)
    opaque = np.dstack([values, np.full(values.shape[:2], 65535, np.uint16)])
    assert farthest(png(opaque), colours()) <= 1


def test_a_black_picture_of_sixteen_bits_is_black() -> None:
    assert decode(tiff(np.zeros((4, 5, 3), np.uint16)), "x").pixels.max() == 0


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bits", [12, 16])
def test_channels_that_are_kept_apart_are_put_together(order: Literal["<", ">"], bits: int) -> None:
    values = np.rint(colours() * _MOST[bits]).astype(np.uint16)
    assert farthest(tiff(values, order=order, apart=True), colours()) <= 1


def test_colours_of_a_later_page_are_those_of_that_page() -> None:
    blank, pages = Image.new("RGB", (40, 30)), BytesIO()
    blank.save(pages, "TIFF")
    first, values = pages.getvalue(), np.rint(colours() * 4095).astype(np.uint16)
    # The second page follows the first; what it names has moved by as much.
    second = tiff(values)
    moved = bytearray(second[8:])
    directory = struct.unpack("<I", second[4:8])[0] - 8
    shift = len(first) - 8
    for entry in range(struct.unpack_from("<H", moved, directory)[0]):
        at = directory + 2 + 12 * entry
        tag, kind, count = struct.unpack_from("<HHI", moved, at)
        if tag == 273 or count * (2 if kind == 3 else 4) > 4:
            old = struct.unpack_from("<I", moved, at + 8)[0]
            struct.pack_into("<I", moved, at + 8, old + shift)
    start = struct.unpack("<I", first[4:8])[0]
    after = start + 2 + 12 * struct.unpack_from("<H", first, start)[0]
    joined = bytearray(first) + moved
    struct.pack_into("<I", joined, after, len(first) + directory)
    assert farthest(bytes(joined), colours()) <= 1


def test_whole_numbers_of_32_bits_without_a_sign_do_not_turn_over() -> None:
    values = np.array([[0, 1 << 30, 1 << 31, 3 << 30, (1 << 32) - 1]], np.uint32)
    assert decode(tiff(values), "x").pixels[0, :, 0].tolist() == [0, 64, 128, 191, 255]


def test_sixteen_bits_with_a_sign_have_fifteen_for_what_they_show() -> None:
    values = np.array([[0, 16384, 32767]], np.int16)
    assert decode(tiff(values, kind=2), "x").pixels[0, :, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize("nothing", [np.nan, np.inf, -np.inf, np.finfo(np.float32).min, -3.4e38])
def test_heights_are_seen_beside_what_was_not_measured(nothing: float) -> None:
    heights = np.array([[300, 400, 500, nothing]], np.float32)
    assert decode(tiff(heights, kind=3), "x").pixels[0, :, 0].tolist() == [0, 128, 255, 0]


@pytest.mark.parametrize("nothing", ["-9999", "-9999.0", "-9999\0 "])
def test_a_number_that_the_file_calls_no_value_is_none(nothing: str) -> None:
    tags, out = ImageFileDirectory_v2(), BytesIO()
    tags[42113] = nothing
    heights = np.array([[300, 400, 500, -9999]], np.float32)
    Image.fromarray(heights).save(out, "TIFF", tiffinfo=tags)
    assert decode(out.getvalue(), "x").pixels[0, :, 0].tolist() == [0, 128, 255, 0]


def test_a_picture_of_nothing_but_no_values_is_black() -> None:
    assert decode(tiff(np.full((2, 2), np.nan, np.float32), kind=3), "x").pixels.max() == 0


def test_deep_colours_are_known_to_take_more_memory() -> None:
    deep, plain = colours(), np.rint(colours() * 255).astype(np.uint8)
    sixteen = tiff(np.rint(deep * 65535).astype(np.uint16))
    assert cost(sixteen, "x").memory > 2 * cost(tiff(plain), "x").memory


@pytest.mark.parametrize(("depth", "channels"), [(2, 1), (4, 1), (8, 1), (16, 1), (8, 3), (16, 3)])
def test_the_one_colour_that_a_png_calls_transparent_is_in_the_bits_of_the_file(
    depth: int, channels: int
) -> None:
    """The left half has it, the right half all but it: the last bit tells them apart."""
    key = 2 ** (depth - 1) + 1
    values = np.full((8, 16, channels), key)
    values[:, 8:, -1] -= 1
    cells = values.reshape(8, -1).astype(">u2" if depth == 16 else np.uint8)
    if depth < 8:
        bits = np.unpackbits(cells[..., None], axis=2)[..., -depth:]
        cells = np.packbits(bits.reshape(8, -1), axis=1)
    rows = b"".join(b"\0" + row.tobytes() for row in cells)
    extra = chunk(b"tRNS", struct.pack(f">{channels}H", *[key] * channels))
    data = png_of(16, 8, depth, 0 if channels == 1 else 2, rows, extra)
    shown = decode(data, "x").pixels
    assert (shown[:, :8] == 255).all()
    assert (shown[:, 8:] < 180).all()


def test_a_bmp_all_of_which_would_be_transparent_is_opaque() -> None:
    """So do programs save what is on Windows' clipboard; half transparent ones stay so."""
    for alpha, shown in (
        ((0, 0), ((30, 60, 90), (30, 60, 90))),
        ((0, 255), ((255,) * 3, (30, 60, 90))),
    ):
        pixels = np.full((4, 8, 4), (90, 60, 30, 0), np.uint8)  # blue first
        pixels[:, :4, 3], pixels[:, 4:, 3] = alpha
        body = pixels.tobytes()
        masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
        head = struct.pack("<IiiHHIIiiII", 108, 8, 4, 1, 32, 3, len(body), 0, 0, 0, 0)
        head += masks + b"BGRs" + bytes(48)
        data = b"BM" + struct.pack("<IHHI", 14 + len(head) + len(body), 0, 0, 14 + len(head))
        found = decode(data + head + body, "x").pixels
        assert (tuple(found[0, 0]), tuple(found[0, 7])) == shown
