from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from visavis.embedders.classic import ClassicEmbedder
from visavis.embedders.combined import CombinedEmbedder, Part
from visavis.embedders.onnx import OnnxEmbedder
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
