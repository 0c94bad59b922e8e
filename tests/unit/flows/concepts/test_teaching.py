"""What is learned from marks, and searched by."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from visavis.errors import UsageError
from visavis.image_index import ImageIndex
from visavis.types import ConceptTerm, RecordTerm, SearchResult

Draw = Callable[..., Path]


@pytest.fixture
def colours(index: ImageIndex, draw: Draw, tmp_path: Path) -> ImageIndex:
    """Twelve pictures in each of red, green, blue and violet."""
    chance = np.random.default_rng(7)
    kinds = {"red": (220, 30, 30), "green": (30, 220, 30), "blue": (30, 30, 220)}
    for name, colour in (kinds | {"violet": (150, 30, 220)}).items():
        for at in range(12):
            near = np.clip(np.array(colour) + chance.integers(-28, 28, 3), 0, 255)
            draw(f"photos/{name}-{at:02}.png", tuple(int(part) for part in near), mark=at)
    index.add(tmp_path / "photos")
    return index


def kinds(result: SearchResult) -> list[str]:
    return [match.record.id.partition("-")[0] for match in result.matches]


def taught(index: ImageIndex) -> ImageIndex:
    """Violet is such, blue is not."""
    concept = index.concept("violet")
    concept.mark(["violet-00.png", "violet-01.png"])
    concept.mark(["blue-00.png", "blue-01.png", "blue-02.png"], good=False)
    return index


def test_a_concept_finds_what_is_such_and_not_what_only_looks_like_it(colours: ImageIndex) -> None:
    result = taught(colours).search("concept:violet", limit=12)
    assert kinds(result) == ["violet"] * 12


def test_it_says_what_is_such_and_what_is_not(colours: ImageIndex) -> None:
    result = taught(colours).search("concept:violet", limit=48)
    assert result.verdict == "similar"
    assert result.similar_from is not None
    such = [match.record.id for match in result.matches if match.relation == "similar"]
    assert len(such) >= 10
    assert {id.partition("-")[0] for id in such} == {"violet"}
    only = colours.search("concept:violet", limit=48, min_score="auto")
    assert [match.record.id for match in only.matches] == such
    counted = colours.search("concept:violet", limit=3, min_score="auto", count=True)
    assert counted.total_matching == len(such)


def test_a_concept_is_a_term_among_others(colours: ImageIndex) -> None:
    taught(colours)
    mixed = colours.search([RecordTerm("red-00.png"), ConceptTerm("violet", -0.5)], limit=12)
    assert kinds(mixed) == ["red"] * 12
    assert mixed.verdict is None  # of a mix nobody knows from which score on it is such
    both = colours.search([RecordTerm("green-00.png"), ConceptTerm("violet", 3.0)], limit=3)
    assert kinds(both) == ["violet"] * 3
    many = colours.search_many(["concept:violet", "id:red-00.png"], limit=2)
    assert [kinds(result) for result in many] == [["violet"] * 2, ["red"] * 2]


def test_no_model_is_loaded_for_a_concept(colours: ImageIndex, monkeypatch: object) -> None:
    taught(colours)

    def missing() -> object:
        raise AssertionError("the model was asked for")

    from visavis.types import Query

    found = colours.answer(Query((ConceptTerm("violet"),)), embedder=missing)  # type: ignore[arg-type]
    assert kinds(found)[0] == "violet"


def test_what_makes_no_sense_with_a_concept_is_said(colours: ImageIndex) -> None:
    taught(colours)
    with pytest.raises(UsageError, match="false_match is for questions of pictures"):
        colours.search("concept:violet", false_match=0.1)
    with pytest.raises(UsageError, match="asked for alone"):
        colours.search([RecordTerm("red-00.png"), ConceptTerm("violet")], relation="similar")
    with pytest.raises(UsageError, match="min_score auto"):
        colours.search([RecordTerm("red-00.png"), ConceptTerm("violet")], min_score="auto")
    assert colours.search("concept:violet", relation="similar").matches


def test_a_concept_of_nothing_but_no_says_what_is_missing(colours: ImageIndex) -> None:
    colours.concept("odd").mark("red-00.png", good=False)
    with pytest.raises(UsageError, match="nothing is marked as 'odd' yet"):
        colours.search("concept:odd")


def test_a_moved_picture_keeps_its_mark_and_a_removed_one_is_reported(
    colours: ImageIndex, tmp_path: Path
) -> None:
    taught(colours)
    photos = tmp_path / "photos"
    (photos / "violet-00.png").rename(photos / "another name.png")
    colours.add(photos)
    assert not colours.search("concept:violet").notes
    before = colours.concept("violet").lesson()
    colours.remove("another name.png")
    result = colours.search("concept:violet", limit=11)
    assert kinds(result) == ["violet"] * 11
    assert result.notes == ("violet: 1 picture that was marked is not in the index now",)
    colours.add(photos)  # it comes back
    assert not colours.search("concept:violet").notes
    assert colours.concept("violet").lesson().direction == pytest.approx(before.direction, abs=1e-6)


def test_a_concept_of_pictures_that_are_all_gone_says_so(colours: ImageIndex) -> None:
    taught(colours)
    colours.remove("violet-00.png", "violet-01.png")
    with pytest.raises(UsageError, match="none of the pictures that are marked as 'violet'"):
        colours.search("concept:violet")


def test_a_concept_survives_another_model(colours: ImageIndex) -> None:
    taught(colours)
    before = colours.concept("violet").lesson()
    colours.rebuild("classic")
    after = colours.concept("violet").lesson()
    assert len(after.direction) != len(before.direction)
    assert kinds(colours.search("concept:violet", limit=12)) == ["violet"] * 12


def test_another_process_sees_new_marks_at_once(colours: ImageIndex) -> None:
    taught(colours)
    with ImageIndex.open(colours.path) as other:
        assert kinds(other.search("concept:violet", limit=3)) == ["violet"] * 3
        colours.concept("violet").mark([f"violet-{at:02}.png" for at in range(12)], good=False)
        colours.concept("violet").mark([f"green-{at:02}.png" for at in range(3)])
        assert kinds(other.search("concept:violet", limit=9)) == ["green"] * 9


def test_a_concept_still_tells_where_nearly_all_records_are_marked(colours: ImageIndex) -> None:
    concept = taught(colours).concept("violet")
    such = [record.id for record in colours if record.id.startswith("violet")]
    others = [record.id for record in colours if not record.id.startswith("violet")]
    concept.mark(such[:10])
    concept.mark(others, good=False)
    for _ in range(2):  # two violet ones without a mark, then none
        found = colours.search("concept:violet", limit=48, min_score="auto")
        assert {match.record.id for match in found.matches} == {*such}
        concept.mark(such)
    assert colours.concepts.troubles() == ()


def test_of_records_that_are_all_marked_as_such_none_can_be_told(colours: ImageIndex) -> None:
    colours.concept("any").mark(record.id for record in colours)
    result = colours.search("concept:any", limit=3)
    assert result.similar_from is None
    assert result.reason is not None
    assert result.reason.startswith("there are too few records besides those marked as such")
    [trouble] = colours.concepts.troubles()
    assert trouble == f"any: {result.reason}"
    assert colours.concepts.write() == 48  # marks say it of all


# -- concepts as a field --------------------------------------------------------------------------


def test_records_are_tagged_with_the_concepts_that_they_are(
    colours: ImageIndex, tmp_path: Path
) -> None:
    taught(colours)
    colours.concept("reddish").mark(["red-00.png", "red-01.png"])
    colours.concept("reddish").mark(["blue-03.png", "green-03.png"], good=False)
    colours.concept("nothing yet").mark("blue-00.png", good=False)
    assert colours.concepts.write() >= 20
    violet = {record.id for record in colours.records("concepts=violet")}
    such = colours.search("concept:violet", limit=48, min_score="auto").matches
    assert violet == {match.record.id for match in such}
    assert "red-00.png" in {record.id for record in colours.records("concepts=reddish")}
    assert colours.concepts.write() == 0  # a second run changes nothing
    colours.add(tmp_path / "photos")  # nor does indexing again take them away
    assert {record.id for record in colours.records("concepts=violet")} == violet
    colours.concept("violet").remove()
    assert colours.concepts.write() == len(violet)
    assert not list(colours.records("concepts=violet"))


def test_a_catalogues_own_field_is_not_written_over(index: ImageIndex, draw: Draw) -> None:
    draw("a.png", (200, 0, 0))
    table = draw("b.png", (0, 200, 0)).with_name("list.csv")
    table.write_text("id,image,concepts\na,a.png,mine\nb,b.png,yours\n")
    index.add(table)
    index.concept("red").mark("a")
    with pytest.raises(UsageError, match="have a field 'concepts' of their own"):
        index.concepts.write()
    assert [record.fields["concepts"] for record in index.records()] == ["mine", "yours"]


def test_what_is_marked_is_tagged_as_marked(
    colours: ImageIndex, draw: Draw, tmp_path: Path
) -> None:
    concept = taught(colours).concept("violet")
    copy = tmp_path / "photos" / "copy.png"
    copy.write_bytes((tmp_path / "photos" / "violet-05.png").read_bytes())
    colours.add(tmp_path / "photos")
    concept.mark("violet-05.png", good=False)
    concept.mark("red-00.png")
    lesson = concept.lesson()
    assert lesson.similar_from is not None
    assert float(colours.store.vector("violet-05.png") @ lesson.direction) > lesson.similar_from
    colours.concepts.write()
    found = {record.id for record in colours.records("concepts=violet")}
    assert "red-00.png" in found
    assert not found & {"violet-05.png", "copy.png"}
    draw("photos/violet-05.png", (150, 30, 221), mark=5)  # saved anew
    copy.unlink()
    colours.add(tmp_path / "photos")
    colours.concepts.write()
    assert "violet-05.png" not in {record.id for record in colours.records("concepts=violet")}


def test_a_concept_whose_pictures_are_gone_keeps_no_other_from_being_written(
    colours: ImageIndex,
) -> None:
    taught(colours)
    colours.concept("gone").mark("red-00.png")
    colours.concept("nothing yet").mark("blue-00.png", good=False)
    colours.remove("red-00.png")
    assert colours.concepts.write() >= 10
    gone, nothing = colours.concepts.troubles()
    assert gone.startswith("none of the pictures that are marked as 'gone' is in the index")
    assert nothing.startswith("nothing is marked as 'nothing yet'")
