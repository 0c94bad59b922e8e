"""A picture with the word for a colour: each side scores by itself, and all have to fit."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from brute import some_record, unit
from visavis_fake import FakeEmbedder

from visavis.errors import UnknownWordError, UsageError
from visavis.flows.aspects.colours import keep_colours
from visavis.flows.query import fused
from visavis.flows.query.answer import Means, answer
from visavis.store.base import ModelFacts, Page
from visavis.store.sqlite.store import SqliteStore
from visavis.types import ColourTerm, Query, RecordTerm, SearchResult, Term, TextTerm, Vectors

KNOWN = {
    "round": (1.0, 0.2, 0, 0),
    "tall": (0, 1.0, 0.1, 0),
    "old": (0, 0, 0.3, 1.0),
    "red": (0.6, 0, 0.8, 0),
}
COUNT = 60
Ask = Callable[..., SearchResult]


class Reader(FakeEmbedder):
    """Knows four words, one of them a colour."""

    def __init__(self) -> None:
        super().__init__()
        self.dim = 4

    def text_notes(self, text: str) -> list[str]:
        return [f"{word!r} is not known" for word in text.split() if word not in KNOWN]

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        if any(word not in KNOWN for text in texts for word in text.split()):
            raise UnknownWordError("not known")
        rows = [np.sum([KNOWN[word] for word in text.split()], axis=0) for text in texts]
        return unit(np.array(rows, np.float32))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore.create(tmp_path / "i", ModelFacts("fake", "fake", "f", 4))
    source = opened.source("catalogue", "/shop/all.csv").number
    vectors = unit(np.random.default_rng(7).normal(size=(COUNT, 4)).astype(np.float32))
    opened.upsert(source, [some_record(f"{at:02}") for at in range(COUNT)], vectors)
    keep_colours(opened)
    yield opened
    opened.close()


@pytest.fixture
def vectors(store: SqliteStore) -> Vectors:
    """As they were rounded to be kept."""
    return np.stack([store.vector(f"{at:02}") for at in range(COUNT)])


@pytest.fixture
def ask(store: SqliteStore) -> Ask:
    def asked(*terms: Term, **options: object) -> SearchResult:
        query = Query(terms, **{"limit": COUNT, "by": "looks", **options})  # type: ignore[arg-type]
        return answer(query, store, Means(Reader, lambda _: b"", 10**6))

    return asked


def by_hand(vectors: Vectors, *sides: tuple[Vectors, float], colour: float = 0) -> dict[str, float]:
    """The weighted geometric mean of scores counted from the least one on.

    `colour` weighs one that no record is known to have.
    """
    logs = np.full(COUNT, max(0.0, colour) * np.log(1e-3))
    for side, weight in sides:
        dots = vectors @ side
        fits = ((dots - dots.min()) / (1 - dots.min())).clip(0, 1)
        logs += abs(weight) * np.log(np.maximum(fits if weight > 0 else 1 - fits, 1e-3))
    scores = np.exp(logs / (abs(colour) + sum(abs(weight) for _, weight in sides)))
    return {f"{at:02}": float(score) for at, score in enumerate(scores)}


def word(*names: str) -> Vectors:
    found: Vectors = Reader().embed_texts([" ".join(names)])[0]
    return found


@pytest.mark.parametrize("weight", [1.0, 0.25, 3.0, -0.5])
def test_a_colour_counts_half_as_a_word_and_all_sides_are_multiplied(
    ask: Ask, vectors: Vectors, weight: float
) -> None:
    half = weight / 2
    expected = by_hand(vectors, (vectors[3], 1.0), (word("red"), half), colour=half)
    found = ask(RecordTerm("03"), TextTerm("red", weight)).matches
    assert {match.record.id: match.score for match in found} == pytest.approx(expected, abs=2e-5)
    scores = [match.score for match in found]
    assert scores == sorted(scores, reverse=True)


def test_pictures_are_summed_among_themselves_and_so_are_words(ask: Ask, vectors: Vectors) -> None:
    pictures = unit((vectors[3] - 0.5 * vectors[8])[None])[0]
    words = unit((word("round") + 0.5 * word("red"))[None])[0]
    found = ask(
        RecordTerm("03"), RecordTerm("08", -0.5), TextTerm("round"), TextTerm("red")
    ).matches
    expected = by_hand(vectors, (pictures, 1.0), (words, 1.0), colour=0.5)
    assert {match.record.id: match.score for match in found} == pytest.approx(expected, abs=2e-5)


def test_what_has_no_colour_is_asked_of_the_store_as_a_sum(
    ask: Ask, store: SqliteStore, vectors: Vectors
) -> None:
    for terms, vector in (
        ([RecordTerm("03")], vectors[3]),
        ([TextTerm("round tall")], word("round", "tall")),
        ([RecordTerm("03"), RecordTerm("08")], unit((vectors[3] + vectors[8])[None])[0]),
        ([RecordTerm("03"), TextTerm("round")], unit((vectors[3] + word("round"))[None])[0]),
        ([TextTerm("round"), RecordTerm("03", -1.0)], unit((word("round") - vectors[3])[None])[0]),
    ):
        [plain] = store.search(vector[None], Page(COUNT))
        found = ask(*terms).matches
        assert [match.record.id for match in found] == [one.record.id for one in plain.matches]
        assert [match.score for match in found] == pytest.approx(
            [one.score for one in plain.matches], abs=1e-5
        )


def test_of_many_records_the_first_of_each_side_and_of_their_sum_are_scored(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    terms = RecordTerm("03"), TextTerm("red")
    exact = [match.record.id for match in ask(*terms, limit=3).matches]
    monkeypatch.setattr(fused, "ALL", 10)
    monkeypatch.setattr(fused, "CANDIDATES", 12)
    result = ask(*terms, limit=3)
    assert [match.record.id for match in result.matches] == exact
    assert result.total_searched == COUNT


def test_an_index_of_an_older_version_answers_by_the_sum(
    ask: Ask, store: SqliteStore, vectors: Vectors
) -> None:
    store.aspects.drop("colours")
    total = unit((vectors[3] + word("red"))[None])[0]
    [plain] = store.search(total[None], Page(COUNT))
    found = ask(RecordTerm("03"), TextTerm("red")).matches
    assert [match.record.id for match in found] == [one.record.id for one in plain.matches]


def test_auto_is_for_what_is_known_to_be_good(ask: Ask) -> None:
    with pytest.raises(UsageError, match="min_score auto is for"):
        ask(RecordTerm("03"), TextTerm("round"), min_score="auto")


def test_an_unwanted_word_that_the_model_does_not_know_refuses_nothing(
    ask: Ask, vectors: Vectors
) -> None:
    picture, colour, unknown = RecordTerm("03"), ColourTerm("red"), TextTerm("zzqqx", -1.0)
    both = ask(picture, colour, unknown)
    assert both.matches == ask(picture, colour).matches
    assert both.notes == ("'zzqqx' is not known",)
    assert ask(colour, unknown).matches == ask(colour).matches
    with pytest.raises(UnknownWordError):
        ask(picture, colour, TextTerm("zzqqx"))
