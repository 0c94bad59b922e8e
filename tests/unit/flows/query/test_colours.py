"""Questions with colours: which pictures are found, in what order, and what is said of them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from visavis import ImageIndex, ImageTerm, RecordTerm, TextTerm
from visavis.errors import RecordNotFoundError, UsageError
from visavis.flows.aspects.colours import ASPECT
from visavis.flows.concepts.lessons import LearnedTerm
from visavis.flows.query import fused
from visavis.flows.query.questions import Question
from visavis.store.aspects import has_aspects
from visavis.types import ColourTerm, Condition, Filter, Query, Term

COLOURS = {
    "red": (192, 31, 42),
    "blue": (31, 79, 160),
    "green": (45, 150, 60),
    "yellow": (250, 220, 40),
}
SHAPES = ("disc", "bar", "frame")
BACKDROPS = {"white": (255, 255, 255), "blue": (35, 90, 200)}


def draw(path: Path, shape: str, colour: str, backdrop: str = "white") -> Path:
    picture = Image.new("RGB", (160, 160), BACKDROPS[backdrop])
    pen, ink = ImageDraw.Draw(picture), COLOURS[colour]
    if shape == "disc":
        pen.ellipse((35, 35, 125, 125), ink)
    elif shape == "bar":
        pen.rectangle((20, 62, 140, 98), ink)
    else:
        pen.rectangle((30, 30, 130, 130), outline=ink, width=24)
    picture.save(path)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("drawn")
    for shape in SHAPES:
        for colour in COLOURS:
            draw(made / f"{shape}-{colour}.png", shape, colour)
    draw(made / "disc-yellow-on-blue.png", "disc", "yellow", "blue")
    rows = [f"{path.stem},{path.name},{path.stem.split('-')[0]}" for path in made.glob("*.png")]
    (made / "all.csv").write_text("\n".join(["id,image,shape", *rows]))
    return made


@pytest.fixture(scope="module")
def index(folder: Path) -> Iterator[ImageIndex]:
    with ImageIndex.create(folder / "index", "classic") as made:
        made.add(folder / "all.csv")
        yield made


def ids(index: ImageIndex, *terms: object, **options: object) -> list[str]:
    asked = list(terms) if len(terms) > 1 else terms[0]
    found = index.search(asked, **options)  # type: ignore[arg-type]
    return [match.record.id for match in found.matches]


def test_a_colour_alone_finds_subjects_in_it_whatever_their_backdrop(index: ImageIndex) -> None:
    blue = {f"{shape}-blue" for shape in SHAPES}
    assert set(ids(index, "colour:blue", limit=3)) == blue
    assert set(ids(index, "color:#1f4fa0", limit=3)) == blue
    assert "disc-yellow-on-blue" in ids(index, ColourTerm("yellow"), limit=4)


def test_a_picture_and_a_colour_keep_the_shape_and_change_the_colour(
    index: ImageIndex, folder: Path
) -> None:
    red = ImageTerm(folder / "disc-red.png")
    assert ids(index, red, limit=1) == ["disc-red"]
    assert ids(index, red, ColourTerm("green"), limit=1) == ["disc-green"]
    assert ids(index, RecordTerm("bar-blue"), ColourTerm("#c01f2a"), limit=1) == ["bar-red"]


def test_the_colour_of_a_picture_or_of_a_record_can_be_asked_for(
    index: ImageIndex, folder: Path
) -> None:
    green = ImageTerm(folder / "frame-green.png")
    assert ids(index, RecordTerm("disc-red"), ColourTerm(green), limit=1) == ["disc-green"]
    of_record = ColourTerm(RecordTerm("frame-yellow"))
    assert ids(index, RecordTerm("bar-red"), of_record, limit=1) == ["bar-yellow"]
    assert set(ids(index, of_record, limit=4)) == {
        *(f"{shape}-yellow" for shape in SHAPES),
        "disc-yellow-on-blue",
    }


def test_a_colour_may_be_unwanted(index: ImageIndex) -> None:
    less = ids(index, RecordTerm("disc-red"), ColourTerm("red", -1), limit=3)
    assert "disc-red" not in less
    assert all(name.startswith("disc") for name in less)
    assert set(ids(index, ColourTerm("red", -1), limit=100)[-3:]) == {f"{s}-red" for s in SHAPES}


def test_a_weight_says_how_much_the_colour_counts(index: ImageIndex) -> None:
    little = ids(index, RecordTerm("disc-red"), ColourTerm("green", 0.01), limit=1)
    much = ids(index, RecordTerm("disc-red"), ColourTerm("green", 50), limit=3)
    assert little == ["disc-red"]
    assert set(much) == {f"{shape}-green" for shape in SHAPES}


def test_pages_neither_repeat_nor_lose_a_record(index: ImageIndex) -> None:
    asked: list[list[Term]] = [[ColourTerm("red")], [RecordTerm("bar-red"), ColourTerm("blue")]]
    for question in asked:
        whole = ids(index, *question, limit=100)
        pages = [ids(index, *question, limit=5, offset=start) for start in (0, 5, 10, 15)]
        assert [id for page in pages for id in page] == whole
        assert len(set(whole)) == 13


def test_filters_groups_and_least_scores_hold(index: ImageIndex) -> None:
    assert set(ids(index, "colour:red", where="shape=bar")) == {f"bar-{one}" for one in COLOURS}
    groups = index.search("colour:red", group_by="shape").matches
    assert [match.record.id for match in groups[:3]] == ids(index, "colour:red", limit=3)
    assert sum(match.views or 0 for match in groups) == 13 - 3
    result = index.search("colour:red", min_score=0.5, count=True)
    assert len(result.matches) == result.total_matching == 3
    assert result.total_searched == 13
    nothing = index.search("colour:red", where="shape=cone")
    assert nothing.reason is not None
    assert "no record passes the filter" in nothing.reason


def test_auto_and_the_verdict_say_whether_anything_has_the_colour(index: ImageIndex) -> None:
    result = index.search("colour:red", min_score="auto")
    assert {match.record.id for match in result.matches} == {f"{one}-red" for one in SHAPES}
    assert (result.verdict, result.similar_from) == ("similar", fused.GOOD)
    assert {match.relation for match in result.matches} == {"similar"}
    pink = index.search("colour:deeppink", min_score="auto")
    assert (pink.matches, pink.verdict) == ((), "none")
    assert pink.reason is not None
    assert pink.reason.startswith("nothing in this colour: the best scores 0.")
    both = index.search([RecordTerm("disc-red"), ColourTerm("deeppink")], min_score="auto")
    assert (both.matches, both.verdict) == ((), "none")


def test_many_questions_get_what_each_gets_alone(index: ImageIndex) -> None:
    questions: list[Question] = [
        "colour:red",
        "id:disc-red",
        [RecordTerm("bar-red"), ColourTerm("blue")],
    ]
    together = index.search_many(questions, limit=4)
    alone = [index.search(question, limit=4) for question in questions]
    assert [one.matches for one in together] == [one.matches for one in alone]


def test_of_a_large_index_candidates_of_every_side_are_scored(
    index: ImageIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    question: list[Term] = [RecordTerm("disc-red"), ColourTerm("green")]
    exact = index.search(question, limit=3)
    monkeypatch.setattr(fused, "ALL", 5)
    monkeypatch.setattr(fused, "CANDIDATES", 3)
    quick = index.search(question, limit=3)
    assert quick.matches == exact.matches
    last = index.search(question, limit=3, offset=9)
    assert last.matches == ()
    assert any("matches were looked through" in note for note in last.notes)


def test_a_record_can_be_left_out(index: ImageIndex) -> None:
    query = Query((RecordTerm("disc-red"), ColourTerm("red")), limit=3, without="disc-red")
    result = index.answer(query)
    assert "disc-red" not in [match.record.id for match in result.matches]
    assert result.total_searched == 12


def test_what_makes_no_sense_is_said(index: ImageIndex) -> None:
    with pytest.raises(UsageError, match="is no colour; did you mean"):
        index.search(ColourTerm("greeen"))
    with pytest.raises(RecordNotFoundError):
        index.search(ColourTerm(RecordTerm("nobody")))
    with pytest.raises(UsageError, match="relation is for questions of pictures"):
        index.search("colour:red", relation="similar")
    with pytest.raises(UsageError, match="words alone"):
        index.search("colour:red", by="text")


def test_an_index_without_colours_says_how_to_add_them(folder: Path, tmp_path: Path) -> None:
    with ImageIndex.create(tmp_path / "old", "classic") as old:
        old.add(folder / "all.csv")
        with old.writing():
            old.store.aspects.drop(ASPECT)  # type: ignore[attr-defined]
        assert ids(old, "id:disc-red", limit=1) == ["disc-red"]
        with pytest.raises(UsageError, match="visavis index or visavis compact adds them"):
            old.search("colour:red")
        old.compact()
        assert set(ids(old, "colour:red", limit=3)) == {f"{one}-red" for one in SHAPES}
        old.rebuild("classic")
        assert set(ids(old, "colour:red", limit=3)) == {f"{one}-red" for one in SHAPES}


def test_a_changed_picture_has_its_new_colours(folder: Path, tmp_path: Path) -> None:
    draw(tmp_path / "one.png", "disc", "red")
    draw(tmp_path / "two.png", "disc", "blue")
    with ImageIndex.create(tmp_path / "index", "classic") as made:
        made.add(tmp_path)
        draw(tmp_path / "one.png", "bar", "blue")
        draw(tmp_path / "two.png", "bar", "red")
        made.add(tmp_path)
        assert ids(made, "colour:red", limit=1) == ["two.png"]


def test_pictures_alone_and_words_alone_are_answered_as_before(index: ImageIndex) -> None:
    """By the store's own scores: no side is split off."""
    vector = index.store.vector("disc-red")
    for id, score in [(m.record.id, m.score) for m in index.search("id:disc-red").matches]:
        assert score == pytest.approx(float(np.dot(vector, index.store.vector(id))), abs=1e-5)
    assert index.search([RecordTerm("disc-red"), RecordTerm("bar-red")]).verdict is not None


def test_beside_a_picture_a_text_that_is_a_colour_is_one_for_a_model_without_words(
    index: ImageIndex,
) -> None:
    said = index.search([RecordTerm("disc-red"), TextTerm("in blue")], limit=3)
    named = index.search([RecordTerm("disc-red"), ColourTerm("blue")], limit=3)
    assert said.matches == named.matches


def test_an_unwanted_colour_counts_in_the_verdict(index: ImageIndex) -> None:
    nothing = [ColourTerm("red"), ColourTerm("red", -1)]
    both = index.search(nothing, limit=20)
    assert (both.verdict, both.similar_from) == ("none", None)
    assert both.reason is not None
    assert "best scores" not in both.reason  # of two colours, the scores of one say nothing
    other = index.search([ColourTerm("red"), ColourTerm("blue", -1)], min_score="auto")
    assert {match.record.id for match in other.matches} == {f"{one}-red" for one in SHAPES}
    less = index.search([RecordTerm("disc-red"), ColourTerm("red", -1)], limit=20)
    assert {m.relation for m in less.matches if m.record.id.endswith("-red")} == {"other"}
    no_weight = index.search([ColourTerm("red"), ColourTerm("blue", 0)], min_score="auto")
    assert no_weight.matches == index.search("colour:red", min_score="auto").matches
    assert no_weight.similar_from == fused.GOOD


def test_without_a_wanted_colour_nothing_is_called_similar(index: ImageIndex) -> None:
    less = index.search(ColourTerm("red", -1), limit=20)
    assert (less.verdict, less.similar_from, less.reason) == (None, None, None)
    assert {match.relation for match in less.matches} == {None}
    with pytest.raises(UsageError, match="give a number"):
        index.search(ColourTerm("red", -1), min_score="auto")


def test_terms_without_weight_ask_for_nothing(index: ImageIndex) -> None:
    red = ColourTerm("red")
    assert ids(index, red, RecordTerm("bar-blue", 0)) == ids(index, red)
    with pytest.raises(UsageError, match="no term has a weight"):
        index.search([ColourTerm("red", 0), RecordTerm("bar-blue", 0)])


def test_a_count_of_candidates_says_that_it_is_one(
    index: ImageIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    question: list[Term] = [RecordTerm("disc-red"), ColourTerm("green")]
    assert index.search(question, limit=1, count=True).notes == ()
    monkeypatch.setattr(fused, "ALL", 5)
    monkeypatch.setattr(fused, "CANDIDATES", 2)
    few = index.search(question, limit=1, count=True)
    assert few.total_matching is not None
    assert few.total_matching < few.total_searched == 13
    assert few.notes == (
        f"no more than the first {few.total_matching} matches were looked through",
    )
    assert index.search(question, limit=1).notes == ()


def test_a_record_that_the_filter_leaves_out_is_not_left_out_again(index: ImageIndex) -> None:
    bars = index.search("colour:red", where="shape=bar").total_searched
    where = Filter((Condition("shape", "=", ("bar",)),))
    for without, total in (("disc-red", bars), ("bar-red", bars - 1)):
        result = index.answer(Query((ColourTerm("red"),), where, without=without))
        assert result.total_searched == len(result.matches) == total


def test_a_concept_beside_a_colour_is_judged_by_its_own_score(index: ImageIndex) -> None:
    disc = index.store.vector("disc-red")
    dots = {id: float(index.store.vector(id) @ disc) for id in ("disc-red", "bar-red", "frame-red")}
    second = sorted(dots.values())[1]
    for least in (second - 1e-4, second + 1e-4):
        both = index.search([LearnedTerm(disc, 1.0, least), ColourTerm("red")], limit=20)
        similar = {match.record.id for match in both.matches if match.relation == "similar"}
        assert similar == {id for id, dot in dots.items() if dot >= least}
    unknown = index.search([LearnedTerm(disc, 1.0, None), ColourTerm("red")])
    assert unknown.verdict is None


def test_a_rebuild_makes_colours_that_were_unknown(folder: Path, tmp_path: Path) -> None:
    with ImageIndex.create(tmp_path / "index", "classic") as made:
        made.add(folder / "all.csv")
        store = made.store
        assert has_aspects(store)
        with made.writing():
            size = store.aspects.kept()[ASPECT].size
            store.aspects.put(ASPECT, {f"{one}-red": bytes(size) for one in SHAPES})
        red = {f"{one}-red" for one in SHAPES}
        assert ids(made, "colour:red", min_score="auto") == []
        made.rebuild("classic")
        assert set(ids(made, "colour:red", limit=3)) == red
