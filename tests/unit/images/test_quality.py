"""How a picture was saved, told from the head of its file."""

from io import BytesIO

import pytest
from pictures import shapes
from PIL import Image

from visavis.images.quality import read_saved


def saved(kind: str, **options: object) -> BytesIO:
    file = BytesIO()
    shapes(3).save(file, kind, **options)
    file.seek(0)
    return file


@pytest.mark.parametrize("quality", [1, 15, 40, 50, 75, 76, 92, 95, 100])
@pytest.mark.parametrize("progressive", [False, True])
def test_the_quality_is_the_one_that_the_encoder_was_given(quality: int, progressive: bool) -> None:
    found = read_saved(saved("JPEG", quality=quality, progressive=progressive, exif=b"x" * 900))
    assert found == ("JPEG", False, quality)


@pytest.mark.parametrize(
    ("kind", "options", "name", "lossless"),
    [
        ("PNG", {}, "PNG", True),
        ("BMP", {}, "BMP", True),
        ("WEBP", {"lossless": True}, "WEBP", True),
        ("WEBP", {"lossless": False}, "WEBP", False),
        ("GIF", {}, "GIF", False),
    ],
)
def test_formats_are_told_from_content(
    kind: str, options: dict[str, object], name: str, lossless: bool
) -> None:
    assert read_saved(saved(kind, **options)) == (name, lossless, None)


@pytest.mark.parametrize("length", [0, 2, 3, 30, 200])
def test_what_ends_early_says_nothing_of_quality(length: int) -> None:
    file = BytesIO(saved("JPEG", exif=b"x" * 300).read()[:length])
    assert read_saved(file).quality is None


def test_garbage_is_no_picture_and_odd_tables_have_a_quality_all_the_same() -> None:
    assert read_saved(BytesIO(b"\0" * 500)) == (None, False, None)
    odd = BytesIO()
    Image.new("RGB", (8, 8)).save(odd, "JPEG", qtables=[[7] * 64, [9] * 64])
    odd.seek(0)
    quality = read_saved(odd).quality
    assert quality is not None
    assert 85 < quality <= 100
