from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from two_sided import write_clip

from visavis.embedders.adding.add import add_folder
from visavis.embedders.base import TextEmbedder, classes_of
from visavis.embedders.classic import ClassicEmbedder
from visavis.embedders.combined import CombinedEmbedder, Part, combined
from visavis.embedders.folder import OnnxEmbedder
from visavis.embedders.registry import load_embedder
from visavis.errors import ModelError
from visavis.types import RGB


def test_a_score_is_the_weighted_mean_of_the_parts_scores(
    tiny_model: Callable[..., Path], pictures: list[RGB]
) -> None:
    deep, colour = OnnxEmbedder(tiny_model()), ClassicEmbedder()
    both = CombinedEmbedder([Part(deep, 3), Part(colour, 1)]).embed_images(pictures)
    a, b = deep.embed_images(pictures), colour.embed_images(pictures)
    np.testing.assert_allclose(both @ both.T, 0.75 * (a @ a.T) + 0.25 * (b @ b.T), atol=1e-5)


def test_only_the_proportion_of_the_weights_counts() -> None:
    classic = ClassicEmbedder()
    one = CombinedEmbedder([Part(classic, 0.7), Part(classic, 0.3)])
    same = CombinedEmbedder([Part(classic, 7), Part(classic, 3)])
    other = CombinedEmbedder([Part(classic, 3), Part(classic, 7)])
    assert one.fingerprint == same.fingerprint != other.fingerprint


def test_it_is_named_as_it_is_loaded(tiny_model: Callable[..., Path]) -> None:
    folder = tiny_model()
    deep, classic = OnnxEmbedder(folder), ClassicEmbedder()
    weighted = CombinedEmbedder([Part(deep, 0.7), Part(classic, 0.3)])
    assert weighted.name == "0.7:tiny+0.3:classic"
    assert weighted.ref == f"0.7:{folder}+0.3:classic"
    assert CombinedEmbedder([Part(deep), Part(classic)]).name == "tiny+classic"


def test_it_looks_as_closely_as_the_part_that_looks_closest(
    tiny_model: Callable[..., Path],
) -> None:
    both = CombinedEmbedder([Part(OnnxEmbedder(tiny_model())), Part(ClassicEmbedder())])
    assert both.side == 96
    assert both.dim == 8 + 384


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan"), float("inf")])
def test_weights_that_make_no_sense_are_refused(weight: float) -> None:
    with pytest.raises(ModelError, match="weight above 0"):
        CombinedEmbedder([Part(ClassicEmbedder(), weight)])


def test_words_of_a_mix_lie_in_the_numbers_of_the_parts_that_read(tmp_path: Path) -> None:
    add_folder(write_clip(tmp_path / "clip"))
    clip, classic = load_embedder("clip"), ClassicEmbedder()
    assert isinstance(clip, TextEmbedder)
    both = combined([Part(classic, 0.5), Part(clip, 0.5)])
    assert isinstance(both, TextEmbedder)
    red, blue = np.full((2, 20, 20, 3), 10, np.uint8)
    red[..., 0] = blue[..., 2] = 240
    texts = both.embed_texts(["red", "blue"])
    np.testing.assert_array_equal(texts[:, :384], 0)
    np.testing.assert_allclose(np.linalg.norm(texts, axis=1), 1, atol=1e-6)
    scores = both.embed_images([red, blue]) @ texts.T
    alone = clip.embed_images([red, blue]) @ clip.embed_texts(["red", "blue"]).T
    np.testing.assert_allclose(scores, np.sqrt(0.5) * alone, atol=1e-5)
    assert not isinstance(combined([Part(classic), Part(classic)]), TextEmbedder)


def test_classes_of_a_mix_lie_in_the_numbers_of_the_part_that_tells_them(
    tiny_model: Callable[..., Path], pictures: list[RGB]
) -> None:
    folder = tiny_model(classes={"output": "prob", "labels": "labels.txt"})
    (folder / "labels.txt").write_text("".join(f"thing {n}\n" for n in range(1000)))
    deep = OnnxEmbedder(folder)
    both = combined([Part(ClassicEmbedder(), 0.7), Part(deep, 0.3)])
    alone, mixed = classes_of(deep), classes_of(both)
    assert mixed.labels == alone.labels
    np.testing.assert_array_equal(mixed.scores(pictures), alone.scores(pictures))
    found = mixed.directions(["thing 5"])
    np.testing.assert_array_equal(found[:, :384], 0)
    np.testing.assert_array_equal(found[:, 384:], alone.directions(["thing 5"]))
