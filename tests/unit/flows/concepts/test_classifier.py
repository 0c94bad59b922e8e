"""A direction learned from marks, against its own definition and worked by hand."""

import numpy as np
import pytest
from numpy.typing import NDArray

from visavis.flows.concepts.classifier import cut, direction, logistic_normal
from visavis.flows.concepts.spread import Spread
from visavis.types import Vectors

NONE = np.zeros((0, 3), np.float32)
NONE20 = np.zeros((0, 20), np.float32)


def unit(*rows: tuple[float, ...]) -> Vectors:
    vectors = np.array(rows, np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def loss(
    normal: NDArray[np.float64], offset: float, rows: Vectors, such: Vectors, counts: Vectors
) -> float:
    """What the regression makes small, written down once more from its definition."""
    margins = (2 * such - 1) * (rows @ normal + offset)
    return float((counts * np.log1p(np.exp(-margins))).sum() + normal @ normal / 6)


def test_of_two_opposites_the_direction_is_what_one_works_out_by_hand() -> None:
    found = direction(unit((1, 0, 0)), unit((0, 1, 0)), NONE)
    wanted = np.array([1, -1, 0]) / 2**0.5 + 0.5 * np.array([1, -0.5, 0]) / 1.25**0.5
    assert found == pytest.approx(wanted / np.linalg.norm(wanted), abs=1e-5)


@pytest.mark.parametrize("dim", [6, 60], ids=["more rows than dimensions", "fewer"])
def test_no_other_normal_has_a_smaller_loss(dim: int) -> None:
    chance = np.random.default_rng(3)
    rows = unit(*map(tuple, chance.standard_normal((40, dim))))
    such = np.r_[np.ones(5), np.zeros(35)]
    counts = np.r_[np.ones(10), np.full(30, 0.1)]
    found = logistic_normal(rows.astype(np.float64), such, counts, 1 / 3)
    offsets = np.linspace(-6, 2, 801)

    def best(normal: NDArray[np.float64]) -> float:
        return min(loss(normal, offset, rows, such, counts) for offset in offsets)

    least = best(found)
    for _ in range(10):
        assert best(found + 0.2 * chance.standard_normal(dim)) > least


def test_what_few_records_differ_in_is_learned_beside_what_most_differ_in() -> None:
    """By hand: 1 and -1 along x, 0.1 and -0.1 along y, as often, about a mean of 0."""
    four = np.array([(1, 0.1), (1, -0.1), (-1, 0.1), (-1, -0.1)], np.float32)
    spread = Spread.of(np.repeat(four, 3, 0))
    yes, no = unit((0, 1)), unit((1, 0))
    plain = np.array([-1, 1]) / 2**0.5 + 0.5 * np.array([-0.5, 1]) / 1.25**0.5
    plain /= np.linalg.norm(plain)
    usual = (1 + 0.01) / 2  # the mean of the two variances
    evened = plain * [(1 + 1 / usual) ** -0.25, (1 + 0.01 / usual) ** -0.25]
    plain, evened = (each / np.hypot(each[0], 0.1 * each[1]) for each in (plain, evened))
    wanted = (plain + evened) / np.linalg.norm(plain + evened)
    assert direction(yes, no, NONE[:, :2], spread) == pytest.approx(wanted, abs=1e-5)


def test_records_that_are_all_alike_change_nothing() -> None:
    rows = unit((0.2, 0.9, 0.1), (0.4, 0.1, 0.8))
    alike = Spread.of(np.repeat(rows[:1], 20, 0))
    found = direction(rows[:1], rows[1:], NONE, alike)
    assert found == pytest.approx(direction(rows[:1], rows[1:], NONE), abs=1e-6)


@pytest.mark.parametrize("noise", [0, 1e-6])
def test_a_mark_among_records_that_hardly_differ_is_not_turned_around(noise: float) -> None:
    chance = np.random.default_rng(3)
    rows = unit(*map(tuple, np.ones((130, 64)) + noise * chance.standard_normal((130, 64))))
    for no in (rows[:0], rows[1:2]):
        found = direction(rows[:1], no, rows[2:122], Spread.of(rows))
        assert float(rows[0] @ found) > 0.9


def test_the_cut_lies_above_what_was_picked_by_chance() -> None:
    chance = np.random.default_rng(5)
    random = unit(*map(tuple, chance.standard_normal((300, 20))))
    along = unit(tuple(chance.standard_normal(20)))
    least = cut(along[0], along, NONE20, random)
    assert least is not None
    fresh = unit(*map(tuple, chance.standard_normal((5_000, 20))))
    assert 0.001 < float((fresh @ along[0] >= least).mean()) < 0.02
    assert cut(along[0], along, NONE20, random[:8]) is None
    assert cut(along[0], random[:20], NONE20, random[:0]) is None  # nothing but such


def test_the_cut_is_within_reach_where_half_of_all_are_such() -> None:
    chance = np.random.default_rng(6)
    such = unit(*map(tuple, chance.normal(0, 0.2, (60, 8)) + np.eye(8)[0]))
    others = unit(*map(tuple, chance.normal(0, 0.2, (60, 8)) + np.eye(8)[1]))
    along = direction(such[:5], others[:5], np.concatenate([such[5:20], others[5:20]]))
    least = cut(along, such[:5], others[:5], np.concatenate([such[20:], others[20:]]))
    assert least is not None
    assert float((such @ along >= least).mean()) > 0.9
    assert float((others @ along >= least).mean()) < 0.1


@pytest.mark.parametrize("left", [0, 3])
def test_where_hardly_any_is_left_to_pick_the_cut_parts_those_marked(left: int) -> None:
    """Worked by hand: such from 0.5 on, and others up to 0.3, but for one of each."""
    scores = {True: (0.1, 0.5, 0.6, 0.7, 0.8, 0.9), False: (0.0, 0.1, 0.2, 0.3, 0.3, 0.65)}
    yes, no = (unit(*[(at, (1 - at * at) ** 0.5, 0) for at in scores[good]]) for good in scores)
    along = unit((1, 0, 0))[0]
    assert cut(along, yes, no, yes[:left]) == pytest.approx((0.3 + 0.5) / 2, abs=1e-6)
    assert cut(along, yes[:1], no[-1:], no[:0]) is None  # two records
    assert cut(along, yes[:4], no[:0], no) == pytest.approx((0.55 + 1.55 / 6) / 2, abs=1e-6)


@pytest.mark.parametrize("dim", [2, 400], ids=["more rows than dimensions", "fewer"])
def test_marks_that_contradict_one_another_and_many_dimensions_still_give_a_unit_vector(
    dim: int,
) -> None:
    chance = np.random.default_rng(4)
    rows = unit(*map(tuple, chance.standard_normal((30, dim))))
    for yes, no, random in (
        (rows[:3], rows[:3], rows[:0]),
        (rows[:3], rows[:0], rows[:0]),
        (np.repeat(rows[:1], 9, 0), rows[:1], rows[3:]),
    ):
        found = direction(yes, no, random)
        assert found.shape == (dim,)
        assert found.dtype == np.float32
        assert np.linalg.norm(found) == pytest.approx(1, abs=1e-5)


def test_one_picture_alone_is_searched_for_as_it_is() -> None:
    rows = unit((0.2, 0.9, 0.1))
    assert direction(rows, NONE, NONE) == pytest.approx(rows[0], abs=1e-6)
