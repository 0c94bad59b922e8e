"""Vectors as the database keeps them."""

import numpy as np
import pytest

from visavis.errors import IndexDamagedError
from visavis.store.sqlite import rows


def test_every_half_is_widened_as_numpy_does_it() -> None:
    halves = np.arange(2**16, dtype=np.uint16).view(np.float16)
    known = np.isfinite(halves)
    found = rows.widened(halves)
    assert found.dtype == np.float32
    assert np.array_equal(found[known], halves[known].astype(np.float32))
    assert np.array_equal(np.signbit(found[known]), np.signbit(halves[known]))
    assert (np.abs(found[~known]) >= 2**16).all()


@pytest.mark.parametrize("number", [np.inf, -np.inf, np.nan])
def test_a_vector_with_what_is_no_number_is_damaged(number: float) -> None:
    blob = np.array([0.6, number], np.float16).tobytes()
    with pytest.raises(IndexDamagedError):
        rows.vectors([(1, np.array([0.6, 0.8], np.float16).tobytes()), (2, blob)], 2)


def test_vectors_come_back_with_unit_length() -> None:
    blob = rows.blob(np.array([0.6, 0.8], np.float32))
    numbers, vectors = rows.vectors([(7, blob)], 2)
    assert numbers.tolist() == [7]
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1.0])
    assert vectors[0] == pytest.approx([0.6, 0.8], abs=1e-3)
