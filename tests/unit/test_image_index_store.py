"""The façade over a store that can do no more than the contract says, and is no folder."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dict_store import DictStore, Kept
from PIL import Image
from visavis_fake import FakeEmbedder

from visavis import ImageIndex
from visavis.errors import StoreUnsupportedError
from visavis.store.base import ModelFacts
from visavis.types import Query, RecordTerm, TextTerm

COLOURS = {
    "red": (200, 10, 10),
    "green": (10, 200, 10),
    "blue": (10, 10, 200),
    "rust": (180, 60, 10),
}


@pytest.fixture
def index(tmp_path: Path, plug_in: None) -> Iterator[ImageIndex]:
    fake = FakeEmbedder()
    made_by = ModelFacts(fake.name, fake.ref, fake.fingerprint, fake.dim)
    (tmp_path / "photos").mkdir()
    for name, colour in COLOURS.items():
        Image.new("RGB", (24, 24), colour).save(tmp_path / "photos" / f"{name}.png")
    with ImageIndex(DictStore("memory://photos", Kept(made_by))) as made:
        yield made


@pytest.fixture
def filled(index: ImageIndex, tmp_path: Path) -> ImageIndex:
    assert index.add(tmp_path / "photos").added == 4
    return index


def test_it_is_filled_searched_and_brought_up_to_date(filled: ImageIndex, tmp_path: Path) -> None:
    found = filled.search("id:red.png", limit=2)
    assert [match.record.id for match in found.matches] == ["red.png", "rust.png"]
    assert filled.search_many(["id:red.png"], limit=2)[0].matches == found.matches
    assert filled.similar("red.png", limit=1).matches[0].record.id == "rust.png"
    (tmp_path / "photos" / "green.png").rename(tmp_path / "photos" / "moss.png")
    (tmp_path / "photos" / "blue.png").unlink()
    report = filled.add(tmp_path / "photos")
    assert (report.added, report.moved, report.removed, report.unchanged) == (0, 1, 1, 2)
    assert "moss.png" in filled
    assert "blue.png" not in filled
    assert [record.id for record, _ in filled.rows()] == [record.id for record in filled]
    assert filled.vectors().shape == (3, 3)
    assert filled.remove("moss.png") == 1
    filled.compact()
    assert len(filled) == 2


@pytest.mark.parametrize(
    "ask",
    [
        lambda index: index.path,
        lambda index: index.rebuild("fake-halves"),
        lambda index: index.tagging.write(3, vocabulary=["cup"]),
        lambda index: index.answer(Query((TextTerm("red"),), by="text")),
        lambda index: index.answer(Query((RecordTerm("red.png"),), count=True)),
    ],
)
def test_what_the_store_cannot_do_is_refused_in_a_sentence(
    filled: ImageIndex, ask: Callable[[ImageIndex], object]
) -> None:
    with pytest.raises(StoreUnsupportedError, match=r"memory://photos: the store .* cannot"):
        ask(filled)
    assert len(filled) == 4
