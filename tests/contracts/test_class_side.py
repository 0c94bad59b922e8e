"""What the class side of every model promises: folders, semantic ones, mixes."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from shop_classifier import write_shop_classifier

from visavis.embedders.base import ClassSide, Embedder, classes_of
from visavis.embedders.registry import load_embedder
from visavis.errors import UnknownWordError
from visavis.types import RGB


@pytest.fixture(params=["folder", "combined", "semantic"])
def model(request: pytest.FixtureRequest, gallery: Path, tmp_path: Path) -> Embedder:
    if request.param == "semantic":
        return load_embedder("visavis-s")
    folder = write_shop_classifier(tmp_path / "kinds", gallery.parent)
    return load_embedder(folder if request.param == "folder" else f"0.6:{folder}+0.4:classic")


@pytest.fixture
def side(model: Embedder) -> ClassSide:
    return classes_of(model)


@pytest.fixture
def images() -> list[RGB]:
    random = np.random.default_rng(4)
    return [random.integers(0, 256, (40, 50, 3), np.uint8) for _ in range(5)]


def test_scores_are_a_probability_for_each_label(side: ClassSide, images: list[RGB]) -> None:
    scores = side.scores(images)
    assert scores.shape == (5, len(side.labels))
    assert scores.min() >= 0
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-3)
    assert all(label.strip() for label in side.labels)


def test_scores_of_a_batch_are_those_of_its_pictures(side: ClassSide, images: list[RGB]) -> None:
    alone = np.concatenate([side.scores([image]) for image in images])
    np.testing.assert_allclose(side.scores(images), alone, atol=2e-3)


def test_directions_are_unit_vectors_among_the_embeddings(side: ClassSide, model: Embedder) -> None:
    names = [label.split(",")[0] for label in side.labels[:3]]
    found = side.directions([*names, names[0].upper()])
    assert found.shape == (len(names) + 1, model.dim)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(found[0], found[-1])
    assert len(np.unique(found.round(4), axis=0)) == len(names)


def test_a_name_that_is_no_class_is_told(side: ClassSide) -> None:
    with pytest.raises(UnknownWordError, match="xyzzy"):
        side.directions(["xyzzy plugh"])


def test_several_threads_may_ask(side: ClassSide, images: list[RGB]) -> None:
    expected = side.scores(images)
    with ThreadPoolExecutor(4) as pool:
        for scores in pool.map(side.scores, [images] * 8):
            np.testing.assert_allclose(scores, expected, atol=2e-3)
