"""The semantic space of the built-in model: its axes, its classes, its pictures."""

from pathlib import Path

import numpy as np
import pytest
from recipes.visavis_s.broader import TABLE, read_broader
from recipes.visavis_s.semantic import (
    FLATTENED,
    Semantic,
    build,
    class_sentences,
    mean_picture,
    pictured,
    shares,
)
from tests.unit.recipes.conftest import LABELS, read_bags

from visavis.embedders.base import unit_rows
from visavis.errors import UsageError

BUILTIN = Path(__file__).parents[3] / "src/visavis/embedders/builtin/visavis-s/labels.txt"
NAMES = BUILTIN.read_text(encoding="utf-8").splitlines()


def sure(number: int) -> np.ndarray:
    """The class scores of a picture of one class."""
    return np.where(np.arange(len(LABELS)) == number, 60.0, 0.0).astype(np.float32)


def test_a_class_is_a_sentence_with_two_broader_words(table: Path) -> None:
    kinds = read_broader(table, len(LABELS))[0]
    assert class_sentences(LABELS, kinds)[1] == (
        "a photo of a golden retriever, a kind of dog or animal"
    )


def test_a_class_without_broader_words_is_its_name_alone(tmp_path: Path) -> None:
    path = tmp_path / "table.tsv"
    path.write_text("word\trelation\tclasses\ndog\tkind\t0\n", encoding="utf-8")
    kinds, around = read_broader(path, 2)
    assert class_sentences(["beagle", "minivan"], kinds)[1] == "a photo of a minivan"
    assert around.words == ()


def test_strengths_of_the_axes_are_flattened_by_their_power(small: Semantic) -> None:
    strengths = small.classes.T @ small.classes / len(LABELS)
    own = np.diag(strengths)
    assert np.allclose(strengths - np.diag(own), 0, atol=1e-5)  # axes are independent
    lengths = np.linalg.norm(small.axes, axis=0)  # eigenvalue ** -FLATTENED
    assert np.allclose(own, (lengths ** (-1 / FLATTENED)) ** (1 - 2 * FLATTENED), rtol=1e-3)


def test_no_axis_points_another_way_on_another_machine(small: Semantic) -> None:
    strongest = np.abs(small.axes).argmax(axis=0)
    assert (small.axes[strongest, np.arange(small.axes.shape[1])] > 0).all()


def test_classes_of_a_kind_are_nearer_than_others(small: Semantic) -> None:
    places = unit_rows(small.classes)
    near = places @ places.T
    assert near[0, 1] > near[0, 4]
    assert near[4, 5] > near[4, 2]


def test_a_picture_of_one_class_stands_where_the_class_does(small: Semantic) -> None:
    scores = np.stack([sure(number) for number in range(len(LABELS))])
    mean = mean_picture(small, scores, LABELS)
    assert np.allclose(mean, small.classes.mean(axis=0), atol=1e-5)
    assert np.allclose(pictured(small, scores, mean), unit_rows(small.classes - mean), atol=1e-5)


def test_a_label_with_many_pictures_counts_once(small: Semantic) -> None:
    scores = np.stack([sure(0), sure(0), sure(0), sure(4)])
    mean = mean_picture(small, scores, ["beagle", "beagle", "beagle", "sports car"])
    assert np.allclose(mean, (small.classes[0] + small.classes[4]) / 2, atol=1e-5)


def test_logits_and_logarithms_of_probabilities_say_the_same() -> None:
    logits = np.array([[3.0, -1.0, 0.5]], np.float32)
    logarithms = logits - np.log(np.exp(logits).sum())
    assert np.allclose(shares(logits), shares(logarithms))
    assert np.allclose(shares(logits).sum(axis=1), 1)


def test_a_word_stands_near_its_classes(small: Semantic) -> None:
    places = unit_rows(small.classes - small.classes.mean(axis=0))
    dog = small.kind_vectors[small.kinds.index("dog")]
    assert set(np.argsort(-(places @ dog))[:2]) == {0, 1}
    assert np.allclose(small.placed(read_bags(["a photo of a dog"]))[0], dog, atol=1e-5)


@pytest.mark.parametrize("line", ["dog kind 3", "dog\tsort\t3", "dog\tkind\t9", "dog\tkind\tx-2"])
def test_a_line_of_another_form_is_named(line: str, tmp_path: Path) -> None:
    path = tmp_path / "table.tsv"
    path.write_text(f"word\trelation\tclasses\n{line}\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"table\.tsv, line 2"):
        build(read_bags, ["a", "b"], path, dim=2)


def test_every_class_has_a_broader_word_and_no_line_comes_twice() -> None:
    kinds, around = read_broader(TABLE, len(NAMES))
    bare = [name for number, name in enumerate(NAMES) if not kinds.of_class(number)]
    assert bare == []
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1 + len(kinds.words) + len(around.words)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("beagle", {"dog"}),
        ("jersey, T-shirt, tee shirt", {"t-shirt", "clothes"}),
        ("scuba diver", {"person", "diver"}),
        ("groom, bridegroom", {"person", "man"}),
        ("seashore, coast, seacoast, sea-coast", {"sea", "ocean", "beach"}),
        ("frying pan, frypan, skillet", {"kitchen", "pan"}),
        ("daisy", {"flower"}),
    ],
)
def test_the_table_says_what_everybody_knows(name: str, words: set[str]) -> None:
    kinds = read_broader(TABLE, len(NAMES))[0]
    assert words <= set(kinds.of_class(NAMES.index(name)))
