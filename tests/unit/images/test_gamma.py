"""PNG files that state their gamma, against curves worked by hand."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from tests.unit.images.test_shown import saved, scene

from visavis.images.decode import decode


def with_chunk(data: bytes, kind: bytes, body: bytes) -> bytes:
    """A PNG with a chunk in front of its pixels (or of its palette)."""
    at = 8 + 25  # behind the signature and the header
    packed = kind + body
    check = struct.pack(">I", zlib.crc32(packed))
    return data[:at] + struct.pack(">I", len(body)) + packed + check + data[at:]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P"])
def test_a_png_whose_light_is_linear_is_shown_as_browsers_show_it(mode: str) -> None:
    plain = Image.fromarray(scene(64, 48)).convert(mode)
    wanted = np.asarray(plain.convert("RGB")) / 255
    curve = [round(255 * (level / 255) ** 2.2) for level in range(256)]
    alpha = list(range(256)) * (mode in ("RGBA", "LA"))
    if plain.mode == "P":
        palette = plain.getpalette()
        assert palette is not None
        plain.putpalette([curve[level] for level in palette])
    else:
        plain = plain.point(curve * (len(plain.getbands()) - bool(alpha)) + alpha)
    file = with_chunk(saved(plain, "PNG"), b"gAMA", struct.pack(">I", 100_000))
    assert np.percentile(np.abs(decode(file, "x").pixels - wanted * 255), 95) <= 8


@pytest.mark.parametrize("gamma", [45455, 45000, 0, 1, 2**31])
def test_a_gamma_that_is_common_or_nonsense_changes_nothing(gamma: int) -> None:
    pixels = scene(64, 48)
    file = with_chunk(saved(pixels, "PNG"), b"gAMA", struct.pack(">I", gamma))
    assert (decode(file, "x").pixels == pixels).all()


def test_what_is_said_to_be_srgb_is_that_whatever_its_gamma() -> None:
    pixels = scene(64, 48)
    file = with_chunk(saved(pixels, "PNG"), b"gAMA", struct.pack(">I", 100_000))
    assert (decode(with_chunk(file, b"sRGB", b"\0"), "x").pixels == pixels).all()


def test_a_transparent_colour_stays_that_under_a_gamma() -> None:
    pixels = np.full((8, 8, 3), 100, np.uint8)
    pixels[:4] = 7
    clear = with_chunk(saved(pixels, "PNG"), b"tRNS", struct.pack(">HHH", 7, 7, 7))
    found = decode(with_chunk(clear, b"gAMA", struct.pack(">I", 100_000)), "x").pixels
    assert (found[:4] == 255).all()
    assert (found[4:] == round(255 * (100 / 255) ** (1 / 2.2))).all()
