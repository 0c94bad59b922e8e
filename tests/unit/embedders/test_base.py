from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from visavis.embedders.base import embed, embed_words, unit_rows
from visavis.embedders.classic import ClassicEmbedder
from visavis.embedders.combined import CombinedEmbedder, Part
from visavis.errors import ModelError
from visavis.types import RGB

PAIR = [np.zeros((8, 8, 3), np.uint8)] * 2


@given(
    arrays(
        np.float32,
        array_shapes(min_dims=2, max_dims=2, max_side=8),
        elements=st.floats(width=32, allow_nan=True, allow_infinity=True),
    )
)
def test_every_row_is_finite_and_of_unit_length(matrix: np.ndarray[tuple[int, int]]) -> None:
    rows = unit_rows(matrix)
    assert rows.dtype == np.float32
    assert rows.shape == matrix.shape
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


def test_directions_are_kept() -> None:
    np.testing.assert_allclose(unit_rows(np.array([[3.0, -4.0]])), [[0.6, -0.8]], rtol=1e-6)


def test_a_row_of_zeros_becomes_the_even_one() -> None:
    np.testing.assert_allclose(unit_rows(np.zeros((1, 4))), [[0.5, 0.5, 0.5, 0.5]])


def test_no_rows_stay_no_rows() -> None:
    assert unit_rows(np.empty((0, 5))).shape == (0, 5)


def test_the_caller_keeps_its_own_numbers() -> None:
    matrix = np.array([[3.0, 4.0]], dtype=np.float32)
    unit_rows(matrix)
    assert matrix.tolist() == [[3.0, 4.0]]


class Given:
    """A model of another package that makes what a test says."""

    name = ref = fingerprint = "given"
    dim = 2
    side = None

    def __init__(self, made: Any) -> None:
        self.made = made

    def embed_images(self, images: Sequence[RGB]) -> Any:
        if isinstance(self.made, Exception):
            raise self.made
        return self.made

    def embed_texts(self, texts: Sequence[str]) -> Any:
        return self.embed_images([])


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, list])
def test_unit_vectors_of_any_precision_are_kept(dtype: Any) -> None:
    rows = np.array([[0.6, 0.8], [1, 0]])
    found = embed(Given(rows.tolist() if dtype is list else rows.astype(dtype)), PAIR)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, rows, atol=1e-3)


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (np.zeros((2, 2)), "of the length 0; they have to be of length 1"),
        (np.ones((2, 2)) * 1e30, r"of the length 1.41e\+30; they have"),
        (np.array([[1, 0], [0, 100]]), "of the length 100; they have"),
        (np.array([[1, 0], [np.nan, 1]]), "made no vectors that can be kept"),
        (np.eye(3), r"kept: \(3, 3\) of float64 for 2 (pictures|texts) and 2 dimensions"),
        (np.eye(1, 2), "made no vectors that can be kept"),
        (None, "made no vectors that can be kept"),
        ([["a", "b"], ["c", "d"]], "made no vectors that can be kept"),
        ([[1], [1, 0]], "the model 'given' failed: ValueError"),
        (np.eye(2) + 0j, "made no vectors that can be kept"),
        (RuntimeError("boom"), "the model 'given' failed: RuntimeError: boom"),
    ],
)
def test_what_is_no_unit_vector_is_refused(made: Any, told: str) -> None:
    with pytest.raises(ModelError, match=told):
        embed(Given(made), PAIR)
    with pytest.raises(ModelError, match=told):
        embed_words(Given(made), ["a", "b"])
    mixed = CombinedEmbedder([Part(Given(made)), Part(ClassicEmbedder())])
    with pytest.raises(ModelError, match=told):
        mixed.embed_images(PAIR)
