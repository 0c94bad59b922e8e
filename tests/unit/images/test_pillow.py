"""Pictures that Pillow has opened or made are seen as those of files are."""

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image

from visavis.errors import ImageUnreadableError
from visavis.images.decode import decode, from_pillow


def scene(mode: str, size: tuple[int, int] = (40, 30)) -> Image.Image:
    random = np.random.default_rng(3)
    made = Image.fromarray(random.integers(0, 256, (*size[::-1], 4), np.uint8), "RGBA")
    return made if mode == "RGBA" else made.convert("RGB").convert(mode)


def written(image: Image.Image, format: str, **options: Any) -> bytes:
    out = BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def turned(turn: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = turn
    return exif


@pytest.mark.parametrize(
    ("mode", "format"),
    [("RGB", "PNG"), ("RGBA", "PNG"), ("P", "GIF"), ("L", "JPEG"), ("CMYK", "JPEG"), ("1", "PNG")],
)
def test_it_looks_as_its_file_does(mode: str, format: str) -> None:
    data = written(scene(mode), format)
    assert np.array_equal(from_pillow(Image.open(BytesIO(data))), decode(data, "x").pixels)


@pytest.mark.parametrize("turn", range(1, 9))
def test_it_is_upright(turn: int) -> None:
    data = written(scene("RGB"), "JPEG", exif=turned(turn))
    shown = from_pillow(Image.open(BytesIO(data)))
    assert shown.shape == ((30, 40, 3) if turn < 5 else (40, 30, 3))
    assert np.array_equal(shown, decode(data, "x").pixels)


def test_what_was_made_of_one_is_taken_as_it_is() -> None:
    part = scene("RGB").crop((5, 5, 20, 15))
    assert np.array_equal(from_pillow(part), np.asarray(part))
    assert from_pillow(Image.new("I;16", (4, 3), 65535)).tolist() == [[[255] * 3] * 4] * 3


def test_a_file_that_turns_out_to_be_broken_is_told() -> None:
    data = written(scene("RGB", (400, 300)), "PNG")
    with pytest.raises(ImageUnreadableError, match="the query picture"):
        from_pillow(Image.open(BytesIO(data[: len(data) // 2])))
    closed = scene("RGB")
    closed.close()
    with pytest.raises(ImageUnreadableError, match="the query picture"):
        from_pillow(closed)
