"""Searching the records' own text, against a walk over all records that reads each of them."""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from asking import ask
from brute import clustered, some_record
from looking import looking
from standing import standing

from visavis.filters import as_filter
from visavis.store.base import Change, ModelFacts
from visavis.store.sqlite.lock import writer_lock
from visavis.store.sqlite.store import SqliteStore
from visavis.store.sqlite.text import hits as text_hits
from visavis.store.text.fusion import K
from visavis.store.text.own import MOST_WORDS, Words, pieces, words_of
from visavis.types import FieldValue, ImageRecord, Match, Vectors

DIM = 16
COUNT = 400
CATALOGUE = "/shop/all.csv"
THINGS = ("shoe", "red dress", "mug", "t-shirt", "wrist watch")
BRANDS = ("Nike", "Puma", "Zoë & Co")


def made(number: int) -> ImageRecord:
    fields: dict[str, FieldValue] = {
        "title": f"{BRANDS[number % 3]} {THINGS[number % 5]} {number % 7}",
        "shelf": number,
    }
    folder = ("dogs", "cats")[number % 2]
    return some_record(f"r{number:03}", fields, f"/shop/{folder}/IMG_{number}.jpg")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore.create(tmp_path / "i", ModelFacts("m", "m", "f", DIM))
    yield opened
    opened.close()


@pytest.fixture
def filled(store: SqliteStore) -> SqliteStore:
    source = store.source("catalogue", CATALOGUE).number
    store.upsert(source, [made(n) for n in range(COUNT)], clustered(COUNT, DIM))
    return store


def asked(*texts: str, without: Sequence[str] = ()) -> Words:
    return words_of([*((text, True) for text in texts), *((text, False) for text in without)])


def found(store: SqliteStore, words: Words, where: str | None = None) -> set[str]:
    answer = store.texts.search(words, 1000, where=as_filter(where))
    assert len(answer.matches) == store.texts.count(words, as_filter(where))
    return {match.record.id for match in answer.matches}


def by_reading(store: SqliteStore, words: Words, where: str | None = None) -> set[str]:
    """The records that have all the words, or, where there are none, some of them."""
    held: dict[str, int] = {}
    for record in store.records(as_filter(where)):
        texts = pieces(record, CATALOGUE)
        if not any(len(standing(no, texts)) == len(no) for no in words.without):
            held[record.id] = len(standing(words.groups, texts))
    whole = {id for id, count in held.items() if count == len(words.groups)}
    return whole or {id for id, count in held.items() if count}


QUESTIONS = ("nike", "nike shoes", "red dress", "img 17", "dogs", "t-shirt puma", "zoe & co", "3")


@pytest.mark.parametrize("question", [*QUESTIONS, "nike zeppelin", "zeppelin", "watch mug"])
@pytest.mark.parametrize("where", [None, "shelf<100", "shelf=17", "shelf<0"])
def test_the_records_with_the_words_are_found_and_no_others(
    filled: SqliteStore, question: str, where: str | None
) -> None:
    words = asked(question)
    assert found(filled, words, where) == by_reading(filled, words, where)


def test_unwanted_words_keep_records_away(filled: SqliteStore) -> None:
    words = asked("nike", without=["shoe", "red dress"])
    titles = [str(filled.get(id).fields["title"]) for id in found(filled, words)]
    assert titles
    assert not any("shoe" in title or "dress" in title for title in titles)
    assert found(filled, words) == by_reading(filled, words)


def test_hundreds_of_unwanted_words_are_no_more_than_sqlite_takes(filled: SqliteStore) -> None:
    words = asked("nike", without=[*(f"zeppelin{n} t-shirt" for n in range(500)), "shoe"])
    assert len(words.without) == MOST_WORDS
    assert found(filled, words) == by_reading(filled, words)


def test_the_score_is_the_share_of_the_words_and_a_least_one_holds(filled: SqliteStore) -> None:
    whole = filled.texts.search(asked("nike shoe"), 5)
    assert {match.score for match in whole.matches} == {1.0}
    half = filled.texts.search(asked("nike zeppelin"), 5)
    assert {match.score for match in half.matches} == {0.5}
    assert not half.whole
    assert filled.texts.search(asked("nike zeppelin"), 5, min_score=0.6).matches == ()


def test_words_in_a_row_come_first_and_a_title_before_a_folder(store: SqliteStore) -> None:
    titles = ["dress in red", "a red dress for you to wear", "dress, not red at all"]
    records = [some_record(f"r{n}", {"title": title}) for n, title in enumerate(titles)]
    records.append(some_record("r9", {"title": "sofa"}, "/shop/red/dress/1.jpg"))
    source = store.source("catalogue", CATALOGUE).number
    store.upsert(source, records, clustered(4, DIM))
    answer = store.texts.search(asked("red dress"), 5)
    ids = [match.record.id for match in answer.matches]
    assert ids[0] == "r1"
    assert set(ids) == {"r0", "r1", "r2", "r9"}
    assert store.texts.search(asked("sofa red"), 5).matches[0].why == ("title", "folder")


# -- kept in step ----------------------------------------------------------------------------------


def agrees(store: SqliteStore) -> None:
    for question in (*QUESTIONS, "crimson", "zebra"):
        assert found(store, asked(question)) == by_reading(store, asked(question)), question


def test_every_write_changes_what_is_found(filled: SqliteStore) -> None:
    source = filled.source("catalogue", CATALOGUE).number
    filled.upsert(source, [some_record("new", {"title": "Zebra"})], clustered(1, DIM))
    assert found(filled, asked("zebra")) == {"new"}
    changed = Change("new", 1, 2.0, "/shop/dogs/new.jpg", {"title": "Crimson thing"})
    filled.update([changed, changed])
    assert (found(filled, asked("zebra")), found(filled, asked("crimson"))) == (set(), {"new"})
    filled.upsert(source, [some_record("new", {"title": "Zebra again"})], clustered(1, DIM))
    assert (found(filled, asked("zebra")), found(filled, asked("crimson"))) == ({"new"}, set())
    filled.remove(["new", "r000"])
    low = as_filter("shelf<50")
    assert low is not None
    filled.remove_where(low)
    sweep = filled.sweep(source)
    sweep.seen([record.id for record in filled.records()][:-20])
    assert sweep.gone(lambda id, uri: False).removed == 20
    agrees(filled)
    assert filled.count() < COUNT - 50
    filled.forget_source(CATALOGUE)
    assert found(filled, asked("nike")) == set()


def test_tags_are_text_from_the_moment_that_they_are_written(filled: SqliteStore) -> None:
    filled.tagged.begin("3 words")
    for block in filled.tagged.missing(64):
        filled.tagged.put(block, ["crimson, zebra"] * len(block))
    assert len(found(filled, asked("zebra"))) == COUNT
    match = filled.texts.search(asked("zebra"), 1).matches[0]
    assert match.why == ("tags",)
    filled.tagged.begin("")
    assert found(filled, asked("zebra")) == set()
    agrees(filled)


def test_a_change_that_fails_leaves_the_text_as_it_was(filled: SqliteStore) -> None:
    source = filled.source("catalogue", CATALOGUE).number
    broken = [some_record("new", {"title": "zebra"}), replace(some_record("odd"), id="\ud800")]
    with pytest.raises(Exception, match="no valid text"):
        filled.upsert(source, broken, clustered(2, DIM))
    assert found(filled, asked("zebra")) == set()


def test_another_model_takes_away_the_words_of_records_that_leave(
    filled: SqliteStore,
) -> None:
    numbers = [number for number, _ in filled.numbered_records()][:100]
    with filled.rebuild(ModelFacts("n", "n", "g", DIM)) as rebuild:
        rebuild.put(numbers, clustered(100, DIM), ["00" * 32] * 100)
        rebuild.swap()
    assert filled.count() == 100
    agrees(filled)


def query() -> Vectors:
    return np.asarray(clustered(1, DIM, seed=5)[0])


def without_words(folder: Path) -> None:
    """Make an index what one of before was."""
    with sqlite3.connect(folder / "index.sqlite") as connection:
        connection.execute("DROP TABLE texts")
        connection.execute("DELETE FROM meta WHERE key='text'")


def test_an_index_of_before_gets_its_words_with_the_first_question(
    filled: SqliteStore, tmp_path: Path
) -> None:
    without_words(tmp_path / "i")
    other = SqliteStore(tmp_path / "i")

    def look() -> None:
        assert len(ask(other, query(), 5).matches) == 5

    with looking(look, threads=2) as wrong:
        assert filled.texts.prepare()
    assert wrong == []
    assert found(other, asked("nike")) == by_reading(other, asked("nike"))
    other.close()


def test_an_index_of_before_gets_its_words_with_the_next_run_that_writes(
    filled: SqliteStore, tmp_path: Path
) -> None:
    without_words(tmp_path / "i")
    with writer_lock(tmp_path / "i", wait=0):
        assert not filled.texts.prepare()  # another one writes
        source = filled.source("catalogue", CATALOGUE).number
        filled.upsert(source, [some_record("new", {"title": "Zebra"})], clustered(1, DIM))
        filled.remove(["r000"])
        filled.settle()
    assert filled.texts.prepare()
    agrees(filled)


def test_compacting_makes_the_words_again(filled: SqliteStore, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "i" / "index.sqlite") as connection:
        connection.execute("INSERT INTO texts(texts) VALUES ('delete-all')")
    assert found(filled, asked("nike")) == set()
    filled.settle(thorough=True)
    agrees(filled)


# -- pages and bounds ------------------------------------------------------------------------------


@pytest.fixture(params=[20, 1000], ids=["cut", "whole"])
def bounded(
    filled: SqliteStore, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> SqliteStore:
    monkeypatch.setattr(text_hits, "RANKED", request.param)
    return filled


@pytest.mark.parametrize("question", ["nike", "nike shoe", "red dress"])
@pytest.mark.parametrize("where", [None, "shelf<300"])
def test_pages_by_text_neither_repeat_nor_leave_out(
    bounded: SqliteStore, question: str, where: str | None
) -> None:
    words = asked(question)
    pages: list[str] = []
    for offset in range(0, COUNT, 7):
        answer = bounded.texts.search(words, 7, offset, as_filter(where))
        pages += [match.record.id for match in answer.matches]
    assert len(pages) == len(set(pages))
    assert set(pages) == by_reading(bounded, words, where)


@pytest.mark.parametrize("where", [None, "shelf<300"])
@pytest.mark.parametrize("min_score", [None, 0.1])
def test_fused_pages_hold_every_record_once_with_its_score_by_looks(
    bounded: SqliteStore, where: str | None, min_score: float | None
) -> None:
    words, vector = asked("nike shoe"), query()
    pages: list[Match] = []
    for offset in range(0, COUNT, 33):
        pages += bounded.texts.fused(words, vector, 33, offset, as_filter(where), min_score).matches
    plain = ask(bounded, vector, COUNT, 0, as_filter(where), min_score).matches
    assert {m.record.id: m.score for m in pages} == {m.record.id: m.score for m in plain}
    assert len(pages) == len(plain)


def test_the_fused_order_is_that_of_the_formula(filled: SqliteStore) -> None:
    words, vector = asked("nike shoe"), query()
    text = [m.record.id for m in filled.texts.search(words, COUNT).matches]
    looks = [m.record.id for m in ask(filled, vector, 100).matches]
    best = filled.texts.fused(words, vector, 10).matches
    # Every title that has the words has them in a row, and is as long: all share the first rank.
    scores = dict.fromkeys(text, 1 / (K + 1))
    for rank, id in enumerate(looks, 1):
        scores[id] = scores.get(id, 0.0) + 1 / (K + rank)
    assert [m.record.id for m in best] == sorted(scores, key=lambda id: (-scores[id], id))[:10]
    for match in best:
        expected = (("title",) if match.record.id in text else ()) + (
            ("looks",) if match.record.id in looks else ()
        )
        assert match.why == expected


def test_the_first_by_looks_may_be_put_in_another_order(filled: SqliteStore) -> None:
    words, vector = asked("zeppelin"), query()
    plain = filled.texts.fused(words, vector, COUNT).matches
    turned = filled.texts.fused(words, vector, COUNT, again=lambda _, scores: -scores).matches
    ids = [[match.record.id for match in matches] for matches in (plain, turned)]
    assert ids[1] == ids[0][:100][::-1] + ids[0][100:]
    assert {m.record.id: m.score for m in turned} == {m.record.id: m.score for m in plain}


def test_without_words_in_any_text_looks_alone_answer(filled: SqliteStore) -> None:
    fused = filled.texts.fused(asked("zeppelin"), query(), 200).matches
    plain = ask(filled, query(), 200).matches
    assert [m.record.id for m in fused] == [m.record.id for m in plain]
    assert {m.why for m in fused} == {("looks",)}


@pytest.mark.parametrize(
    "text",
    [
        *("c++", '"', "nike AND", "NEAR(nike shoe)", "-nike", "nike*", "title:nike", "^nike", "("),
        *("🎉", "nike OR NOT", "{title}: x", "'; DROP TABLE texts"),
        *("a" * 10_000, "nike " * 2000, "靴" * 3000),
    ],
)
def test_no_question_is_a_syntax_error(filled: SqliteStore, text: str) -> None:
    for words in (asked(text), asked("nike", without=[text])):
        filled.texts.search(words, 5)
        filled.texts.fused(words, query(), 5)
    assert filled.count() == COUNT
