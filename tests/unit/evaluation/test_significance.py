"""Randomization against enumeration, Holm's correction against his procedure."""

from itertools import product

import numpy as np
import pytest

from visavis.evaluation.significance import DRAWS, LEVEL, holm, randomization

ABOUT = 4 * (0.25 / DRAWS) ** 0.5  # four standard errors of a share


def enumerated(differences: list[float]) -> float:
    """The share of all ways to sign the differences that are as far from zero."""
    seen = abs(sum(differences))
    sums = [
        abs(sum(s * d for s, d in zip(signs, differences, strict=True)))
        for signs in product((-1, 1), repeat=len(differences))
    ]
    return sum(value >= seen - 1e-9 for value in sums) / len(sums)


@pytest.mark.parametrize("seed", range(5))
def test_p_is_the_share_of_all_signings_that_are_as_far_from_zero(seed: int) -> None:
    values = np.random.default_rng(seed).normal(0.4, 1, (10, 3)).round(2)
    found = randomization(values)
    for measure in range(3):
        assert found[measure] == pytest.approx(enumerated(values[:, measure].tolist()), abs=ABOUT)


def test_groups_change_their_signs_as_one() -> None:
    values = np.array([[0.5], [0.5], [0.3], [0.2], [-0.1], [0.6]])
    groups = [7, 7, 3, 3, 5, 5]
    wanted = enumerated([1.0, 0.5, 0.5])
    assert randomization(values, groups)[0] == pytest.approx(wanted, abs=ABOUT)
    assert randomization(values)[0] < wanted - ABOUT


def test_no_difference_is_certainly_chance_and_nothing_certainly_is_not() -> None:
    assert randomization(np.zeros((20, 2))).tolist() == [1, 1]
    [certain] = randomization(np.ones((3000, 1)))
    assert 0 < certain < 1e-300
    same = randomization(np.array([[1.0], [-1.0]]))
    assert same.tolist() == [1]


def test_what_no_draw_reaches_is_bounded_by_no_less_than_what_enumeration_finds() -> None:
    least = 1 / (DRAWS + 1)
    for queries in (14, 16, 20, 24, 50):  # one sign for all of them
        [found] = randomization(np.ones((queries, 1)))
        assert found >= 0.5 ** (queries - 1) or found >= least
    [found] = randomization(np.ones((50, 1)))
    assert 0.5**49 < found < 1e-10
    assert found < least


@pytest.mark.parametrize("seed", range(20))
def test_no_p_is_far_below_the_share_of_all_signings(seed: int) -> None:
    chance = np.random.default_rng(seed)
    values = (np.abs(chance.normal(1, 0.7, 14)) + 0.1).round(2).tolist()  # nearly one-sided
    wanted = enumerated(values)
    [found] = randomization(np.array(values)[:, None])
    assert found >= min(wanted, 1 / (DRAWS + 1))
    assert found <= wanted + ABOUT


def test_a_clear_difference_stays_clear_among_hundreds() -> None:
    """Eleven models, 55 pairs of them, by ten measures."""
    clear = np.random.default_rng(1).normal(0.2, 0.1, (60, 1))  # nearly every query is better
    [p] = randomization(clear)
    assert holm([float(p)] * 550)[0] < LEVEL


def test_many_queries_are_drawn_in_blocks_with_the_same_meaning() -> None:
    values = np.random.default_rng(3).normal(0.02, 1, (3000, 1))
    z = abs(values.sum()) / np.sqrt(np.square(values).sum())  # nearly normal by now
    assert randomization(values)[0] == pytest.approx(np.exp(-(z**2) / 2) ** 0.5, abs=0.5)
    by_hand = np.random.default_rng(9).choice([-1.0, 1.0], (4000, 3000)) @ values
    share = (np.abs(by_hand) >= abs(values.sum())).mean()
    assert randomization(values)[0] == pytest.approx(share, abs=2 * ABOUT)


def rejected(values: list[float], level: float) -> set[int]:
    """Holm's procedure as it was published: reject while p_(i) <= level / (m - i + 1)."""
    found: set[int] = set()
    for rank, place in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        if values[place] > level / (len(values) - rank):
            break
        found.add(place)
    return found


@pytest.mark.parametrize("seed", range(20))
def test_adjusted_values_reject_what_the_procedure_rejects(seed: int) -> None:
    chance = np.random.default_rng(seed)
    values = (chance.random(chance.integers(1, 12)) ** 3 * 0.2).tolist()
    adjusted = holm(values)
    for level in (0.01, 0.05, 0.2):
        chosen = {place for place, value in enumerate(adjusted) if value <= level}
        assert chosen == rejected(values, level)
    assert holm([]) == []
