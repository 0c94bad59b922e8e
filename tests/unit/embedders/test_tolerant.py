from collections.abc import Sequence

import numpy as np
import pytest
from visavis_fake import PickyEmbedder

from visavis.embedders.base import embed
from visavis.embedders.tolerant import tolerant_rows
from visavis.errors import ModelError
from visavis.types import RGB, Vectors

RED, WHITE = np.full((8, 8, 3), (200, 0, 0), np.uint8), np.full((8, 8, 3), 255, np.uint8)


def picky(pictures: Sequence[RGB]) -> Vectors:
    return embed(PickyEmbedder(), pictures)


def test_a_picture_that_a_model_cannot_take_is_left_out_of_its_batch() -> None:
    rows, refused = tolerant_rows(picky, [RED, WHITE, RED // 2])
    assert np.array_equal(np.stack(rows), picky([RED, RED // 2]))
    assert refused.keys() == {1}
    assert "made no vectors that can be kept" in refused[1]


def test_a_batch_of_nothing_else_is_no_fault_of_the_model() -> None:
    rows, refused = tolerant_rows(picky, [WHITE])
    assert not rows
    assert refused.keys() == {0}
    assert tolerant_rows(picky, []) == ([], {})


def test_a_model_that_takes_nothing_is_an_error() -> None:
    def broken(pictures: Sequence[RGB]) -> Vectors:
        raise ModelError("it is broken")

    with pytest.raises(ModelError, match="it is broken"):
        tolerant_rows(broken, [RED, WHITE])
