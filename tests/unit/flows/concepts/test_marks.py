"""Marks as an index keeps them."""

import hashlib
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from visavis_fake import FakeEmbedder

from visavis.errors import (
    ConceptNotFoundError,
    IndexLockedError,
    RecordNotFoundError,
    StoreUnsupportedError,
    UsageError,
    VisavisError,
)
from visavis.flows.concepts.marks import KeptMarks, Mark, as_name
from visavis.image_index import ImageIndex
from visavis.types import ImageRecord

Draw = Callable[..., Path]


def digest(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def told(index: ImageIndex, name: str) -> list[tuple[str, bool]]:
    return [(mark.id, mark.good) for mark in index.concept(name).marks()]


def test_marks_are_kept_with_the_index(filled: ImageIndex) -> None:
    marked = filled.concept("warm").mark(["red.png", "sub/pink.png"])
    assert (marked.added, marked.turned) == (2, ())
    filled.concept("warm").mark("blue.png", good=False)
    with ImageIndex.open(filled.path) as again:
        assert told(again, "warm") == [
            ("red.png", True),
            ("sub/pink.png", True),
            ("blue.png", False),
        ]
        assert [(one.name, one.yes, one.no) for one in again.concepts] == [("warm", 2, 1)]


def test_of_contradicting_marks_the_last_counts_and_is_said(filled: ImageIndex) -> None:
    warm = filled.concept("warm")
    warm.mark(["red.png", "blue.png"])
    marked = warm.mark(["blue.png", "green.png"], good=False)
    assert (marked.added, marked.turned) == (1, ("blue.png",))
    assert told(filled, "warm") == [("red.png", True), ("blue.png", False), ("green.png", False)]
    both = warm.mark_all((["white.png"], True), (["white.png"], False))
    assert both.turned == ("white.png",)
    assert ("white.png", False) in told(filled, "warm")


def test_two_records_of_one_file_have_one_mark(
    index: ImageIndex, draw: Draw, tmp_path: Path
) -> None:
    original = draw("photos/a.png", (9, 9, 200))
    (tmp_path / "photos" / "b.png").write_bytes(original.read_bytes())
    index.add(tmp_path / "photos")
    index.concept("blue").mark("a.png")
    assert index.concept("blue").mark("b.png", good=False).turned == ("b.png",)
    assert told(index, "blue") == [("b.png", False)]


def test_an_unknown_id_marks_nothing(filled: ImageIndex) -> None:
    with pytest.raises(RecordNotFoundError, match=r"'nothing\.png'"):
        filled.concept("warm").mark(["red.png", "nothing.png"])
    assert list(filled.concepts) == []
    with pytest.raises(UsageError, match="say which records"):
        filled.concept("warm").mark([])


def test_marks_are_taken_back_also_of_what_has_left(filled: ImageIndex) -> None:
    warm = filled.concept("warm")
    warm.mark(["red.png", "white.png"])
    filled.remove("red.png")
    with pytest.raises(UsageError, match=r"has no mark of 'green\.png'"):
        warm.unmark(["red.png", "green.png"])
    assert len(warm.marks()) == 2
    assert warm.unmark("red.png").yes == 1
    assert told(filled, "warm") == [("white.png", True)]


def test_a_concept_is_removed_with_its_marks(filled: ImageIndex) -> None:
    warm = filled.concept("warm")
    warm.mark("red.png")
    filled.concept("cold").mark("blue.png")
    warm.remove()
    assert [one.name for one in filled.concepts] == ["cold"]
    for ask in (warm.remove, warm.marks, warm.summary, warm.lesson, lambda: warm.unmark("red.png")):
        with pytest.raises(ConceptNotFoundError, match="no concept is called 'warm'"):
            ask()
    warm.mark("white.png")
    assert told(filled, "warm") == [("white.png", True)]


def test_near_names_are_said(filled: ImageIndex) -> None:
    filled.concept("Red shoes").mark("red.png")
    with pytest.raises(ConceptNotFoundError, match=r"did you mean 'Red shoes'\?"):
        filled.search("concept:red shoe")
    with pytest.raises(ConceptNotFoundError, match="visavis concept list"):
        filled.search("concept:lamp")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("our mugs", "our mugs"),
        ("  our \u00a0 mugs ", "our mugs"),
        ("Cafe\u0301", "Café"),
        ("+ - 0.5:a*b[c]'\"", "+ - 0.5:a*b[c]'\""),
        ("犬 🐶", "犬 🐶"),
        ("-", "-"),
    ],
)
def test_names_may_be_odd(filled: ImageIndex, text: str, name: str) -> None:
    assert as_name(text) == name
    filled.concept(text).mark("red.png")
    assert [one.name for one in filled.concepts] == [name]
    assert filled.search(f"concept:{text}").matches


@pytest.mark.parametrize(
    "text", ["", "  ", "a,b", "a/b", "a\\b", "a\0b", "..", "x" * 101, "\ud800", "a\ufffd"]
)
def test_names_that_could_not_be_told_apart_are_refused(filled: ImageIndex, text: str) -> None:
    with pytest.raises(UsageError, match="a concept's name"):
        filled.concept(text)


def test_ten_thousand_marks_are_kept_and_more_than_twenty_thousand_are_refused(
    index: ImageIndex, fake: FakeEmbedder
) -> None:
    chance = np.random.default_rng(1)
    colours = chance.uniform(0.1, 1, (10_000, 3)).astype(np.float32)
    colours /= np.linalg.norm(colours, axis=1, keepdims=True)
    records = [
        ImageRecord(f"{n}.png", f"/p/{n}.png", 1, 1.0, digest(n), 1, 1) for n in range(10_000)
    ]
    with index.writing():
        index.store.upsert(index.store.source("folder", "/p").number, records, colours)
    reddish = colours[:, 0] > colours[:, 1]
    ids = np.array([record.id for record in records])
    marked = index.concept("reddish").mark_all((ids[reddish], True), (ids[~reddish], False))
    assert marked.added == 10_000
    result = index.search("concept:reddish", limit=100)
    assert all(reddish[int(match.record.id.removesuffix(".png"))] for match in result.matches)
    kept = KeptMarks(index.store)
    many = [Mark(f"more {n}", digest(n), True) for n in range(10_000, 20_001)]
    with index.writing(), pytest.raises(UsageError, match="20000 are the most"):
        kept.put("reddish", many)
    assert kept.summary("reddish").yes + kept.summary("reddish").no == 10_000


def test_many_who_mark_at_once_lose_nothing(filled: ImageIndex) -> None:
    ids = [record.id for record in filled.records()]
    failed: list[BaseException] = []

    def work(name: str, id: str) -> None:
        try:
            with ImageIndex.open(filled.path, lock_seconds=60) as own:
                own.concept("shared").mark(id)
                own.concept(name).mark(id, good=False)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(f"own {at}", id)) for at, id in enumerate(ids)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert {id for id, _ in told(filled, "shared")} == set(ids)
    assert len(list(filled.concepts)) == len(ids) + 1


def test_while_somebody_else_writes_marking_waits_and_then_says_so(filled: ImageIndex) -> None:
    with (
        ImageIndex.open(filled.path, lock_seconds=0.1) as other,
        filled.writing(),
        pytest.raises(IndexLockedError),
    ):
        other.concept("warm").mark("red.png")
    filled.concept("warm").mark("red.png")
    assert told(filled, "warm") == [("red.png", True)]


def test_a_store_without_a_place_for_marks_says_so() -> None:
    from dict_store import DictStore, Kept

    from visavis.store.base import ModelFacts

    store = DictStore("a dict", Kept(ModelFacts("fake", "fake", "f", 3)))
    with pytest.raises(StoreUnsupportedError, match="cannot keep concepts"):
        list(ImageIndex(store).concepts)


@pytest.mark.parametrize("note", ["concepts", "concept:red"])
def test_a_change_that_fails_halfway_changes_nothing(filled: ImageIndex, note: str) -> None:
    concept = filled.concept("red")
    concept.mark("red.png")
    before = concept.marks(), concept.summary()
    with closing(sqlite3.connect(filled.path / "index.sqlite")) as db, db:
        db.execute(
            "CREATE TRIGGER full BEFORE INSERT ON notes WHEN NEW.name = '" + note + "'"
            " BEGIN SELECT RAISE(ABORT, 'no room'); END"
        )
    for change in (
        lambda: concept.mark("blue.png"),
        lambda: concept.unmark("red.png"),
        concept.remove,
    ):
        with pytest.raises(VisavisError):
            change()
        assert (concept.marks(), concept.summary()) == before
