"""How much of the records' files a question may read."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from visavis import ImageIndex
from visavis.flows.relation.reading import may_be_read, reading_at_most, to_decode
from visavis.flows.relation.shown import record_pixels
from visavis.types import ImageRecord


@pytest.fixture
def record(tmp_path: Path) -> ImageRecord:
    """A PNG that is called a JPEG, as downloads often are."""
    noise = np.random.default_rng(1).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.jpg", "PNG")
    with ImageIndex.create(tmp_path / "i.index", "classic") as index:
        index.add(tmp_path / "a.jpg")
        return next(iter(index))


def test_the_file_says_what_it_takes_and_not_its_name(record: ImageRecord) -> None:
    assert to_decode(record) == 64 * 48
    Image.open(record.uri).convert("RGB").save(record.uri, "JPEG")
    assert to_decode(record) == 64 * 48 // 8
    assert to_decode(replace(record, uri="/nowhere/a.jpg")) == 64 * 48
    assert to_decode(replace(record, uri="https://shop.example/a.jpg")) == 64 * 48


def test_a_file_that_is_too_large_for_the_question_is_not_read(record: ImageRecord) -> None:
    assert record_pixels(record, None, 10_000) is not None
    with reading_at_most(64 * 48 - 1):
        assert not may_be_read(record)
        assert record_pixels(record, None, 10_000) is None
    with reading_at_most(64 * 48):
        assert record_pixels(record, None, 10_000) is not None
