"""Gradients correlated in all turns at once, held against turning and correlating one by one."""

import numpy as np
import pytest
from numpy.typing import NDArray

from visavis.matching.signature import SIDE
from visavis.matching.turns import WAYS, correlations, parts

Light = NDArray[np.float32]


def one_by_one(light: Light, kept: Light) -> list[float]:
    """What the definition says: turned by quarters, then mirrored."""
    turns = [np.rot90(light, way % 4) for way in range(WAYS)]
    turns = [turn[:, ::-1] if way >= 4 else turn for way, turn in enumerate(turns)]
    return [float(_unit(turn) @ _unit(kept)) for turn in turns]


def _unit(light: Light) -> NDArray[np.float64]:
    light = light.astype(np.float64)
    row = np.concatenate([np.diff(light, axis=1).ravel(), np.diff(light, axis=0).ravel()])
    return row / max(float(np.linalg.norm(row)), 1e-9)


def grids(count: int) -> list[Light]:
    """Smooth ones, as of photographs, and noise."""
    chance = np.random.default_rng(3)
    rough = chance.uniform(0, 255, (count, SIDE, SIDE))
    smooth = rough.cumsum(axis=1).cumsum(axis=2) / np.outer(*[np.arange(1, SIDE + 1)] * 2)
    return [one.astype(np.float32) for at in range(count) for one in (rough[at], smooth[at])]


@pytest.mark.parametrize("count", [1, 3, 80])
def test_turns_correlate_as_they_do_one_by_one(count: int) -> None:
    kept = grids(count)
    rows = np.stack([parts(one) for one in kept], axis=1)
    for asked in [*grids(1), np.rot90(kept[0], 3)]:
        expected = [one_by_one(asked, one) for one in kept]
        assert correlations(rows, asked) == pytest.approx(np.array(expected), abs=1e-5)


def test_a_turned_grid_correlates_fully_in_its_turn() -> None:
    [one, _] = grids(1)
    rows = parts(one)[:, None]
    for way in range(WAYS):
        turned = np.rot90(one[:, ::-1] if way >= 4 else one, -way % 4)
        assert correlations(rows, turned)[0].argmax() == way


def test_a_flat_grid_correlates_with_nothing() -> None:
    flat = np.full((SIDE, SIDE), 128, np.float32)
    assert np.abs(correlations(parts(grids(1)[0])[:, None], flat)).max() < 0.01
    assert np.abs(correlations(parts(flat)[:, None], grids(1)[0])).max() < 0.01
