"""How records differ, against NumPy's own covariance and matrix functions."""

import numpy as np
import pytest
from numpy.typing import NDArray

from visavis.flows.concepts.spread import Spread

DIMENSIONS = pytest.mark.parametrize("dim", [6, 60], ids=["more rows than dimensions", "fewer"])
CHANCE = np.random.default_rng(11)
SCALES = np.geomspace(1, 0.01, 60)


@DIMENSIONS
def test_the_deviation_along_a_direction_is_that_of_the_scores(dim: int) -> None:
    vectors = (CHANCE.standard_normal((40, dim)) * SCALES[:dim] + 0.3).astype(np.float32)
    along = CHANCE.standard_normal(dim)
    found = Spread.of(vectors).deviation(along)
    assert found == pytest.approx(float((vectors @ along).std()), rel=1e-4)


@DIMENSIONS
def test_vectors_are_shrunk_by_the_fourth_root_of_the_covariance(dim: int) -> None:
    vectors = (CHANCE.standard_normal((40, dim)) * SCALES[:dim] + 0.3).astype(np.float32)
    rows = CHANCE.standard_normal((3, dim))
    covariance = np.cov(vectors.T.astype(np.float64), bias=True)
    enlarged = np.eye(dim) + covariance / (np.trace(covariance) / dim)
    squared = enlarged
    for _ in range(2):
        enlarged = _square_root(enlarged)  # by an iteration, not by axes
    assert np.linalg.matrix_power(enlarged, 4) == pytest.approx(squared)
    spread = Spread.of(vectors)
    assert spread.shrunk(rows) @ enlarged == pytest.approx(rows, abs=1e-4)
    moved = (rows - vectors.mean(axis=0)) @ np.linalg.inv(enlarged)
    lengths = np.linalg.norm(moved, axis=1, keepdims=True)
    assert spread.evened(rows.astype(np.float32)) == pytest.approx(moved / lengths, abs=1e-4)


def test_the_mean_itself_stays_zero() -> None:
    vectors = np.eye(4, dtype=np.float32)
    assert not Spread.of(vectors).evened(vectors.mean(axis=0)[None]).any()


def _square_root(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of a positive definite matrix; Denman and Beavers 1976."""
    root, inverse = matrix, np.eye(len(matrix))
    for _ in range(40):
        root, inverse = (
            (root + np.linalg.inv(inverse)) / 2,
            (inverse + np.linalg.inv(root)) / 2,
        )
    return root
