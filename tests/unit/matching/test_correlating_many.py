"""Many pictures correlated in one go: the same as one by one."""

import numpy as np
import pytest
from pictures import part, scene
from PIL import Image

from visavis.matching.correlating_many import SPARSE, each_placed, placed_in_each
from visavis.matching.correlation import COARSE, NOWHERE, Canvas, Place, Sought, placed
from visavis.matching.signature import Signature, signature

SHAPES = [(240, 320), (320, 240), (200, 200), (90, 320)]


def known(number: int) -> tuple[Signature, tuple[int, int]]:
    """What is kept of a scene that was stretched to one of the shapes."""
    high, wide = shape = SHAPES[number % len(SHAPES)]
    return signature(np.array(Image.fromarray(scene(number)).resize((wide, high)))), shape


def best_by_one(sought: Sought, canvas: Canvas) -> Place:
    """The best of the sizes, each looked for by itself, without the finer sizes in between."""
    single = [placed(sought, canvas, [size]) for size in SPARSE]
    return max(single, key=lambda place: place.score)


def agree(found: Place, one: Place, canvas: Canvas, sought: Sought) -> None:
    """The same place, or, as `placed` looks at finer sizes too, one that scores a little less."""
    assert found.score <= one.score + 1e-4
    assert found.score > one.score - 0.15
    if found.size:
        left, top, right, bottom = found.box
        height, width = sought.shape(found.size)
        assert (right - left) * canvas.width == pytest.approx(width)
        assert (bottom - top) * canvas.height == pytest.approx(height)
        assert min(left, top) >= 0
        assert max(right, bottom) <= 1 + 1e-9


def test_a_part_is_found_in_the_one_of_many_that_it_was_cut_out_of() -> None:
    canvases = [Canvas.of_signature(*known(number)) for number in range(8)]
    sought = Sought(part(scene(4), (0.1, 0.2, 0.6, 0.7)), COARSE)
    found = placed_in_each(sought, canvases)
    for place, canvas in zip(found, canvases, strict=True):
        agree(place, best_by_one(sought, canvas), canvas, sought)
    assert max(range(8), key=lambda number: found[number].score) == 4


def test_the_one_of_many_that_lies_in_a_picture_is_told() -> None:
    both = np.array(Image.fromarray(scene(20)).resize((640, 480)))
    both[100:340, 200:520] = scene(4)
    canvas = Canvas.of(both, COARSE)
    many = [Sought.of_signature(*known(number)) for number in range(8)]
    found = each_placed(many, canvas)
    for place, sought in zip(found, many, strict=True):
        agree(place, best_by_one(sought, canvas), canvas, sought)
    assert max(range(8), key=lambda number: found[number].score) == 4


def test_what_fits_in_no_size_lies_nowhere() -> None:
    tall = Sought(np.zeros((300, 10, 3), np.uint8), COARSE)
    flat = Canvas.of(scene(1)[:10], COARSE)
    assert placed_in_each(tall, [flat]) == [NOWHERE]
    assert each_placed([tall], flat) == [NOWHERE]
    assert placed_in_each(tall, []) == []
    assert each_placed([], flat) == []
