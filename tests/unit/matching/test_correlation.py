"""Where one picture lies in another, told by correlating pixels."""

import numpy as np
import pytest
from pictures import overlap, part, scene
from PIL import Image

from visavis.matching.correlation import Canvas, Sought, agreement, is_there, placed, refined
from visavis.matching.signature import signature
from visavis.types import RGB, Box

BOXES: list[Box] = [(0.1, 0.2, 0.6, 0.7), (0.55, 0.05, 0.88, 0.38), (0.3, 0.7, 0.55, 0.95)]


@pytest.mark.parametrize("box", BOXES)
def test_a_part_is_found_where_it_was_cut_out(box: Box) -> None:
    whole = scene(1)
    found = placed(Sought(part(whole, box)), Canvas.of(whole))
    assert found.score > 0.9
    assert overlap(found.box, box) > 0.8


def test_other_light_and_contrast_do_not_matter() -> None:
    whole = scene(2)
    darker = (part(whole, BOXES[0]) * 0.5 + 70).astype(np.uint8)
    found = placed(Sought(darker), Canvas.of(whole))
    assert found.score > 0.9
    assert overlap(found.box, BOXES[0]) > 0.8


@pytest.mark.parametrize("box", BOXES)
def test_a_closer_look_agrees_in_gradients_too_and_other_pictures_do_not(box: Box) -> None:
    whole, other = scene(3), scene(4)
    asked = part(whole, box)

    def told(pixels: RGB) -> bool:
        place = refined(asked, pixels, placed(Sought(asked), Canvas.of(pixels)))
        return is_there(place, agreement(asked, pixels, place).form)

    assert told(whole)
    assert not told(other)


def test_a_signature_tells_the_place_roughly() -> None:
    whole = scene(5)
    canvas = Canvas.of_signature(signature(whole), (whole.shape[0], whole.shape[1]))
    found = placed(Sought(part(whole, BOXES[0]), canvas.side), canvas)
    assert overlap(found.box, BOXES[0]) > 0.6


def test_a_known_picture_is_found_in_one_that_is_asked_with_by_its_signature() -> None:
    inner, around = scene(6), np.array(Image.fromarray(scene(7)).resize((640, 480)))
    both = around.copy()
    both[100:340, 200:520] = inner
    canvas = Canvas.of(both, 64)
    found = placed(Sought.of_signature(signature(inner), (240, 320)), canvas)
    assert overlap(found.box, (200 / 640, 100 / 480, 520 / 640, 340 / 480)) > 0.6


def test_flat_pictures_lie_nowhere() -> None:
    flat = np.full((60, 80, 3), 120, np.uint8)
    assert placed(Sought(flat), Canvas.of(scene(8))).score < 0.1
    assert placed(Sought(scene(8)), Canvas.of(flat)).score < 0.1


def test_the_correlation_is_that_of_numpy() -> None:
    """At the place that is found, by the definition of the coefficient."""
    whole = np.array(Image.fromarray(scene(9)).resize((128, 96)))
    asked = whole[20:70, 30:90]
    found = placed(Sought(asked), Canvas.of(whole), [(50 * 60) ** 0.5 / 128])
    assert found.box == pytest.approx((30 / 128, 20 / 96, 90 / 128, 70 / 96), abs=0.01)
    assert found.score == pytest.approx(1, abs=0.01)


def test_a_sliver_and_a_dot_are_no_error() -> None:
    for pixels in (scene(1)[:1], scene(1)[:, :1], scene(1)[:1, :1]):
        place = placed(Sought(pixels), Canvas.of(scene(2)))
        assert np.isfinite(place.score)
        assert np.isfinite(agreement(pixels, scene(2), place).form)
