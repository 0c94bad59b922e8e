"""An index whose records have everything that files find difficult."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from visavis.embedders.base import unit_rows
from visavis.image_index import ImageIndex
from visavis.store.base import ModelFacts
from visavis.store.open import create_store
from visavis.types import ImageRecord

DIM = 12
ODD_IDS = [
    'he said "no".jpg',
    "two\nlines.jpg",
    "a,b;c\td.jpg",
    "größe/猫.jpg",
    "=1+1",
    "end\\x.jpg",
]
COUNT = 2_100
"""Records: more than one block of a walk."""


def record(number: int) -> ImageRecord:
    id = ODD_IDS[number] if number < len(ODD_IDS) else f"picture-{number:05}"
    fields: dict[str, str | int | float | bool] = {
        "category": ("mug", 'lamp "big"', "a,b\nc")[number % 3],
        "price": number / 4,
        "stock": number,
        "sold": number % 2 == 0,
        "size": f"{number} cm",  # as a fact of every record is called
        "shelf/row": "A",
        "mixed": number if number % 2 else f"no {number}",
    }
    if number % 5 == 0:
        fields["sometimes"] = 2**40 + number
    sha256 = f"{number:064x}"
    return ImageRecord(id, f"/pictures/{id}", 100 + number, 1.5, sha256, 40, 30, fields)


@pytest.fixture(scope="session")
def kept_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the index; not to be changed."""
    place = tmp_path_factory.mktemp("exchange") / "kept.index"
    create_store(place, ModelFacts("some-model", "imported:some-model", "f" * 64, DIM), 1)
    vectors = unit_rows(np.random.default_rng(5).normal(size=(COUNT, DIM)))
    with ImageIndex.open(place) as index:
        source = index.store.source("list", "list")
        index.store.upsert(source.number, [record(n) for n in range(COUNT)], vectors)
    return place


@pytest.fixture
def kept(kept_index: Path) -> Iterator[ImageIndex]:
    """The index, open."""
    with ImageIndex.open(kept_index) as index:
        yield index
