"""Sheets of small pictures: a record in each cell, whatever its picture's shape."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from visavis.pages.tiles import ACROSS, PER_TILE, PLAIN, small_pictures, tile
from visavis.types import RGB, ImageRecord


def opened(data: bytes) -> RGB:
    with Image.open(BytesIO(data)) as picture:
        assert picture.format == "WEBP"
        return np.asarray(picture.convert("RGB"))


def record(path: Path) -> ImageRecord:
    return ImageRecord(path.name, str(path), 1, 0.0, "0" * 64, 1, 1)


def test_each_picture_stands_in_the_middle_of_its_cell() -> None:
    wide = np.full((10, 40, 3), (220, 30, 30), np.uint8)
    sheet = opened(tile([None, wide, *[None] * ACROSS], 40))
    assert sheet.shape == (80, 40 * ACROSS, 3)
    assert sheet[20, 60].tolist() == pytest.approx((220, 30, 30), abs=24)
    assert sheet[4, 60].tolist() == pytest.approx(PLAIN, abs=8)
    assert sheet[20, 20].tolist() == pytest.approx(PLAIN, abs=8)


def test_a_full_tile_is_square() -> None:
    dot = np.full((8, 8, 3), 90, np.uint8)
    assert opened(tile([dot] * PER_TILE, 8)).shape == (80, 80, 3)


def test_pictures_come_in_order_and_those_that_are_gone_are_none(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.png" for number in range(30)]
    for number, path in enumerate(paths):
        Image.new("RGB", (200, 100), (number * 8, 0, 0)).save(path)
    paths[7].unlink()
    paths[9].write_bytes(b"no picture")
    found = list(small_pictures(map(record, paths), 50, jobs=2))
    assert [number for number, one in enumerate(found) if one is None] == [7, 9]
    whole = {number: one for number, one in enumerate(found) if one is not None}
    assert all(one.shape == (25, 50, 3) for one in whole.values())
    assert all(int(one[0, 0, 0]) == number * 8 for number, one in whole.items())
