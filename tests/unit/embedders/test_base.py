import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from visavis.embedders.base import unit_rows


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
