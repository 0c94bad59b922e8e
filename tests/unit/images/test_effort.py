"""What decoding takes, told by the head of a file."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from visavis.images.effort import work

PIXELS = 64 * 48


def file(form: str, **options: object) -> bytes:
    noise = np.random.default_rng(1).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    out = BytesIO()
    Image.fromarray(noise).save(out, form, **options)
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "share"),
    [
        (file("PNG"), 1),
        (file("WEBP"), 1),
        (file("JPEG"), 8),
        (file("JPEG", progressive=True), 2),
        (file("JPEG", progressive=True, icc_profile=bytes(200_000), exif=b"Exif\0\0MM"), 2),
        (file("JPEG", icc_profile=bytes(200_000)), 8),
        (file("JPEG")[:20], 8),  # it ends before it says how it is coded; nor can it be decoded
        (b"no picture", 1),
        (b"", 1),
    ],
)
def test_a_jpeg_takes_less_unless_it_comes_in_passes(data: bytes, share: int) -> None:
    assert work(BytesIO(data), PIXELS) == PIXELS // share


def test_endless_heads_are_given_up() -> None:
    assert work(BytesIO(b"\xff\xd8" + b"\xff\xe1\0\2" * 100_000), PIXELS) == PIXELS // 8
