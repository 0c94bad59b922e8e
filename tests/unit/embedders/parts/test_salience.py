"""Boxes around what stands out, compared with where things were pasted."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper
from pasted import PRODUCTS, pasted, plain, rough
from pictures import overlap
from visavis_fake import FakeEmbedder

from visavis.embedders.folder import OnnxEmbedder
from visavis.embedders.parts.looking import PartsEmbedder
from visavis.embedders.parts.salience import Blank, subjects
from visavis.embedders.parts.split import seems_to_split
from visavis.embedders.registry import load_embedder
from visavis.types import Box, Subject

PLACES = ((0.1, 0.1), (0.35, 0.3), (0.55, 0.1), (0.1, 0.3), (0.55, 0.3))


@pytest.fixture(scope="module")
def looking() -> PartsEmbedder:
    return PartsEmbedder(load_embedder(threads=1))


def best(box: Box, found: list[Subject]) -> float:
    return max((overlap(box, one.box) for one in found), default=0.0)


def test_a_thing_on_a_plain_or_rough_ground_is_found_where_it_lies(looking: PartsEmbedder) -> None:
    overlaps = []
    for ground in (plain(), plain("white"), rough(1)):
        for number in range(len(PRODUCTS)):
            left, top = PLACES[number % len(PLACES)]
            picture = pasted(ground, (number, left, top, 0.5))
            overlaps.append(best(picture.boxes[0], looking.subjects(picture.pixels)))
    assert len(overlaps) == 24
    assert sum(one >= 0.5 for one in overlaps) >= 20
    assert np.mean(overlaps) > 0.65


def test_two_things_have_a_box_each(looking: PartsEmbedder) -> None:
    for number in range(4):
        picture = pasted(plain(), (number, 0.06, 0.1, 0.42), (number + 4, 0.6, 0.5, 0.42))
        found = looking.subjects(picture.pixels)
        assert len(found) == 2
        assert min(best(box, found) for box in picture.boxes) >= 0.5
        assert found[0].score >= found[1].score
        assert sum(one.score for one in found) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("colour", ["white", "black", "grey", "navy", "tomato", "gold"])
def test_a_picture_of_nothing_has_no_subject(looking: PartsEmbedder, colour: str) -> None:
    assert looking.subjects(np.asarray(plain(colour))) == []


def test_what_fills_the_picture_needs_no_box(looking: PartsEmbedder) -> None:
    ground = plain("white").resize((300, 300))
    assert looking.subjects(pasted(ground, (6, 0.02, 0.01, 0.97)).pixels) == []
    assert len(looking.subjects(pasted(ground, (6, 0.3, 0.3, 0.4)).pixels)) == 1


def test_a_model_without_a_map_proposes_nothing() -> None:
    looking = PartsEmbedder(FakeEmbedder())
    assert not looking.seems_to_split
    assert looking.subjects(pasted(plain(), (0, 0.3, 0.3, 0.4)).pixels) == []


# -- maps drawn by hand ----------------------------------------------------------------------------

NOTHING = Blank(np.zeros((3, 10, 10), np.float32), np.ones((3, 10, 10), np.float32), 1.0)


def drawn(*things: tuple[int, tuple[slice, slice]]) -> NDArray[np.float32]:
    """A map of three channels with things in it, each of one channel, highest in its middle."""
    seen = np.ones((3, 10, 10), np.float32)
    for channel, place in things:
        high, wide = seen[channel][place].shape
        hill = np.minimum.outer(*(5 - abs(np.arange(n) - (n - 1) / 2) for n in (high, wide)))
        seen[channel][place] += hill.astype(np.float32)
    return seen


def test_answers_that_a_blank_gets_too_do_not_count() -> None:
    assert subjects(np.ones((3, 10, 10), np.float32), NOTHING) == []
    (found,) = subjects(drawn((0, np.s_[2:5, 3:8])), NOTHING)
    assert found.box == pytest.approx((0.3, 0.2, 0.8, 0.5), abs=0.07)
    assert found.score == pytest.approx(1)


def test_things_that_touch_are_two_where_their_answers_differ() -> None:
    left, right = np.s_[3:6, 1:5], np.s_[3:6, 5:9]
    apart = subjects(drawn((0, left), (1, right)), NOTHING)
    assert sorted(one.box[0] for one in apart) == pytest.approx([0.1, 0.5], abs=0.07)
    (joined,) = subjects(drawn((0, left), (0, right)), NOTHING)
    assert joined.box == pytest.approx((0.1, 0.3, 0.9, 0.6), abs=0.07)


def test_specks_are_left_out() -> None:
    seen = drawn((0, np.s_[2:6, 1:5]))
    seen[1, 8, 8] = 4
    assert len(subjects(seen, NOTHING)) == 1


def test_the_means_of_a_layer_norm_are_no_pooling_of_a_map(
    tiny_model: Callable[..., Path], tmp_path: Path
) -> None:
    model = load_embedder(tiny_model(), threads=1)
    assert isinstance(model, OnnxEmbedder)
    assert seems_to_split(model.folder / model.spec.file, model.spec)
    nodes = [
        helper.make_node("ReduceMean", ["tokens"], ["mean"], axes=[-1]),
        helper.make_node("Sub", ["tokens", "mean"], ["centred"]),
        helper.make_node("Mul", ["centred", "centred"], ["squares"]),
        helper.make_node("ReduceMean", ["squares"], ["variance"], axes=[-1]),
        helper.make_node("Sqrt", ["variance"], ["deviation"]),
        helper.make_node("Div", ["centred", "deviation"], ["features"]),
    ]
    tokens, features = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4, 8])
        for name in ("tokens", "features")
    )
    normed = helper.make_model(helper.make_graph(nodes, "norm", [tokens], [features]))
    onnx.save(normed, tmp_path / "normed.onnx")
    assert not seems_to_split(tmp_path / "normed.onnx", replace(model.spec, output="features"))
