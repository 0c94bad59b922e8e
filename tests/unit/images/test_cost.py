"""What decoding will cost, told before it is paid."""

import struct
import time
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from visavis.errors import ImageTooLargeError, ImageUnreadableError
from visavis.images.decode import cost, decode


def _file(kind: str, size: tuple[int, int] = (640, 480), **how: object) -> bytes:
    out = BytesIO()
    Image.new("RGB", size, (90, 160, 30)).save(out, kind, **how)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "TIFF", "AVIF", "WEBP"])
def test_pixels_are_told_from_the_header(kind: str) -> None:
    found = cost(_file(kind), "a")
    assert found.pixels == found.work == 640 * 480
    assert 4 * found.pixels <= found.memory <= 16 * found.pixels


@pytest.mark.parametrize(
    ("mode", "kind", "how", "least"),
    [
        ("I;16", "PNG", {}, 18),
        ("F", "TIFF", {}, 19),
        ("LA", "PNG", {}, 8),
        ("P", "PNG", {"transparency": 0}, 13),
        ("P", "GIF", {"save_all": True, "append_images": [Image.new("P", (640, 480), 1)]}, 18),
    ],
)
def test_modes_that_are_made_rgb_first_take_more_memory(
    mode: str, kind: str, how: dict[str, Any], least: int
) -> None:
    """What was measured at 5 to 13 megapixels."""
    out = BytesIO()
    Image.new(mode, (640, 480)).save(out, kind, **how)
    assert cost(out.getvalue(), "a").memory >= least * 640 * 480


def test_all_pages_count_that_may_be_looked_at() -> None:
    """The first page of this one is a small blank, and the others are dear."""
    pages = [Image.new("1", (2_000, 3_000)) for _ in range(9)]
    out = BytesIO()
    Image.new("1", (64, 64)).save(
        out, "TIFF", save_all=True, append_images=pages, compression="group4"
    )
    found = cost(out.getvalue(), "a")
    assert found.pixels == 2_000 * 3_000
    assert found.work >= found.pixels + 9 * found.pixels // 4
    assert found.memory >= 6 * found.pixels


def test_frames_of_an_animation_count_as_well() -> None:
    frames = [Image.new("P", (640, 480), number) for number in range(5)]
    out = BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    assert cost(out.getvalue(), "a").work > 2 * 640 * 480


def test_few_frames_of_a_large_animation_are_looked_at() -> None:
    frame = b"!\xf9\x04\x09\0\0\0\0,\0\0\0\0\1\0\1\0\0\2\2D\1\0"
    blank = b"GIF89a" + struct.pack("<HHBBB", 4000, 4000, 0x80, 0, 0) + b"\xff" * 3 + b"\0" * 3
    data = blank + frame * 300 + b";"
    began = time.process_time()
    assert decode(data, "a", min_side=224).width == 4000
    took = time.process_time() - began
    began = time.process_time()
    decode(blank + frame + b";", "a", min_side=224)
    assert took < 10 * (time.process_time() - began) + 0.5  # it was 40 times as long


def test_pixels_of_a_jpeg_count_a_quarter() -> None:
    assert cost(_file("JPEG"), "a").work == 640 * 480 / 4


def test_a_jpeg_of_a_thousand_scans_is_refused() -> None:
    data = _file("JPEG", progressive=True)
    at = data.rindex(b"\xff\xda")
    last = data[at:-2]
    assert decode(data[:at] + last * 3 + b"\xff\xd9", "a").width == 640
    for read in (cost, decode):
        with pytest.raises(ImageUnreadableError, match="200 scans"):
            read(data[:at] + last * 1000 + b"\xff\xd9", "a")


def test_bytes_behind_a_jpeg_are_no_scans() -> None:
    data = _file("JPEG") + b"\xff\xda" * 1000
    assert decode(data, "a").width == 640


def test_the_tiles_of_a_tiff_count_when_they_are_larger_than_the_picture() -> None:
    def entry(tag: int, value: int) -> bytes:
        return struct.pack("<HHII", tag, 4, 1, value)

    tags = [(256, 16), (257, 16), (258, 8), (259, 8), (262, 1), (277, 1)]
    tags += [(322, 65_520), (323, 65_520), (324, 200), (325, 10)]
    entries = b"".join(entry(*tag) for tag in tags)
    data = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(100)
    with pytest.raises(ImageTooLargeError):
        cost(data, "a")
