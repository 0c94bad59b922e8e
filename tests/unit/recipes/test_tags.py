"""Which names may be tags, and from which cosine on."""

from pathlib import Path

import numpy as np
import pytest
from recipes.visavis_s.broader import TABLE, read_broader
from recipes.visavis_s.pictures import Row
from recipes.visavis_s.semantic import Semantic, first_name
from recipes.visavis_s.tags import (
    HIDDEN,
    LABELS,
    Known,
    class_names,
    common_cut,
    cuts,
    hidden_names,
    kind_names,
    known,
    label_weights,
    own_cuts,
    rightness,
    save,
    says,
)
from recipes.visavis_s.words import WordRows, joined, rows
from tests.unit.recipes.conftest import read_bags

from visavis.embedders.base import unit_rows

BUILTIN = Path(__file__).parents[3] / "src/visavis/embedders/builtin/visavis-s/labels.txt"
NAMES = [first_name(line) for line in BUILTIN.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def words(small: Semantic) -> WordRows:
    return rows(read_bags, small, small.classes.mean(axis=0), ["dog", "cat", "car", "animal"])


def pictures_of(small: Semantic, count: int, noise: float) -> Known:
    """`count` pictures of each class, near the class's own place."""
    chance = np.random.default_rng(0)
    places = np.repeat(unit_rows(small.classes - small.classes.mean(axis=0)), count, axis=0)
    labels = np.repeat([first_name(label) for label in small.labels], count)
    vectors = unit_rows((places + chance.normal(0, noise, places.shape)).astype(np.float32))
    return Known(vectors, ("imagenet-sample",) * len(labels), tuple(labels.tolist()))


def test_a_label_says_its_class_and_all_its_broader_words(small: Semantic, table: Path) -> None:
    kinds = read_broader(table, len(small.labels))[0]
    pictures = pictures_of(small, 1, 0.0)
    names = {"dog": frozenset({0, 1}), "beagle": frozenset({0}), "car": frozenset({4, 5})}
    flags = rightness(list(names), names, pictures, small, kinds)
    assert flags[0].tolist() == [True, True, False]  # a beagle
    assert flags[1].tolist() == [True, False, False]  # a golden retriever
    assert flags[5].tolist() == [False, False, True]  # a minivan


def test_a_dog_of_no_breed_is_right_for_any_breed(small: Semantic, table: Path) -> None:
    kinds = read_broader(table, len(small.labels))[0]
    assert says("dog", small, kinds) == (frozenset({0, 1}), frozenset({"dog"}))


def test_the_cut_is_the_least_from_which_four_of_five_are_right() -> None:
    cosines = np.array([[0.90], [0.80], [0.70], [0.62], [0.58], [0.55]], np.float32)
    right = np.array([[True], [True], [True], [True], [False], [False]])
    counts = np.ones(6, np.float32)
    # four of five are right from .55 < cut <= .58 on
    assert common_cut(cosines, right, counts, ["a"] * 6) == pytest.approx(0.56)


def test_the_worst_source_decides() -> None:
    cosines = np.array([[0.9], [0.6], [0.9], [0.6]], np.float32)
    right = np.array([[True], [True], [True], [False]])
    found = common_cut(cosines, right, np.ones(4, np.float32), ["a", "a", "b", "b"])
    assert found == pytest.approx(0.61)


def test_a_name_that_is_often_wrong_has_a_cut_of_its_own() -> None:
    cosines = np.full((12, 2), 0.2, np.float32)
    cosines[:, 0] = np.linspace(0.6, 0.93, 12)
    cosines[3, 1] = 0.9
    right = np.zeros_like(cosines, bool)
    right[8:, 0] = True
    found = own_cuts(cosines, right, np.ones(12, np.float32))
    assert found[0] == pytest.approx(0.78)  # above it stand four right ones and one wrong
    assert found[1] == 0.5  # of one picture nothing is known


def test_many_pictures_of_a_label_count_as_a_few() -> None:
    counts = label_weights(["motorcycle"] * 100 + ["ant"] * 3)
    assert counts[:100].sum() == pytest.approx(5)
    assert counts[100:].tolist() == [1, 1, 1]


def test_good_pictures_are_tagged_and_hidden_names_never(
    small: Semantic, words: WordRows, table: Path
) -> None:
    found = cuts(small, words, pictures_of(small, 20, 0.05), table)
    assert {"dog", "cat", "beagle", "golden_retriever", "minivan"} <= set(found)
    assert {"animal", "sports_car"}.isdisjoint(found)  # too general, and a guess at a sort of car
    assert all(0.5 <= cut < 1 for cut in found.values())


def test_an_animals_name_is_above_all_pictures_of_people(
    small: Semantic, words: WordRows, table: Path
) -> None:
    pictures = pictures_of(small, 20, 0.05)
    before = cuts(small, words, pictures, table)
    dog = unit_rows(words.rows[[words.words.index("dog")]])[0]
    person = unit_rows((0.9 * dog + 0.436 * _across(dog))[None])
    people = Known(
        np.concatenate([pictures.vectors, person]),
        (*pictures.sources, "pacs"),
        (*pictures.labels, "person"),
    )
    after = cuts(small, words, people, table)
    assert before["dog"] < 0.9
    assert after.get("dog", 1.0) >= 0.92


def _across(vector: np.ndarray) -> np.ndarray:
    other = np.roll(vector, 1)
    other = other - (other @ vector) * vector
    return np.asarray(other / np.linalg.norm(other))


def test_only_held_out_pictures_with_a_telling_label_are_measured_on() -> None:
    labels = ["ant", "BACKGROUND_Google"] * 200
    listed = [
        Row(Path(str(n)), f"train-mix/{n}", {"source": "caltech101", "label": label})
        for n, label in enumerate(labels)
    ]
    found = known(listed, np.ones((len(listed), 3), np.float32))
    assert set(found.labels) == {"ant"}
    assert len(found.labels) == sum(row.held_out for row in listed[::2])


def test_tags_on_disk_are_a_name_and_a_cut_a_line(tmp_path: Path) -> None:
    save(tmp_path / "tags.tsv", {"dog": 0.75, "golden_retriever": 0.6})
    text = (tmp_path / "tags.tsv").read_text(encoding="utf-8")
    assert text == "dog\t0.75\ngolden_retriever\t0.60\n"


def test_every_hidden_name_is_a_broader_word_or_a_class() -> None:
    kinds = read_broader(TABLE, len(NAMES))[0]
    known_names = {joined(word) for word in (*kinds.words, *NAMES)}
    assert hidden_names() <= known_names


def test_every_label_of_a_picture_names_classes_and_words_that_there_are() -> None:
    kinds, around = read_broader(TABLE, len(NAMES))
    for line in LABELS.read_text(encoding="utf-8").splitlines()[1:]:
        _, classes, words = line.split("\t")
        assert {one.strip() for one in classes.split(",") if one.strip()} <= set(NAMES), line
        listed = {one.strip() for one in words.split(";") if one.strip()}
        assert listed <= {*kinds.words, *around.words, "person"}, line


def test_nobody_is_called_by_what_could_hurt() -> None:
    kinds = read_broader(TABLE, len(NAMES))[0]
    none = np.zeros((1, 1), np.float32)
    space = Semantic(none, none, none, tuple(NAMES), (), none, none)
    shown = {*kind_names(kinds), *class_names(space)}
    assert {"ape", "gorilla", "chimpanzee", "monkey", "pig", "hog", "tench"}.isdisjoint(shown)
    assert {
        "prison",
        "mask",
        "brassiere",
        "diaper",
        "rifle",
        "man",
        "woman",
        "abaya",
        "wig",
    }.isdisjoint(shown)
    assert {"dog", "cat", "bird", "shoe", "bicycle", "guitar"} <= shown
    assert HIDDEN.is_file()
