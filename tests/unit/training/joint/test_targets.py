"""What pictures are to lie near: labels, captions, and how much each of their words counts."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from word_files import write_text

from visavis.embedders.words.lookup import Words, open_words
from visavis.training.data.samples import Sample
from visavis.training.joint.targets import Phrases, phrases_of, rarity, targets_of, texts
from visavis.training.joint.words import Turn
from visavis.types import Entry

KNOWN = {
    "dog": [1.0, 0.0, 0.0],
    "cat": [0.0, 1.0, 0.0],
    "grass": [0.0, 0.0, 1.0],
    "sky": [-1.0, -1.0, -1.0],
}


@pytest.fixture
def words(tmp_path: Path) -> Words:
    return Words(open_words(write_text(tmp_path / "vectors.txt", KNOWN)))


def sample(number: int, **fields: Any) -> Sample:
    return Sample(Entry(str(number), f"/{number}.png", 1, 0.0, fields), "")


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("dog", ["dog"]),
        ("tabby, tabby cat", ["tabby, tabby cat"]),
        ("dog | grass;sky", ["dog", "grass", "sky"]),
        ('["dog", "grass"]', ["dog", "grass"]),
        ('["dog", null, " "]', ["dog"]),
        ("[broken", ["[broken"]),
        ("dog|dog", ["dog"]),
        ("", []),
    ],
)
def test_several_labels_are_a_list_or_have_a_mark_between_them(
    value: str, found: list[str]
) -> None:
    import re

    assert texts("kind", value, re.compile(r"\s*[|;]\s*")) == found


def test_a_caption_is_a_sentence_whatever_marks_it_has() -> None:
    assert texts("caption", "A dog; it sleeps.") == ["A dog; it sleeps."]


def found_of(words: Words) -> Phrases:
    samples = [
        sample(0, kind="dog", said='["A dog on grass.", "xyzzy"]'),
        sample(1, kind="cat|dog"),
        sample(2, kind="xyzzy"),
        sample(3, said="grass, grass and sky"),
        sample(4, kind="xyzzy", said="plugh"),
    ]
    return phrases_of(samples, "kind", "said", words)


def test_known_words_are_found_and_unknown_labels_named(words: Words) -> None:
    found = found_of(words)
    assert found.labels == [["dog"], ["cat", "dog"], [], [], []]
    assert found.captions == [[[0, 2]], [], [], [[2, 2, 3]], []]
    assert found.unknown == ["xyzzy"]
    assert found.usable.tolist() == [True, True, False, True, False]
    assert found.used() == {0, 1, 2, 3}
    part = found.of(np.array([1]))
    assert part.named.keys() == {"cat", "dog"}
    assert part.sha256(words.table) != found.sha256(words.table)


@pytest.mark.parametrize("field", ["tags", "concepts"])
def test_what_visavis_writes_to_records_has_commas_between_labels(words: Words, field: str) -> None:
    samples = [sample(0, **{field: "dog, cat"}), sample(1, **{field: "grass"})]
    assert phrases_of(samples, field, None, words).labels == [["dog", "cat"], ["grass"]]
    whole = phrases_of([sample(0, kind="dog, cat")], "kind", None, words)
    assert whole.labels == [["dog, cat"]]


def test_goals_are_labels_and_captions_by_their_weight(words: Words) -> None:
    turn = Turn(np.zeros(3), np.eye(3))
    found = targets_of(found_of(words), words.table, turn, np.arange(5))
    assert found.names == ("dog", "cat")
    assert found.own.tolist() == [[True, False], [True, True], *[[False, False]] * 3]
    # Five pictures: "grass" is in the captions of two, "dog" and "sky" of one.
    rare, common = math.log(1 + 5), math.log(1 + 5 / 2)
    said = np.array([rare, 0, common])
    said /= np.linalg.norm(said)
    assert found.captions[0].tolist() == pytest.approx(said, abs=1e-6)
    goal = 0.75 * np.array([1, 0, 0]) + 0.25 * said
    goals = found.goals(0.25)
    assert goals[0].tolist() == pytest.approx(goal / np.linalg.norm(goal), abs=1e-6)
    assert goals[1].tolist() == pytest.approx([math.sqrt(0.5), math.sqrt(0.5), 0], abs=1e-6)
    assert torch.allclose(goals[3], found.captions[3])
    assert not goals[4].any()
    assert torch.equal(found.of(np.array([3, 0])).goals(0.25), goals[[3, 0]])


def test_words_that_no_training_picture_has_count_most() -> None:
    found = rarity([[[1, 1], [2]], [[1]], []])
    assert found == pytest.approx({1: math.log(2.5), 2: math.log(4), -1: math.log(4)})
