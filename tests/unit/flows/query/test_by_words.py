"""Words answered by looks, by the records' own text, or by both: which, and what is told."""

import math
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from brute import some_record, unit
from visavis_fake import FakeEmbedder

from visavis.embedders.base import Embedder
from visavis.errors import TextUnsupportedError, UnknownWordError, UsageError
from visavis.filters import as_filter
from visavis.flows.query.answer import Means, answer, answer_many
from visavis.flows.query.terms import spelled_out
from visavis.store.base import ModelFacts
from visavis.store.sqlite.lock import writer_lock
from visavis.store.sqlite.store import SqliteStore
from visavis.types import By, Query, RecordTerm, SearchResult, Term, TextTerm, Vectors

KNOWN = {"red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1)}
TITLES = {"a": "Nike shoe", "b": "plain shoe", "c": "mug"}
BY: tuple[By, ...] = ("both", "looks")
Ask = Callable[..., SearchResult]


class Reader(FakeEmbedder):
    """Knows three words."""

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        known = [[KNOWN[word] for word in text.split() if word in KNOWN] for text in texts]
        if not all(known):
            raise UnknownWordError(f"no word of {texts[0]!r} is known")
        return unit(np.array([np.sum(rows, axis=0) for rows in known], np.float32))

    def text_notes(self, text: str) -> tuple[str, ...]:
        unknown = [word for word in text.split() if word not in KNOWN]
        return (f"unknown: {unknown}",) if unknown else ()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    """A red Nike shoe, a green shoe and a blue mug, whose titles do not name the colours."""
    opened = SqliteStore.create(tmp_path / "i", ModelFacts("fake", "fake", "f", 3))
    source = opened.source("catalogue", "/shop/all.csv").number
    records = [some_record(id, {"title": title}) for id, title in TITLES.items()]
    opened.upsert(source, records, np.eye(3, dtype=np.float32))
    yield opened
    opened.close()


@pytest.fixture
def ask(store: SqliteStore) -> Ask:
    def asked(
        *terms: str | Term, model: Callable[[], Embedder] = Reader, by: By = "both", where: str = ""
    ) -> SearchResult:
        made = tuple(TextTerm(term) if isinstance(term, str) else term for term in terms)
        query = Query(made, as_filter(where or None), by=by)
        return answer(query, store, Means(model, lambda _: b"", 10**6))

    return asked


def told(result: SearchResult) -> list[tuple[str, float, tuple[str, ...]]]:
    return [(m.record.id, round(m.score, 3), m.why) for m in result.matches]


def never() -> Embedder:
    raise AssertionError("no model is needed")


def test_what_text_and_looks_both_find_comes_first_with_its_cosine(ask: Ask) -> None:
    result = ask("green shoe")
    assert told(result)[0] == ("b", 1.0, ("title", "looks"))
    assert {m.record.id for m in result.matches} == set(TITLES)
    assert result.notes == ("unknown: ['shoe']",)  # no text has both words


def test_what_the_model_passes_over_is_not_told_where_the_text_has_every_word(ask: Ask) -> None:
    assert ask("plain shoe", model=Reader, by="text").notes == ()
    found = ask(TextTerm("mug"), TextTerm("blue", -0.1), model=Reader)
    assert told(found) == [("c", 1.0, ("title",))]


def test_emoji_that_no_text_is_searched_for_are_told(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = "nike shoe \U0001f45f \u2764\ufe0f"
    (note,) = ask(asked, by="text").notes
    assert note.startswith("'\U0001f45f \u2764\ufe0f' was ignored")
    assert ask(asked).notes == (note,)  # the model knows none of these words
    monkeypatch.setitem(KNOWN, "shoe", (1, 0, 0))
    assert ask(asked).notes == ("unknown: ['\U0001f45f', '\u2764\ufe0f']",)
    assert ask("nike\u00ae shoe\u2122", by="text").notes == ()


def test_words_that_the_model_does_not_know_are_answered_by_the_text_alone(ask: Ask) -> None:
    assert told(ask("nike")) == [("a", 1.0, ("title",))]
    assert told(ask("shoes", model=FakeEmbedder, where="id=b")) == [("b", 1.0, ("title",))]


def test_words_that_no_text_has_are_answered_by_looks_alone(ask: Ask) -> None:
    result = ask("blue")
    assert told(result)[0] == ("c", 1.0, ("looks",))
    assert len(result.matches) == 3


def test_words_that_are_nowhere_get_one_sentence(ask: Ask) -> None:
    with pytest.raises(UnknownWordError, match="zeppelin"):
        ask("zeppelin")
    for text, said in (("zeppelin", "has 'zeppelin' in its own text"), ("🎉", "no letters")):
        result = ask(text, model=FakeEmbedder)
        assert result.matches == ()
        assert said in str(result.reason)
        assert "'fake' does not read words" in str(result.reason)
    assert "passes the filter" in str(ask("mug", by="text", where="id=a").reason)
    assert ask("mug", by="text", where="id=z").reason == "no record passes the filter id=z"


def test_by_text_needs_no_model_and_by_looks_no_text(ask: Ask) -> None:
    assert told(ask("shoes", model=never, by="text")) == [
        ("a", 1.0, ("title",)),
        ("b", 1.0, ("title",)),
    ]
    assert [why for _, _, why in told(ask("red", by="looks"))] == [(), (), ()]
    with pytest.raises(TextUnsupportedError, match="does not read words"):
        ask("nike", model=FakeEmbedder, by="looks")


@pytest.mark.parametrize(
    ("terms", "by"),
    [
        ((RecordTerm("a"),), "text"),
        (("mug", RecordTerm("a")), "text"),
        ((TextTerm("mug", -1),), "text"),
        ((" ",), "both"),
        ((TextTerm("mug", math.nan),), "both"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(
    ask: Ask, terms: tuple[str | Term, ...], by: By
) -> None:
    with pytest.raises(UsageError):
        ask(*terms, by=by, model=FakeEmbedder)


def test_mixed_with_a_picture_words_are_answered_by_looks(ask: Ask) -> None:
    result = ask("blue", RecordTerm("a"))
    assert {m.record.id for m in result.matches[:2]} == {"a", "c"}
    assert {m.why for m in result.matches} == {()}


def test_a_long_question_is_cut_and_that_is_told(ask: Ask) -> None:
    result = ask("mug " + " ".join(f"word{n}" for n in range(3000)), by="text")
    assert result.matches[0].record.id == "c"
    assert any("only the first 32 words" in note for note in result.notes)


def test_an_index_that_cannot_get_its_words_is_answered_by_looks_and_says_so(
    ask: Ask, tmp_path: Path
) -> None:
    with sqlite3.connect(tmp_path / "i" / "index.sqlite") as connection:
        connection.execute("DROP TABLE texts")
        connection.execute("DELETE FROM meta WHERE key='text'")
    with writer_lock(tmp_path / "i", wait=0):  # as if another process wrote
        result = ask("red")
        assert told(result)[0] == ("a", 1.0, ("looks",))
        assert "does not hold it yet" in result.notes[0]
        with pytest.raises(TextUnsupportedError):
            ask("red", model=FakeEmbedder)
        with pytest.raises(UsageError, match="visavis compact adds it"):
            ask("mug", by="text")


def test_a_word_with_a_minus_is_left_out_as_on_the_web(ask: Ask) -> None:
    apart = ask(TextTerm("red green"), TextTerm("blue", -1.0))
    together = ask("red green -blue")
    assert together.matches == apart.matches
    assert [match.record.id for match in together.matches][-1] == "c"
    twice = ask(TextTerm("red", 0.5), TextTerm("blue", -0.5), TextTerm("green", -0.5))
    assert ask(TextTerm("red -blue -green", 0.5)).matches == twice.matches
    assert ask("-blue").matches == ask(TextTerm("blue", -1.0)).matches
    hyphens = ask("T-shirt red -", by="text"), ask("T shirt red", by="text")
    assert [m.record.id for m in hyphens[0].matches] == [m.record.id for m in hyphens[1].matches]


@pytest.mark.parametrize(
    ("text", "weights"),
    [
        ("red green - blue", {"red green": 1, "blue": -1}),
        ("red - blue + green", {"red green": 1, "blue": -1}),
        ("red - 0.5:blue -green", {"red": 1, "blue": -0.5, "green": -1}),
        ("red - dark blue", {"red": 1, "dark blue": -1}),
        ("- blue", {"blue": -1}),
    ],
)
def test_a_minus_by_itself_is_about_all_up_to_the_next_sign(
    ask: Ask, text: str, weights: dict[str, float]
) -> None:
    apart = [TextTerm(word, weight) for word, weight in weights.items()]
    assert ask(text).matches == ask(*apart).matches


def test_a_minus_within_a_text_is_reported_as_it_may_be_a_titles_hyphen(ask: Ask) -> None:
    note = ask("red - dark blue + green").notes[-1]
    assert note.startswith("'dark blue' was read as what is not wanted")
    for terms in (
        ["red -blue"],
        ["- blue"],
        ["red green"],
        [TextTerm("red"), TextTerm("blue", -1)],
    ):
        assert not [note for note in ask(*terms).notes if "not wanted" in note]


def test_what_is_said_of_a_minus_is_said_of_many_questions_too(store: SqliteStore) -> None:
    queries = [Query((TextTerm(text),), by=by) for text in ("red - blue", "red") for by in BY]
    means = Means(Reader, lambda _: b"", 10**6)
    found = [result.notes for result in answer_many(queries, store, means, jobs=2)]
    assert found == [answer(query, store, means).notes for query in queries]
    assert [bool(notes) for notes in found] == [True, True, False, False]


def test_a_hyphen_between_numbers_and_a_plus_are_no_minus() -> None:
    for text in ("size 9 - 11", "red + shoes", "T-shirt", "shoes -"):
        assert spelled_out([TextTerm(text)]) == (TextTerm(text),)


def test_an_unwanted_word_that_says_nothing_is_reported(ask: Ask) -> None:
    known = ask("shoe red", "green")
    ignored = ask("shoe red", "green", TextTerm("xyzzy", -1.0))
    assert ignored.matches == known.matches  # by looks as well: the word takes nothing away
    assert ignored.notes == (*known.notes, "unknown: ['xyzzy']")
    assert ask("mug red -xyzzy").notes[-1] == "unknown: ['xyzzy']"
    assert ask("red -xyzzy", by="looks").notes == ("unknown: ['xyzzy']",)
    with pytest.raises(UnknownWordError):
        ask("-xyzzy -frob")


def test_an_unwanted_word_of_the_text_is_not_reported(ask: Ask) -> None:
    assert not any("Nike" in note for note in ask("red shoe -Nike").notes)
    by_text = ask("shoe -Nike", by="text")
    assert [match.record.id for match in by_text.matches] == ["b"]
    assert by_text.notes == ()
    [note] = ask("shoe -adidas", by="text").notes
    assert note == "no record has 'adidas' in its own text; nothing was left out for it"
