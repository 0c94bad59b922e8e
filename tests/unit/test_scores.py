"""Scores of a model with a semantic part: the same scale for pictures, words and mixes."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from semantic import THINGS, meaning, plain, write_semantic

from visavis.image_index import ImageIndex
from visavis.types import ClassTerm, ImageTerm, RecordTerm, SearchResult, Term, TextTerm

Draw = Callable[..., Path]
SHARES = np.array([0.9] * 3 + [0.1] * 5) ** 0.5


@pytest.fixture
def index(tmp_path: Path, draw: Draw) -> Iterator[ImageIndex]:
    """A picture of each thing, and three of other colours."""
    others = {"rust": (170, 60, 20), "moss": (70, 110, 30), "stone": (120, 120, 120)}
    for name, colour in {**THINGS, **others}.items():
        draw(f"photos/{name}.png", colour)
    with ImageIndex.create(tmp_path / "an.index", write_semantic(tmp_path / "small")) as made:
        made.add(tmp_path / "photos")
        yield made


def scores(result: SearchResult) -> dict[str, float]:
    return {match.record.id: match.score for match in result.matches}


def expected(index: ImageIndex, *parts: np.ndarray[Any, Any]) -> dict[str, float]:
    """q · x / reach(q), from the stored vectors, q being the sum of parts of reach 1."""
    query = np.sum(parts, axis=0)
    query /= np.linalg.norm(query)
    blocks = (slice(0, 3), slice(3, 8))
    reach = sum(SHARES[block][0] * np.linalg.norm(query[block]) for block in blocks)
    return {
        record.id: float(index.store.vector(record.id) @ query) / reach
        for record in index.records()
    }


def test_words_are_scored_by_the_cosine_with_what_pictures_show(index: ImageIndex) -> None:
    found = index.search("cat")
    assert found.matches[0].record.id == "cat.png"
    assert found.matches[0].score == pytest.approx(1, abs=0.01)
    semantic = {id: index.store.vector(id)[3:] for id in scores(found)}
    for id, score in scores(found).items():
        cosine = semantic[id] @ meaning(4) / np.linalg.norm(semantic[id])
        assert score == pytest.approx(cosine, abs=0.02)


def test_pictures_and_records_are_scored_as_ever(index: ImageIndex, draw: Draw) -> None:
    picture = draw("query.png", (200, 30, 30))
    [vector] = index.embedder().embed_images([plain(200, 30, 30)])
    for id, score in scores(index.search(ImageTerm(picture))).items():
        assert score == pytest.approx(float(vector @ index.store.vector(id)), abs=2e-3)
    own = scores(index.search(RecordTerm("cat.png")))
    assert own["cat.png"] == pytest.approx(1, abs=1e-3)


def test_in_a_mix_a_word_counts_as_much_as_a_picture(index: ImageIndex) -> None:
    cat = np.concatenate([np.zeros(3), meaning(4)]) / 0.1**0.5
    mixes: list[tuple[list[Term], list[Any]]] = [
        ([RecordTerm("rust.png"), TextTerm("cat")], [index.store.vector("rust.png"), cat]),
        (
            [RecordTerm("rust.png"), TextTerm("cat", -0.5)],
            [index.store.vector("rust.png"), -0.5 * cat],
        ),
        (
            [RecordTerm("moss.png", 0.3), ClassTerm("black cat")],
            [0.3 * index.store.vector("moss.png"), cat],
        ),
    ]
    for terms, parts in mixes:
        found = scores(index.search(terms))
        assert found == pytest.approx(expected(index, *parts), abs=0.02)


def test_an_opposite_and_a_class_are_on_the_scale_too(index: ImageIndex) -> None:
    assert max(scores(index.search(ClassTerm("black cat"))).values()) == pytest.approx(1, abs=0.01)
    least = index.search(TextTerm("cat", -1.0))
    assert least.matches[-1].record.id == "cat.png"
    assert least.matches[-1].score == pytest.approx(-1, abs=0.01)


@pytest.mark.parametrize("text", ["cat", "animal", "red", "red cat"])
def test_a_lowest_score_is_on_the_scale_that_is_shown(index: ImageIndex, text: str) -> None:
    every = index.search(text).matches
    for match in every:
        shown = match.to_dict()["score"]
        reaching = index.search(text, min_score=shown).matches
        assert [one.record.id for one in reaching] == [
            one.record.id for one in every if one.to_dict()["score"] >= shown
        ]


def test_few_good_matches_are_told_where_words_are_asked_alone(index: ImageIndex) -> None:
    assert index.search("cat").notes == ()
    where = "id=stone.png"
    best = index.search("food", where=where)
    assert best.notes == (f"few good matches: the best scores {best.matches[0].score:.2f}",)
    assert best.matches[0].score < 0.5
    assert index.search("red", where=where).notes == ()
    assert index.search([TextTerm("food"), RecordTerm("stone.png")], where=where).notes == ()
    assert index.search("food", where=where, offset=1).notes == ()
    assert index.search([TextTerm("fruit"), TextTerm("food")], where=where).notes != ()
    unknown = index.search("food xyzzy", where=where).notes
    assert [note.partition(":")[0] for note in unknown] == [
        "unknown and ignored",
        "few good matches",
    ]


def test_tags_come_from_the_stored_vectors_three_at_most(index: ImageIndex) -> None:
    assert not index.tagging.needs_pictures()
    assert [tag.name for tag in index.tagging.of("id:cat.png")] == ["black cat", "animal"]
    assert index.tagging.of("id:tomato.png") == ()
    for record in list(index.records()):
        Path(record.uri).unlink()
    assert index.tagging.write(3).tagged == 8
    assert index.get("cat.png").fields["tags"] == "black cat, animal"
    assert index.search("cat", where="tags~animal").total_searched >= 4


def test_a_mix_of_models_answers_words_through_its_part(tmp_path: Path, index: ImageIndex) -> None:
    small = tmp_path / "small"
    with ImageIndex.create(tmp_path / "mix.index", f"0.7:{small}+0.3:classic") as mix:
        mix.add(tmp_path / "photos")
        for text in ("cat", "red cat"):
            assert scores(mix.search(text)) == pytest.approx(scores(index.search(text)), abs=2e-3)
        assert mix.search("food", where="id=stone.png").notes != ()
        assert mix.search(RecordTerm("cat.png")).matches[0].score == pytest.approx(1, abs=1e-3)
