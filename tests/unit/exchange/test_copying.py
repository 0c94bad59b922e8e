"""An index copied into another: all that it holds, once, and a word where something is missing."""

import shutil
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from visavis.embedders.base import unit_rows
from visavis.errors import IndexIncompatibleError, IndexMissingError, UsageError
from visavis.exchange.copying import copy_index
from visavis.image_index import ImageIndex
from visavis.sources.base import open_source
from visavis.store.base import ModelFacts
from visavis.store.open import create_store
from visavis.types import ImageRecord, IndexReport

Draw = Callable[..., Path]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where the copy goes."""
    return tmp_path / "copy.index"


@pytest.fixture
def two_folders(draw: Draw, plug_in: None, tmp_path: Path) -> Path:
    """An index of two folders with the same names, and a catalogue."""
    for name, colour in (("one", (200, 20, 20)), ("two", (20, 20, 200))):
        for mark in range(3):
            draw(f"{name}/{mark}.png", colour, mark)
    catalogue = tmp_path / "all.csv"
    catalogue.write_text("id,image,price,on\na,one/0.png,3.5,yes\nb,two/1.png,,no\n")
    folder = tmp_path / "original.index"
    with ImageIndex.create(folder, "fake") as index:
        index.add(tmp_path / "one", tmp_path / "two", catalogue)
    return folder


def records(place: Path) -> list[ImageRecord]:
    with ImageIndex.open(place) as index:
        return list(index.records())


def store_of(index: ImageIndex) -> Any:
    """Its store, which can do everything."""
    return index.store


def farthest(place: Path, other: Path) -> float:
    """By how much numbers in the vectors of two indexes differ at most."""
    with ImageIndex.open(place) as one, ImageIndex.open(other) as two:
        return float(np.abs(one.vectors() - two.vectors()).max())


def test_a_copy_has_all_that_the_original_has(kept_index: Path, place: Path) -> None:
    told: list[tuple[int, int]] = []
    copied = copy_index(
        kept_index, place, progress=lambda report, total: told.append((report.added, total))
    )
    assert (copied.report.added, copied.report.failed, copied.report.notes) == (2100, [], [])
    assert (copied.compared, copied.differences, copied.error()) == (500, [], None)
    assert told[-1] == (2100, 2100)
    assert records(place) == records(kept_index)
    assert farthest(place, kept_index) <= 2**-11
    with ImageIndex.open(kept_index) as one, ImageIndex.open(place) as other:
        assert other.store.model() == one.store.model()
        assert other.store.fields() == one.store.fields()


def test_copied_twice_nothing_changes(kept_index: Path, place: Path) -> None:
    copy_index(kept_index, place)
    copied = copy_index(kept_index, place)
    assert (copied.report.added, copied.report.unchanged, copied.error()) == (0, 2100, None)
    assert records(place) == records(kept_index)
    assert farthest(place, kept_index) <= 2**-11


def test_a_copy_that_was_stopped_goes_on(tmp_path: Path, place: Path) -> None:
    original = many_records(tmp_path / "a.index")

    def stop(report: IndexReport, total: int) -> None:
        assert report.added < total
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy_index(original, place, progress=stop)
    there = len(records(place))
    assert 0 < there < 9_000
    copied = copy_index(original, place)
    assert (copied.report.added, copied.report.unchanged) == (9_000 - there, there)
    assert copied.error() is None
    assert records(place) == records(original)


def test_sources_go_on_in_the_copy(two_folders: Path, place: Path, tmp_path: Path) -> None:
    copy_index(two_folders, place)
    with ImageIndex.open(two_folders) as one, ImageIndex.open(place) as other:
        runs = [(s.row.uri, s.row.prefix, s.records, s.run) for s in one.info().sources]
        assert [(s.row.uri, s.row.prefix, s.records, s.run) for s in other.info().sources] == runs
        report = other.add(tmp_path / "one", tmp_path / "two", tmp_path / "all.csv")
        assert (report.added, report.unchanged, report.removed) == (0, 8, 0)
        found = other.search(tmp_path / "two" / "1.png", limit=8)
        assert [m.to_dict() for m in found.matches] == [
            m.to_dict() for m in one.search(tmp_path / "two" / "1.png", limit=8).matches
        ]
        assert found.verdict == "exact"


def test_evidence_tags_and_aspects_go_over(two_folders: Path, place: Path) -> None:
    with ImageIndex.open(two_folders) as index:
        store = store_of(index)
        store.tagged.begin("by hand")
        for block in store.tagged.missing(100):
            store.tagged.put(block, ["red, " + untagged.record.id for untagged in block])
        store.aspects.begin("parts", 3, "me")
        store.aspects.put("parts", {"a": b"abc", "2.png": b"xyz"})
        hashes = [record.sha256 for record in index]
    for _ in range(2):
        assert copy_index(two_folders, place).error() is None
        with ImageIndex.open(place) as copied, ImageIndex.open(two_folders) as index:
            copy = store_of(copied)
            assert copy.tagged.state() == "by hand"
            assert copy.get("a").fields["tags"] == "red, a"
            signatures = copy.evidence.signatures(hashes)
            assert len(signatures) == 6
            assert signatures == store_of(index).evidence.signatures(hashes)
            assert copy.aspects.values("parts", ["a", "b", "2.png"]) == {
                "a": b"abc",
                "2.png": b"xyz",
            }


def test_concepts_go_over_with_their_marks(two_folders: Path, place: Path, tmp_path: Path) -> None:
    with ImageIndex.open(two_folders) as index:
        index.concept("red").mark("a")
        index.concept("red").mark("b", good=False)
        index.concept("blue").mark("b")
        assert index.concepts.write()
        marks = index.concept("red").marks()
    assert copy_index(two_folders, place).error() is None
    with ImageIndex.open(place) as copy:
        assert [one.name for one in copy.concepts] == ["blue", "red"]
        assert copy.concept("red").marks() == marks
        assert copy.get("a").fields["concepts"] == "red"
        assert copy.concepts.write() == 0  # the field is known as visavis's own
        copy.concept("red").mark("b")  # and stays so
    again = copy_index(two_folders, place)
    assert again.error() is None
    assert not again.report.notes
    with ImageIndex.open(place) as copy:
        assert all(mark.good for mark in copy.concept("red").marks())
        copy.add(tmp_path / "all.csv", refresh=True)
        assert copy.get("a").fields["concepts"] == "red"


def test_a_copy_of_reduced_vectors_is_asked_with_pictures(
    draw: Draw, place: Path, tmp_path: Path, gallery: Path
) -> None:
    source = open_source(gallery)
    with ImageIndex.create(
        tmp_path / "small.index", "classic", reduce=4, sources=[source]
    ) as index:
        index.add(gallery)
        expected = [m.to_dict() for m in index.search(draw("a.png", (200, 20, 20))).matches]
    assert copy_index(tmp_path / "small.index", place).error() is None
    with ImageIndex.open(place) as copy:
        found = [match.to_dict() for match in copy.search(tmp_path / "a.png").matches]
        assert [match["id"] for match in found] == [match["id"] for match in expected]


def test_into_an_index_of_its_own_folder_ids_get_another_beginning(
    two_folders: Path, place: Path, draw: Draw, tmp_path: Path
) -> None:
    draw("three/0.png", (20, 200, 20))
    with ImageIndex.create(place, "fake") as index:
        index.add(tmp_path / "three")
    copied = copy_index(two_folders, place)
    assert copied.error() is None
    assert "its ids begin with 'one/' there" in copied.report.notes[0]
    assert len(records(place)) == 9
    with ImageIndex.open(place) as index:
        assert index.add(tmp_path / "one", tmp_path / "three").unchanged == 4


def test_what_the_copy_lacks_is_a_sentence(two_folders: Path, place: Path, tmp_path: Path) -> None:
    with ImageIndex.create(place, "fake") as index:
        index.add([str(tmp_path / "one" / "0.png")])
        old = next(iter(index.records()))
        store = index.store
        store.upsert(
            store.source("list", "list").number,
            [replace(old, id="b")],
            np.array([[1, 0, 0]], np.float32),
        )
    copied = copy_index(two_folders, place)
    assert [failure.uri for failure in copied.report.failed] == ["b"]
    assert "all.csv, " in str(copied.error())
    assert f"has 2 records and {place} 1" in str(copied.error())
    assert "run the same command again" in str(copied.error())


def test_what_only_the_copy_has_is_a_sentence(two_folders: Path, place: Path) -> None:
    copy_index(two_folders, place)
    with ImageIndex.open(two_folders) as index:
        index.remove("a")
    assert "has 1 records and" in str(copy_index(two_folders, place).error())
    assert "records that the original lost since" in str(copy_index(two_folders, place).error())


def test_a_vector_that_is_another_in_the_copy_is_found(two_folders: Path, place: Path) -> None:
    shutil.copytree(two_folders, place)
    with ImageIndex.open(place) as index:
        store = index.store
        [source] = [row for row in store.sources() if row.kind == "catalogue"]
        store.upsert(source.number, [store.get("a")], np.array([[0, 0, 1]], np.float32))
    error = str(copy_index(two_folders, place).error())
    assert "1 of 8 records that were compared are not the same, such as 'a'" in error


def test_an_index_of_another_model_is_refused(two_folders: Path, place: Path) -> None:
    create_store(place, ModelFacts("other", "other", "0" * 64, 3), 1)
    with pytest.raises(IndexIncompatibleError, match="'other' made its vectors"):
        copy_index(two_folders, place)
    assert records(place) == []


def test_places_that_make_no_sense(two_folders: Path, place: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"^{two_folders}: it is the same index"):
        copy_index(two_folders, tmp_path / "one" / ".." / two_folders.name)
    with pytest.raises(IndexMissingError, match="no index at"):
        copy_index(tmp_path / "nothing", place)
    assert not place.exists()


def many_records(place: Path) -> Path:
    """An index of 9,000 records, some blocks of them."""
    create_store(place, ModelFacts("m", "imported:m", "1" * 64, 256), 1)
    with ImageIndex.open(place) as index:
        row = index.store.source("list", "list")
        vectors = unit_rows(np.random.default_rng(0).normal(size=(9_000, 256)))
        many = [ImageRecord(f"{n}", f"/{n}", 1, 1.0, f"{n:064x}", 1, 1) for n in range(9_000)]
        index.store.upsert(row.number, many, vectors)
    return place


def test_blocks_are_taken_one_after_the_other_and_let_go(tmp_path: Path, place: Path) -> None:
    told: list[int] = []
    held: list[int] = []
    original = many_records(tmp_path / "a.index")

    def progress(report: IndexReport, _: int) -> None:
        told.append(report.added)
        held.append(tracemalloc.get_traced_memory()[0])

    tracemalloc.start()
    try:
        copied = copy_index(original, place, progress=progress)
    finally:
        tracemalloc.stop()
    assert copied.error() is None
    assert len(told) > 3
    assert np.diff([0, *told]).max() < 9_000
    assert held[-1] - held[0] < 3_000_000  # of 9 million bytes of vectors: what is to be compared
