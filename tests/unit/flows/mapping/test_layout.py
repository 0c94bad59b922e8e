"""A layout keeps neighbours together, and its forces are those of t-SNE."""

import numpy as np
import pytest
from numpy.typing import NDArray

from visavis.flows.mapping.arranging import arrange, fitted, place_others
from visavis.flows.mapping.layout import _Grid, affinities
from visavis.flows.mapping.levels import COARSEST, LAST, STEP, levels
from visavis.flows.mapping.neighbours import nearest
from visavis.types import Vectors


def clusters(count: int, each: int, seed: int = 1) -> tuple[Vectors, NDArray[np.int64]]:
    """Unit vectors around some centres, and which centre each is around."""
    chance = np.random.default_rng(seed)
    centres = chance.normal(size=(count, 24))
    rows = np.repeat(centres, each, axis=0) + chance.normal(size=(count * each, 24)) * 0.35
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit.astype(np.float32), np.repeat(np.arange(count), each)


def test_neighbours_are_those_of_brute_force_and_never_the_image_itself() -> None:
    vectors, _ = clusters(5, 30)
    vectors[7] = vectors[8] = vectors[9]
    rows, cosines = nearest(vectors, 10)
    scores = vectors @ vectors.T
    np.fill_diagonal(scores, -2)
    assert np.allclose(cosines, -np.sort(-scores, axis=1)[:, :10], atol=1e-5)
    assert not (rows == np.arange(len(vectors))[:, None]).any()
    assert {8, 9} <= set(rows[7])


def test_what_repels_is_what_every_pair_adds_up_to() -> None:
    """The grid's forces against the sum over all pairs, as t-SNE is defined."""
    places = (np.random.default_rng(3).normal(size=(300, 2)) * 9).astype(np.float32)
    apart = places[:, None] - places[None]
    near = 1 / (1 + (apart**2).sum(axis=2))
    np.fill_diagonal(near, 0)
    exact = (apart * near[..., None] ** 2).sum(axis=1) / near.sum()
    found = _Grid().repulsion(places)
    assert np.corrcoef(exact.ravel(), found.ravel())[0, 1] > 0.98
    assert np.linalg.norm(found) == pytest.approx(np.linalg.norm(exact), rel=0.15)


def test_affinities_have_the_perplexity_and_sum_to_one() -> None:
    vectors, _ = clusters(4, 60)
    weights = affinities(nearest(vectors, 36)[1]).astype(np.float64)
    assert np.allclose(weights.sum(axis=1), 1, atol=1e-5)
    perplexity = np.exp(-(weights * np.log(weights + 1e-12)).sum(axis=1))
    assert np.allclose(perplexity, 12, rtol=0.05)


def test_a_map_keeps_groups_together() -> None:
    vectors, groups = clusters(8, 40)
    made = arrange(vectors, seed=0)
    assert made.positions.min() >= 0
    assert made.positions.max() <= 1
    flat = ((made.positions[:, None] - made.positions[None]) ** 2).sum(axis=2)
    np.fill_diagonal(flat, np.inf)
    near = np.argsort(flat, axis=1)[:, :10]
    assert (groups[near] == groups[:, None]).mean() > 0.95
    kept = [len(set(a) & set(b)) / 10 for a, b in zip(near, made.neighbours, strict=True)]
    assert np.mean(kept) > 0.4


def test_the_same_seed_gives_the_same_map_and_another_one_another() -> None:
    vectors, _ = clusters(4, 30)
    first, again, other = (arrange(vectors, seed).positions for seed in (0, 0, 5))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 6])
def test_few_images_have_places_of_their_own(count: int) -> None:
    vectors, _ = clusters(1, count)
    made = arrange(vectors, seed=0)
    assert np.isfinite(made.positions).all()
    assert len(np.unique(made.positions.round(4), axis=0)) == count
    assert made.neighbours.shape == (count, min(10, count - 1))


def test_images_that_are_all_the_same_are_laid_out_all_the_same() -> None:
    vectors = np.tile(np.eye(1, 16, dtype=np.float32), (50, 1))
    made = arrange(vectors, seed=0)
    assert np.isfinite(made.positions).all()
    assert len(np.unique(made.positions, axis=0)) == 50


def test_a_new_image_is_put_among_its_neighbours() -> None:
    vectors, groups = clusters(6, 40)
    known = np.random.default_rng(0).random(len(vectors)) < 0.8
    positions = np.full((len(vectors), 2), np.nan, np.float32)
    positions[known] = arrange(vectors[known], seed=0).positions
    place_others(vectors, positions, seed=0)
    for row in np.flatnonzero(~known):
        own = positions[known & (groups == groups[row])]
        others = positions[known & (groups != groups[row])]
        away = np.linalg.norm(own - positions[row], axis=1).min()
        assert away < np.linalg.norm(others - positions[row], axis=1).min()


def test_no_shown_image_covers_another_and_each_level_fills_the_map() -> None:
    chance = np.random.default_rng(2)
    positions = fitted(chance.normal(size=(900, 2)).astype(np.float32))
    first = np.zeros(900, bool)
    first[:5] = True
    found = levels(positions, first)
    apart = np.abs(positions[:, None] - positions[None]).max(axis=2)
    np.fill_diagonal(apart, 9)
    for level in range(0, LAST, 3):
        shown, least = found <= level, COARSEST / STEP**level
        assert apart[shown][:, shown].min() >= least * 0.999
        left = apart[~shown][:, shown]
        assert not len(left) or (left.min(axis=1) < least).all()
    assert found[0] == 0
