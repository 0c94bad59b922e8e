"""What decoding will cost, told before it is paid."""

import struct
from io import BytesIO

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
