"""Tags by words, by classes, by a list of words, and of mixes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from two_sided import write_clip

from visavis.embedders.adding.add import add_folder
from visavis.embedders.base import Embedder
from visavis.embedders.classic import ClassicEmbedder
from visavis.embedders.combined import Part, combined
from visavis.embedders.registry import load_embedder
from visavis.embedders.tagger import built_in_vocabulary, make_tagger, read_vocabulary
from visavis.errors import ClassesUnsupportedError, UsageError
from visavis.types import RGB

COLOURS = ["red", "green", "blue", "white"]


def plain(*colour: int) -> RGB:
    return np.full((20, 20, 3), colour, np.uint8)


@pytest.fixture
def clip(tmp_path: Path) -> Embedder:
    add_folder(write_clip(tmp_path / "clip"))
    return load_embedder("clip")


def test_a_model_that_reads_words_chooses_from_a_list(clip: Embedder) -> None:
    tagger = make_tagger(clip, COLOURS)
    found = tagger.of_images([plain(250, 10, 10), plain(0, 0, 250)], 2)
    assert [tags[0].name for tags in found] == ["red", "blue"]
    assert all(tags[0].score >= tags[1].score for tags in found)
    vectors = clip.embed_images([plain(250, 10, 10)])
    assert [tag.name for tag in tagger.of_vectors(vectors, 2)[0]] == [t.name for t in found[0]]
    assert tagger.from_vectors


def test_without_a_list_the_built_in_one_counts(clip: Embedder) -> None:
    words = built_in_vocabulary()
    assert 300 < len(words) == len(set(words))
    [found] = make_tagger(clip).of_images([plain(0, 200, 0)], 10_000)
    assert {tag.name for tag in found} == set(words)


def test_a_classifier_gives_its_classes_by_probability(
    tiny_model: Callable[..., Path], pictures: list[RGB]
) -> None:
    folder = tiny_model(classes={"output": "prob", "labels": "labels.txt"})
    (folder / "labels.txt").write_text("".join(f"thing {n}, also {n}\n" for n in range(1000)))
    model = load_embedder(folder)
    tagger = make_tagger(model)
    side: Any = getattr(model, "classes", None)
    scores = side.scores(pictures[:1])[0]
    [found] = tagger.of_images(pictures[:1], 3)
    best = np.argsort(-scores, kind="stable")[:3]
    assert [tag.name for tag in found] == [f"thing {n}" for n in best]
    np.testing.assert_allclose([tag.score for tag in found], scores[best], rtol=1e-5)
    assert not tagger.from_vectors
    with pytest.raises(ClassesUnsupportedError):
        tagger.of_vectors(model.embed_images(pictures[:1]), 3)
    with pytest.raises(ClassesUnsupportedError, match="no tags from a list of words"):
        make_tagger(model, COLOURS)


def test_a_mix_takes_the_tags_of_the_part_that_has_some(clip: Embedder) -> None:
    both = combined([Part(ClassicEmbedder(), 0.4), Part(clip, 0.6)])
    picture = plain(250, 10, 10)
    [alone] = make_tagger(clip, COLOURS).of_images([picture], 4)
    tagger = make_tagger(both, COLOURS)
    for found in (
        tagger.of_images([picture], 4),
        tagger.of_vectors(both.embed_images([picture]), 4),
    ):
        assert [tag.name for tag in found[0]] == [tag.name for tag in alone]
        np.testing.assert_allclose(
            [tag.score for tag in found[0]], [tag.score for tag in alone], atol=1e-5
        )


def test_a_model_that_only_sees_gives_no_tags() -> None:
    both = combined([Part(ClassicEmbedder()), Part(ClassicEmbedder())])
    for model in (ClassicEmbedder(), both):
        with pytest.raises(ClassesUnsupportedError, match="'classic' gives no tags"):
            make_tagger(model)


def test_the_fingerprint_tells_what_the_tags_depend_on(clip: Embedder) -> None:
    assert make_tagger(clip, COLOURS).fingerprint == make_tagger(clip, COLOURS).fingerprint
    assert make_tagger(clip, COLOURS).fingerprint != make_tagger(clip, COLOURS[:2]).fingerprint


def test_a_list_of_words_is_read_without_comments_and_repetitions(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("# mine\nred\n\n hot air balloon  # a thing\nred\n")
    assert read_vocabulary(path) == ["red", "hot air balloon"]
    path.write_text("# nothing\n")
    with pytest.raises(UsageError, match="names no words"):
        read_vocabulary(path)
    with pytest.raises(UsageError, match=r"gone\.txt"):
        read_vocabulary(tmp_path / "gone.txt")
