"""From what people ask to a vector, and from a vector to matches."""

import math
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from visavis_fake import FakeEmbedder

from visavis.errors import (
    ClassesUnsupportedError,
    FilterError,
    ImageUnreadableError,
    RecordNotFoundError,
    TextUnsupportedError,
    UsageError,
)
from visavis.filters import parse_all
from visavis.flows.ingest import IngestOptions, ingest
from visavis.flows.query.answer import Means, answer
from visavis.flows.query.vector import query_vector
from visavis.image_index import ImageIndex
from visavis.sources.folder import FolderSource
from visavis.store.base import ModelFacts
from visavis.store.sqlite.store import SqliteStore
from visavis.types import (
    Box,
    ClassTerm,
    ImageTerm,
    Query,
    RecordTerm,
    SearchResult,
    Term,
    TextTerm,
    Vectors,
)

Draw = Callable[..., Path]

RED, DARK_RED, GREEN, BLUE = (200, 10, 10), (90, 0, 0), (10, 200, 10), (10, 10, 200)
WHITE = (250, 250, 250)


@pytest.fixture
def store(tmp_path: Path, draw: Draw, fake: FakeEmbedder) -> Iterator[SqliteStore]:
    """red, green, blue and white pictures, indexed by their mean colour."""
    for name, colour in {"red": RED, "green": GREEN, "blue": BLUE, "white": WHITE}.items():
        draw(f"photos/{name}.png", colour)
    opened = SqliteStore.create(
        tmp_path / "an.index", ModelFacts("fake", "fake", fake.fingerprint, fake.dim)
    )
    ingest(FolderSource(tmp_path / "photos"), opened, fake, IngestOptions(1))
    yield opened
    opened.close()


@pytest.fixture
def ask(store: SqliteStore, fake: FakeEmbedder) -> Callable[..., SearchResult]:
    def asked(*terms: Term, **rest: Any) -> SearchResult:
        return answer(Query(terms, **rest), store, Means(lambda: fake, fetched, 10**6))

    return asked


def fetched(address: str) -> bytes:
    assert address == "https://example.org/green.png"
    held = BytesIO()
    Image.new("RGB", (9, 9), GREEN).save(held, "png")
    return held.getvalue()


def ids(result: SearchResult) -> list[str]:
    return [match.record.id for match in result.matches]


def unit(*numbers: float) -> Vectors:
    vector = np.array(numbers, np.float32)
    return np.asarray(vector / np.linalg.norm(vector))


# -- the sum of terms ------------------------------------------------------------------------------


def test_a_dark_red_picture_finds_the_red_one(ask: Callable[..., SearchResult], draw: Draw) -> None:
    result = ask(ImageTerm(draw("query.png", DARK_RED)))
    assert ids(result) == ["red.png", "white.png", "blue.png", "green.png"]
    assert result.total_searched == 4
    assert result.model == "fake"
    assert result.took_ms > 0
    assert result.verdict == "none"
    assert result.reason is not None  # four records say nothing of scores
    assert "too few" in result.reason
    dark, red = unit(*DARK_RED), unit(*RED)
    assert result.matches[0].score == pytest.approx(float(dark @ red), abs=0.002)


def test_a_path_a_files_bytes_and_an_array_are_the_same_question(
    ask: Callable[..., SearchResult], draw: Draw
) -> None:
    path = draw("query.png", (180, 90, 10), side=64)
    answers = [
        ask(ImageTerm(image)).matches
        for image in (path, str(path), path.read_bytes(), np.asarray(Image.open(path)))
    ]
    assert all(answer == answers[0] for answer in answers)


def test_an_address_is_fetched(ask: Callable[..., SearchResult]) -> None:
    assert ids(ask(ImageTerm("https://example.org/green.png"), limit=1)) == ["green.png"]


def test_a_record_needs_no_model(store: SqliteStore) -> None:
    def missing() -> FakeEmbedder:
        raise AssertionError("the model was asked for")

    query = Query((RecordTerm("red.png"), RecordTerm("blue.png", -0.5)))
    assert ids(answer(query, store, Means(missing, fetched, 10**6)))[0] == "red.png"


def test_weights_are_those_of_a_sum_of_unit_vectors(
    store: SqliteStore, fake: FakeEmbedder, draw: Draw
) -> None:
    terms = (
        ImageTerm(draw("q1.png", (200, 100, 50)), weight=2.0),
        RecordTerm("blue.png", -0.75),
        RecordTerm("green.png", 0.25),
    )
    found = query_vector(terms, store, store.model(), lambda: fake, fetched, 10**6).vector
    expected = 2 * unit(200, 100, 50) - 0.75 * unit(*BLUE) + 0.25 * unit(*GREEN)
    assert found == pytest.approx(expected / np.linalg.norm(expected), abs=0.003)
    assert np.linalg.norm(found) == pytest.approx(1, abs=1e-6)
    assert found.dtype == np.float32


def test_only_the_ratio_of_weights_counts(store: SqliteStore, fake: FakeEmbedder) -> None:
    def vector(scale: float) -> Vectors:
        terms = (RecordTerm("red.png", scale), RecordTerm("blue.png", -scale / 3))
        return query_vector(terms, store, store.model(), lambda: fake, fetched, 10**6).vector

    for scale in (1e-300, 1e-9, 7.0, 1e30, 1e300):
        assert vector(scale) == pytest.approx(vector(1.0), abs=1e-6)


def test_a_negative_weight_asks_for_less_like_this(ask: Callable[..., SearchResult]) -> None:
    plain = ask(RecordTerm("white.png"))
    less = ask(RecordTerm("white.png"), RecordTerm("red.png", -0.5))
    scores = {match.record.id: match.score for match in less.matches}
    before = {match.record.id: match.score for match in plain.matches}
    assert scores["red.png"] < before["red.png"]
    assert ids(less)[-1] == "red.png"


def test_one_term_of_weight_minus_one_is_the_opposite(ask: Callable[..., SearchResult]) -> None:
    forth, back = ask(RecordTerm("red.png")), ask(RecordTerm("red.png", -1))
    assert sorted(ids(forth)) == sorted(ids(back))
    opposite = {match.record.id: -match.score for match in back.matches}
    for match in forth.matches:
        assert opposite[match.record.id] == pytest.approx(match.score, abs=2e-6)
    assert ids(back)[-1] == "red.png"


@pytest.mark.parametrize(
    "terms",
    [
        (RecordTerm("red.png"), RecordTerm("red.png", -1)),
        (RecordTerm("red.png", 0.0),),
        (RecordTerm("red.png", 1e300), RecordTerm("red.png", -1e300)),
    ],
)
def test_terms_that_cancel_out_are_refused(
    ask: Callable[..., SearchResult], terms: tuple[Term, ...]
) -> None:
    with pytest.raises(UsageError, match="cancel each other out"):
        ask(*terms)


@pytest.mark.parametrize("weight", [math.nan, math.inf, -math.inf])
def test_a_weight_has_to_be_a_number(ask: Callable[..., SearchResult], weight: float) -> None:
    with pytest.raises(UsageError, match="weight must be a number"):
        ask(RecordTerm("red.png", weight))


def test_nothing_to_search_for_is_refused(ask: Callable[..., SearchResult]) -> None:
    with pytest.raises(UsageError, match="nothing to search for"):
        ask()


def test_a_box_asks_with_a_part_of_the_picture(
    ask: Callable[..., SearchResult], tmp_path: Path
) -> None:
    pixels = np.zeros((100, 100, 3), np.uint8)
    pixels[:, :50], pixels[:, 50:] = RED, GREEN
    Image.fromarray(pixels).save(tmp_path / "halves.png")
    for image in (tmp_path / "halves.png", pixels):
        assert ids(ask(ImageTerm(image, (0, 0, 0.5, 1)), limit=1)) == ["red.png"]
        assert ids(ask(ImageTerm(image, (0.5, 0, 1, 1)), limit=1)) == ["green.png"]
        tiny = ask(ImageTerm(image, (0.98, 0.5, 0.99, 0.51)), limit=1)
        assert ids(tiny) == ["green.png"]


@pytest.mark.parametrize(
    "box",
    [
        (0.5, 0.0, 0.5, 1.0),
        (0.6, 0.0, 0.5, 1.0),
        (-0.1, 0.0, 0.5, 1.0),
        (0.0, 0.0, 1.5, 1.0),
        (math.nan, 0.0, 1.0, 1.0),
        (0.0, 0.0, math.inf, 1.0),
        (0.0, 0.0, 1e-320, 1.0),
        (0.0, 0.0, 1.0),
    ],
)
def test_a_box_that_is_none_is_refused_or_is_a_pixel(
    ask: Callable[..., SearchResult], draw: Draw, box: Box
) -> None:
    term = ImageTerm(draw("q.png", RED), box)
    if box[2] == 1e-320:
        assert ids(ask(term, limit=1)) == ["red.png"]
        return
    with pytest.raises(UsageError, match="box"):
        ask(term)


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((5, 5), np.uint8),
        np.zeros((5, 5, 4), np.uint8),
        np.zeros((5, 5, 3), np.float32),
        np.zeros((0, 5, 3), np.uint8),
    ],
)
def test_pixels_of_another_shape_are_refused(ask: Callable[..., SearchResult], pixels: Any) -> None:
    with pytest.raises(UsageError, match=r"\(height, width, 3\) of uint8"):
        ask(ImageTerm(pixels))


@pytest.mark.parametrize("name", ["missing.png", "", "nul\0byte.png"])
def test_a_picture_that_cannot_be_read_is_a_sentence(
    ask: Callable[..., SearchResult], tmp_path: Path, name: str
) -> None:
    with pytest.raises(ImageUnreadableError):
        ask(ImageTerm(str(tmp_path / name)))


def test_a_folder_is_no_question(ask: Callable[..., SearchResult], tmp_path: Path) -> None:
    with pytest.raises(ImageUnreadableError, match="a folder; give one of its pictures"):
        ask(ImageTerm(tmp_path))


def test_words_are_refused_where_the_model_only_sees(ask: Callable[..., SearchResult]) -> None:
    with pytest.raises(TextUnsupportedError, match=r"'red shoes'.*'fake'.*does not read words"):
        ask(TextTerm("red shoes"), by="looks")


def test_the_refusal_of_words_names_models_that_read_them(ask: Callable[..., SearchResult]) -> None:
    with pytest.raises(TextUnsupportedError, match=r"a text side: visavis-s"):
        ask(TextTerm("red shoes"), by="looks")


class Telling(FakeEmbedder):
    """Tells two classes, red and blue, by where they lie."""

    class classes:
        labels = ("red", "blue")

        @staticmethod
        def scores(images: list[Any]) -> Any:
            raise AssertionError("a search needs no scores")

        @staticmethod
        def directions(names: list[str]) -> Vectors:
            colours = {"red": unit(1, 0, 0), "blue": unit(0, 0, 1)}
            return np.stack([colours[name] for name in names])


def test_a_class_is_one_more_term_of_the_sum(store: SqliteStore, draw: Draw) -> None:
    def asked(*terms: Term) -> SearchResult:
        return answer(Query(terms), store, Means(Telling, fetched, 10**6))

    assert ids(asked(ClassTerm("blue")))[0] == "blue.png"
    picture = ImageTerm(draw("query.png", (200, 40, 40)))
    assert ids(asked(picture))[0] == "red.png"
    assert ids(asked(picture, ClassTerm("blue", 2.0)))[0] == "blue.png"
    result = asked(picture, ClassTerm("red", -0.9))
    wanted = unit(*(unit(200, 40, 40) - 0.9 * unit(1, 0, 0)))
    assert result.matches[0].score == pytest.approx(float(unit(*WHITE) @ wanted), abs=0.02)


def test_a_class_is_refused_where_the_model_tells_none(ask: Callable[..., SearchResult]) -> None:
    with pytest.raises(ClassesUnsupportedError, match="'fake' has no classifier"):
        ask(ClassTerm("red"))


def test_what_a_model_passes_over_is_told_with_the_answer(store: SqliteStore) -> None:
    class Picky(FakeEmbedder):
        def embed_texts(self, texts: list[str]) -> Vectors:
            return np.stack([unit(1, 0, 0) for _ in texts])

        def text_notes(self, text: str) -> tuple[str, ...]:
            return (f"{text} was half understood",)

    terms = (TextTerm("this"), RecordTerm("red.png"), TextTerm("that", 0.5))
    result = answer(Query(terms), store, Means(Picky, fetched, 10**6))
    assert result.notes == ("this was half understood", "that was half understood")
    assert answer(Query(terms[1:2]), store, Means(Picky, fetched, 10**6)).notes == ()


def test_one_model_answers_a_whole_query(store: SqliteStore) -> None:
    loaded: list[Telling] = []

    def load() -> Telling:
        loaded.append(Telling())
        return loaded[-1]

    answer(Query((ClassTerm("red"), ClassTerm("blue"))), store, Means(load, fetched, 10**6))
    assert len(loaded) == 1
    answer(Query((RecordTerm("red.png"),)), store, Means(load, fetched, 10**6))
    assert len(loaded) == 1


def test_what_a_class_name_may_mean_is_told_once(store: SqliteStore) -> None:
    class Doubtful(Telling):
        class classes(Telling.classes):
            @staticmethod
            def notes(name: str) -> tuple[str, ...]:
                return (f"{name} is two classes",)

    terms = (ClassTerm("red"), ClassTerm("red", 0.5))
    assert answer(Query(terms), store, Means(Doubtful, fetched, 10**6)).notes == (
        "red is two classes",
    )


@pytest.mark.parametrize("text", ["", " ", "\n"])
def test_an_empty_text_is_refused(ask: Callable[..., SearchResult], text: str) -> None:
    with pytest.raises(UsageError, match="an empty text"):
        ask(TextTerm(text))


def test_words_and_pictures_are_summed_where_the_model_reads(store: SqliteStore) -> None:
    class Reading(FakeEmbedder):
        def embed_texts(self, texts: list[str]) -> Vectors:
            colours = {"red": unit(1, 0, 0), "blue": unit(0, 0, 1)}
            return np.stack([colours[text] for text in texts])

    query = Query((TextTerm("red"), TextTerm("blue", -1.0)))
    result = answer(query, store, Means(Reading, fetched, 10**6))
    assert (ids(result)[0], ids(result)[-1]) == ("red.png", "blue.png")


def test_an_unknown_record_is_named(ask: Callable[..., SearchResult]) -> None:
    with pytest.raises(RecordNotFoundError, match="'nobody'"):
        ask(RecordTerm("nobody"))


# -- answers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rest", "reason"),
    [
        ({"limit": 0}, "the limit is 0"),
        ({"offset": 4}, "no more matches at offset 4"),
        ({"min_score": 1.01}, "nothing above min_score 1.01; scores are at most 1"),
        ({"min_score": 90}, "nothing above min_score 90; scores are at most 1"),
        ({"where": parse_all(["width>1000"])}, "no record passes the filter width>1000"),
    ],
)
def test_an_empty_answer_says_why(
    ask: Callable[..., SearchResult], rest: dict[str, Any], reason: str
) -> None:
    result = ask(RecordTerm("red.png"), **rest)
    assert result.matches == ()
    assert result.reason == reason
    assert result.to_dict()["reason"] == reason


def test_an_empty_index_says_so(tmp_path: Path, fake: FakeEmbedder, draw: Draw) -> None:
    store = SqliteStore.create(tmp_path / "empty.index", ModelFacts("fake", "fake", "f", 3))
    query = Query((ImageTerm(draw("q.png", RED)),))
    assert answer(query, store, Means(lambda: fake, fetched, 10**6)).reason == "the index is empty"
    store.close()


@pytest.mark.parametrize("rest", [{"limit": -1}, {"offset": -1}, {"limit": -5, "offset": 10}])
def test_negative_limits_and_offsets_are_refused(
    ask: Callable[..., SearchResult], rest: dict[str, int]
) -> None:
    with pytest.raises(UsageError, match="cannot be negative"):
        ask(RecordTerm("red.png"), **rest)


@pytest.mark.parametrize("odd", [2.5, math.nan, "5", None])
def test_limits_that_are_no_whole_numbers_are_refused(
    ask: Callable[..., SearchResult], odd: Any
) -> None:
    for name in ("limit", "offset"):
        with pytest.raises(UsageError, match=f"{name} must be a whole number, not"):
            ask(RecordTerm("red.png"), **{name: odd})
    assert len(ask(RecordTerm("red.png"), limit=np.int64(2)).matches) == 2


def test_a_huge_limit_gives_all_there_is(ask: Callable[..., SearchResult]) -> None:
    assert len(ask(RecordTerm("red.png"), limit=10**12).matches) == 4
    assert len(ask(RecordTerm("red.png"), limit=10**30, offset=3).matches) == 1


def test_an_unknown_field_is_an_error_and_no_empty_answer(
    ask: Callable[..., SearchResult],
) -> None:
    with pytest.raises(FilterError, match="no record has a field 'colour'"):
        ask(RecordTerm("red.png"), where=parse_all(["colour=red"]))


def test_an_answer_has_one_json_shape(ask: Callable[..., SearchResult]) -> None:
    shape = ask(RecordTerm("red.png"), limit=1).to_dict()
    assert set(shape) == {"results", "total_searched", "model", "took_ms", "verdict"}
    assert shape["results"][0]["id"] == "red.png"
    assert shape["results"][0]["score"] == 1.0
    of_record = {"id", "uri", "fields", "width", "height", "size", "modified"}
    assert set(shape["results"][0]) == of_record | {"score", "relation", "verified"}
    counted = ask(RecordTerm("red.png"), limit=1, count=True, without="red.png").to_dict()
    assert counted["total_matching"] == 3


def test_only_a_left_out_record_that_was_counted_is_taken_off_the_count(
    ask: Callable[..., SearchResult],
) -> None:
    def matching(**rest: Any) -> int | None:
        return ask(RecordTerm("red.png"), count=True, **rest).total_matching

    with pytest.raises(RecordNotFoundError):
        matching(without="nobody.png")
    assert matching(without="blue.png", min_score=0.9) == matching(min_score=0.9) == 1
    assert matching(without="red.png", min_score=0.9) == 0
    assert matching(without="red.png", where=parse_all(["id=blue.png"])) == 1


def test_a_record_cannot_be_left_out_of_what_its_words_find(
    ask: Callable[..., SearchResult],
) -> None:
    with pytest.raises(UsageError, match="give by='looks' with it"):
        ask(TextTerm("red"), without="red.png")


@pytest.mark.parametrize("floor", [math.nan, math.inf])
def test_a_lowest_score_that_is_no_number_is_refused(index: ImageIndex, floor: float) -> None:
    with pytest.raises(UsageError, match="min_score"):
        index.search(np.zeros((8, 8, 3), np.uint8), min_score=floor)
