"""Every measure against a definition written out as plainly as it can be."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from visavis import metrics

IDS = st.lists(st.integers(0, 40), unique=True, min_size=1, max_size=25)
FLOATS = st.lists(st.sampled_from([0.1, 0.2, 0.5, 0.7, 0.9]), min_size=1, max_size=25)


@st.composite
def rankings(draw: st.DrawFn) -> tuple[list[int], set[int], set[int]]:
    """A ranking, at least one positive (perhaps not in it), and junk."""
    ranked = draw(IDS)
    positives = set(draw(st.lists(st.integers(0, 45), unique=True, min_size=1, max_size=10)))
    junk = set(draw(st.lists(st.integers(0, 45), unique=True, max_size=8))) - positives
    return ranked, positives, junk


def cleaned(ranked: list[int], junk: set[int]) -> list[int]:
    return [id for id in ranked if id not in junk]


def plain_average_precision(ranked: list[int], positives: set[int]) -> float:
    """Precision at every positive's place, counted anew each time."""
    total = 0.0
    for place, id in enumerate(ranked, 1):
        if id in positives:
            total += sum(other in positives for other in ranked[:place]) / place
    return total / len(positives)


def oxford_average_precision(ranked: list[int], positives: set[int]) -> float:
    """The loop of Oxford5k's compute_ap.cpp."""
    old_recall, old_precision, area, hits = 0.0, 1.0, 0.0, 0
    for place, id in enumerate(ranked, 1):
        hits += id in positives
        recall, precision = hits / len(positives), hits / place
        area += (recall - old_recall) * (old_precision + precision) / 2
        old_recall, old_precision = recall, precision
    return area


def plain_ndcg(ranked: list[int], positives: set[int], k: int) -> float:
    gains = [1 / math.log2(place + 1) for place in range(1, k + 1)]
    got = sum(g for g, id in zip(gains, ranked, strict=False) if id in positives)
    return got / sum(gains[: len(positives)])


def plain_micro_ap(scores: list[float], right: list[bool], positives: int) -> float:
    """Precision and recall at every threshold, counted anew each time."""
    area, before = 0.0, 0.0
    for threshold in sorted(set(scores), reverse=True):
        named = [r for s, r in zip(scores, right, strict=True) if s >= threshold]
        recall = sum(named) / positives
        area += (recall - before) * sum(named) / len(named)
        before = recall
    return area


@settings(deadline=None)
@given(rankings(), st.integers(1, 30))
def test_every_measure_agrees_with_its_definition(
    case: tuple[list[int], set[int], set[int]], k: int
) -> None:
    ranked, positives, junk = case
    ranks, total = metrics.positive_ranks(ranked, positives, junk), len(positives)
    kept = cleaned(ranked, junk)
    first = [id in positives for id in kept[:k]]
    expected = {
        "recall": float(any(first)),
        "coverage": sum(first) / total,
        "precision": sum(first) / k,
        "r": sum(id in positives for id in kept[:total]) / total,
        "ap": plain_average_precision(kept, positives),
        "trapezoid": oxford_average_precision(kept, positives),
        "ndcg": plain_ndcg(kept, positives, k),
        "ns": 1 + sum(id in positives for id in kept[:3]),
    }
    assert {
        "recall": metrics.recall_at(ranks, k),
        "coverage": metrics.coverage_at(ranks, total, k),
        "precision": metrics.precision_at(ranks, k),
        "r": metrics.r_precision(ranks, total),
        "ap": metrics.average_precision(ranks, total),
        "trapezoid": metrics.average_precision_trapezoid(ranks, total),
        "ndcg": metrics.ndcg_at(ranks, total, k),
        "ns": metrics.ns_score(ranks),
    } == pytest.approx(expected)


@settings(deadline=None)
@given(rankings())
def test_junk_changes_nothing_wherever_it_stands(
    case: tuple[list[int], set[int], set[int]],
) -> None:
    ranked, positives, junk = case
    without = metrics.positive_ranks(cleaned(ranked, junk), positives)
    assert metrics.positive_ranks(ranked, positives, junk).tolist() == without.tolist()


@settings(deadline=None)
@given(rankings())
def test_moving_a_positive_up_never_lowers_a_measure(
    case: tuple[list[int], set[int], set[int]],
) -> None:
    ranked, positives, _ = case
    places = [at for at, id in enumerate(ranked) if id in positives and at > 0]
    if not places:
        return
    better = list(ranked)
    at = places[-1]
    better[at - 1], better[at] = better[at], better[at - 1]
    total = len(positives)
    measures: list[Callable[[metrics.Ranks], float]] = [
        lambda r: metrics.average_precision(r, total),
        lambda r: metrics.average_precision_trapezoid(r, total),
        lambda r: metrics.ndcg_at(r, total, 10),
        lambda r: metrics.r_precision(r, total),
        lambda r: metrics.recall_at(r, 1),
        lambda r: metrics.top4_accuracy(r),
    ]
    before, after = (metrics.positive_ranks(r, positives) for r in (ranked, better))
    assert all(of(after) >= of(before) - 1e-12 for of in measures)


@settings(deadline=None)
@given(FLOATS, st.data())
def test_micro_ap_agrees_with_its_definition_ties_and_missed_pairs_included(
    scores: list[float], data: st.DataObject
) -> None:
    right = data.draw(st.lists(st.booleans(), min_size=len(scores), max_size=len(scores)))
    missed = data.draw(st.integers(0 if any(right) else 1, 3))
    positives = sum(right) + missed
    found = metrics.micro_average_precision(np.array(scores), np.array(right), positives)
    assert found == pytest.approx(plain_micro_ap(scores, right, positives))


@settings(deadline=None)
@given(FLOATS, st.data())
def test_a_pair_that_counts_twice_is_a_pair_that_is_there_twice(
    scores: list[float], data: st.DataObject
) -> None:
    size = len(scores)
    right = [True, *data.draw(st.lists(st.booleans(), min_size=size - 1, max_size=size - 1))]
    times = [1, *data.draw(st.lists(st.integers(0, 3), min_size=size - 1, max_size=size - 1))]
    positives = sum(t for t, r in zip(times, right, strict=True) if r)
    weighted = metrics.micro_average_precision(
        np.array(scores), np.array(right), positives, np.array(times, np.float64)
    )
    repeated = metrics.micro_average_precision(
        np.repeat(scores, times), np.repeat(right, times), positives
    )
    assert weighted == pytest.approx(repeated)


def test_micro_ap_and_average_precision_match_scikit_learns_figures() -> None:
    # average_precision_score and ndcg_score of scikit-learn 1.5 for these scores and labels.
    scores = np.array([0.9, 0.8, 0.8, 0.7, 0.6, 0.6, 0.5, 0.4, 0.3, 0.1])
    right = np.array([0, 1, 0, 1, 1, 0, 0, 1, 0, 1], bool)
    assert metrics.micro_average_precision(scores, right, 5) == pytest.approx(0.4666666666666667)
    ranked = list(range(10))
    ranks = metrics.positive_ranks(ranked, set(np.flatnonzero(right).tolist()))
    assert metrics.average_precision(ranks, 5) == pytest.approx(0.52)
    assert metrics.ndcg_at(ranks, 5, 6) == pytest.approx(0.49125969208957576)


def test_a_confident_stranger_costs_micro_ap_and_not_the_mean_of_queries() -> None:
    scores, right = np.array([0.8, 0.95]), np.array([True, False])
    assert metrics.micro_average_precision(scores[:1], right[:1], 1) == 1.0
    assert metrics.micro_average_precision(scores, right, 1) == 0.5


def test_the_best_object_of_ukbench_scores_four_and_chance_one() -> None:
    assert metrics.ns_score(np.array([1, 2, 3])) == 4.0
    assert metrics.top4_accuracy(np.array([1, 2, 3])) == 1.0
    assert metrics.ns_score(np.array([7, 8, 9])) == 1.0


def test_the_interval_has_the_width_that_theory_gives() -> None:
    values = np.random.default_rng(3).normal(0.5, 0.1, 400)
    low, high = metrics.bootstrap_interval(values)
    assert (high - low) / 2 == pytest.approx(1.96 * 0.1 / 20, rel=0.15)
    assert low < values.mean() < high


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    chance = np.random.default_rng(11)
    held = 0
    for trial in range(50):
        low, high = metrics.bootstrap_interval(
            (chance.random(60) < 0.7).astype(np.float64), seed=trial
        )
        held += low <= 0.7 <= high
    assert held >= 42


def test_copies_of_one_original_do_not_count_as_independent() -> None:
    originals = np.random.default_rng(5).random(40)
    values, groups = np.repeat(originals, 10), np.repeat(np.arange(40), 10).tolist()
    grouped = metrics.bootstrap_interval(values, groups=groups)
    alone = metrics.bootstrap_interval(originals)
    naive = metrics.bootstrap_interval(values)
    assert grouped.high - grouped.low == pytest.approx(alone.high - alone.low, rel=0.15)
    assert naive.high - naive.low < (grouped.high - grouped.low) / 2


@pytest.mark.parametrize("count", [2, 3, 10, 29])
def test_of_a_few_groups_the_interval_holds_the_truth_as_often_as_it_says(count: int) -> None:
    chance = np.random.default_rng(count)
    groups, held = np.repeat(np.arange(count), 6).tolist(), 0
    for _ in range(1000):
        values = (
            chance.normal(0, 0.01, count)[:, None] + chance.normal(0, 0.01, (count, 6))
        ).ravel()
        low, high = metrics.bootstrap_interval(values, groups=groups, span=(-1.0, 1.0))
        held += low <= 0 <= high
    assert held == pytest.approx(950, abs=25)


def test_the_interval_of_a_few_groups_is_students() -> None:
    values, groups = np.array([0.1, 0.3, 0.5, 0.4, 0.6, 0.8]), [0, 0, 1, 1, 2, 2]
    low, high = metrics.bootstrap_interval(values, groups=groups)
    means = np.array([0.2, 0.45, 0.7])
    reach = 4.302653 * means.std(ddof=1) / 3**0.5
    assert (low, high) == pytest.approx((max(0, 0.45 - reach), min(1, 0.45 + reach)), abs=1e-4)
    assert metrics.bootstrap_interval(values, groups=[0] * 6) == (0, 1)  # one says nothing
    evened = metrics.bootstrap_interval(np.array([0.0, 1.0] * 2), groups=[0, 0, 1, 1])
    assert evened == metrics.interval_of_equals(0.5, 2)
    same = np.array([0.1, 0.2, 0.7, 0.7, 0.2, 0.1])  # as sums these differ in their last bits
    even = metrics.bootstrap_interval(same, groups=[0, 0, 0, 1, 1, 1])
    assert even == pytest.approx(metrics.interval_of_equals(1 / 3, 2), abs=1e-9)


def test_a_small_steady_gain_is_seen_only_when_queries_are_paired() -> None:
    hard = np.random.default_rng(7).random(100)
    ours, theirs = np.clip(hard + 0.02, 0, 1), hard
    difference, (low, high) = metrics.paired_difference(ours, theirs)
    assert difference == pytest.approx((ours - theirs).mean())
    assert 0 < low < high
    apart = metrics.bootstrap_interval(ours), metrics.bootstrap_interval(theirs)
    assert apart[0].low < apart[1].high  # each on its own could be the better one


def test_intervals_repeat_with_the_seed() -> None:
    values = np.random.default_rng(1).random(30)
    assert metrics.bootstrap_interval(values, 4) == metrics.bootstrap_interval(values, 4)
    assert metrics.bootstrap_interval(values, 4) != metrics.bootstrap_interval(values, 5)


def wilson(right: int, count: int) -> tuple[float, float]:
    """The score interval as textbooks give it: the shares p with |right/n - p| = z sqrt(pq/n)."""
    z, share = 1.959964, right / count
    middle = share + z**2 / (2 * count)
    half = z * (share * (1 - share) / count + z**2 / (4 * count**2)) ** 0.5
    return (middle - half) / (1 + z**2 / count), (middle + half) / (1 + z**2 / count)


@pytest.mark.parametrize("count", [1, 30, 300])
def test_all_right_and_all_wrong_have_wilsons_interval(count: int) -> None:
    for value in (0.0, 1.0):
        found = metrics.bootstrap_interval(np.full(count, value))
        assert found == pytest.approx(wilson(int(value * count), count), abs=1e-9)


def test_an_interval_never_says_that_nothing_else_could_have_been() -> None:
    few, many = (metrics.bootstrap_interval(np.full(n, 0.3)) for n in (20, 200))
    assert few.low < many.low < 0.3 < many.high < few.high
    ns_score = metrics.bootstrap_interval(np.full(100, 4.0), span=(1.0, 4.0))
    assert ns_score.high == 4
    assert ns_score.low == pytest.approx(4 - 3 * (1 - wilson(100, 100)[0]))
    _, (low, high) = metrics.paired_difference(np.ones(100), np.ones(100))
    assert low < 0 < high
    grouped = metrics.bootstrap_interval(np.ones(100), groups=[n // 10 for n in range(100)])
    assert grouped == metrics.bootstrap_interval(np.ones(10))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda: metrics.positive_ranks(["a", "a"], {"a"}), "twice"),
        (lambda: metrics.positive_ranks(["a"], {"a"}, {"a"}), "both positive and junk"),
        (lambda: metrics.precision_at(np.array([1]), 0), "at least 1"),
        (lambda: metrics.average_precision(np.array([1, 2]), 1), "2 positives were found"),
        (lambda: metrics.average_precision(np.array([], np.int64), 0), "0 positives"),
        (lambda: metrics.micro_average_precision(np.ones(1), np.ones(1, bool), 0), "true pair"),
        (lambda: metrics.bootstrap_interval(np.array([])), "at least one value"),
        (lambda: metrics.interval_of_equals(1.0, 0), "at least one value"),
        (lambda: metrics.paired_difference(np.ones(2), np.ones(3)), "cannot be paired"),
    ],
)
def test_senseless_questions_are_refused(wrong: Callable[[], object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        wrong()
