"""Reciprocal rank fusion against the formula, written out for one record at a time."""

import numpy as np
import pytest

from visavis.store.text.fusion import K, RankedRecords, fused, ranked


def by_hand(rankings: list[RankedRecords]) -> dict[int, float]:
    scores: dict[int, float] = {}
    for ranking in rankings:
        for number, rank, weight in zip(*ranking, strict=True):
            scores[int(number)] = scores.get(int(number), 0.0) + weight / (K + rank)
    return scores


@pytest.mark.parametrize("seed", range(20))
def test_each_record_gets_the_sum_of_its_reciprocal_ranks(seed: int) -> None:
    chance = np.random.default_rng(seed)
    rankings = [
        ranked(
            chance.choice(300, size=int(count), replace=False).astype(np.int64),
            chance.integers(0, 30, int(count)).astype(float),
            weight,
        )
        for count, weight in ((100, 1.0), (chance.integers(0, 200), 0.5))
    ]
    numbers, scores = fused(*rankings)
    expected = by_hand(rankings)
    assert set(numbers.tolist()) == set(expected)
    assert scores.tolist() == pytest.approx([expected[n] for n in numbers.tolist()])
    assert scores.tolist() == sorted(scores.tolist(), reverse=True)


def test_equal_scores_share_a_rank_whatever_their_order() -> None:
    found = ranked(np.array([5, 6, 7, 8]), np.array([0.2, 0.9, 0.2, 0.1]))
    assert found.ranks.tolist() == [2, 1, 2, 4]


def test_a_record_high_in_both_comes_before_the_first_of_either() -> None:
    text = ranked(np.array([1, 2]), np.array([9.0, 8.0]))
    looks = ranked(np.array([3, 2]), np.array([0.9, 0.8]))
    assert fused(text, looks)[0].tolist()[0] == 2


def test_of_nothing_comes_nothing() -> None:
    nothing = ranked(np.empty(0, np.int64), np.empty(0))
    assert fused(nothing, nothing)[0].tolist() == []
