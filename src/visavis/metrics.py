"""Measures of retrieval: pure functions of ranked ids and sets of positives.

A ranking becomes the ranks of its positives once (`positive_ranks`), and every measure is a
function of these ranks and of how many positives there are, so that none can disagree with another
about junk, ties or the query itself. Words as in the literature: *positives* are the right
answers, *junk* is neither right nor wrong and is taken out before ranks are counted (Philbin et
al., "Object retrieval with large vocabularies", CVPR 2007); where the query is itself in the
gallery, the caller takes it out in the same way.

All measures lie in 0…1 (the N-S score in 0…4) and are better when higher.
"""

from collections.abc import Callable, Collection, Hashable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

Ranks = NDArray[np.int64]
"""Ranks of the positives that were found: 1 is the first place; ascending, no two the same."""

Floats = NDArray[np.float64]

Id = TypeVar("Id", bound=Hashable)

RESAMPLES = 1000
FEWEST = 30
"""Groups of which a bootstrap can be drawn; of fewer, its intervals are too narrow. Source:
Cameron, Gelbach and Miller, "Bootstrap-based improvements for inference with clustered errors",
Review of Economics and Statistics 2008 (few: five to thirty)."""

_T = (  # 95 % of Student's distribution lie within it, by degrees of freedom from 1 to 28
    *(12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281),
    *(2.2010, 2.1788, 2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860),
    *(2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555, 2.0518, 2.0484),
)
_ROUNDING = 1e-9  # of sums: groups of one mean have rests of a few last bits
_Z = 1.959964
"""95 % of a normal distribution lie so many standard deviations about its mean."""


class Interval(NamedTuple):
    """A 95 % interval."""

    low: float
    high: float


def positive_ranks(
    ranked: Sequence[Id], positives: Collection[Id], junk: Collection[Id] = ()
) -> Ranks:
    """The ranks of the positives in a ranking (best first), junk taken out before counting.

    >>> positive_ranks(["a", "x", "b", "y", "c"], {"b", "c"}).tolist()
    [3, 5]
    >>> positive_ranks(["a", "x", "b", "y", "c"], {"b", "c"}, junk={"a", "y"}).tolist()
    [2, 3]

    Positives that the ranking does not hold have no rank and count as missed. Raises ValueError
    when the ranking names an id twice or an id is positive and junk at once.
    """
    right, neither = frozenset(positives), frozenset(junk)
    if right & neither:
        raise ValueError(f"both positive and junk: {sorted(map(str, right & neither))[:3]}")
    if len(frozenset(ranked)) != len(ranked):
        raise ValueError("the ranking names an id twice")
    counted = (id for id in ranked if id not in neither)
    return np.array([rank for rank, id in enumerate(counted, 1) if id in right], np.int64)


def recall_at(ranks: Ranks, k: int) -> float:
    """recall@k as metric learning and copy detection count it: is a positive among the first k?

        recall@k = 1 if the first positive's rank <= k, else 0

    Source: Jégou et al., "Product quantization for nearest neighbor search", PAMI 2011 (recall@R);
    Oh Song et al., "Deep metric learning via lifted structured feature embedding", CVPR 2016. With
    one positive a query it is also the share of the positives that were found; with several that
    share is `coverage_at`.

    >>> ranks = positive_ranks(["x", "a", "b", "y"], {"a", "b"})
    >>> recall_at(ranks, 1), recall_at(ranks, 2)
    (0.0, 1.0)
    """
    return float(len(ranks) > 0 and ranks[0] <= _depth(k))


def coverage_at(ranks: Ranks, positives: int, k: int) -> float:
    """The share of the positives among the first k: recall as information retrieval counts it.

        coverage@k = |positives among the first k| / |positives|

    Source: Manning et al., "Introduction to Information Retrieval", 2008, chapter 8.

    >>> coverage_at(positive_ranks(["x", "a", "b", "y"], {"a", "b", "c"}), 3, k=3)
    0.6666666666666666
    """
    return _within(ranks, k) / _at_least(ranks, positives)


def precision_at(ranks: Ranks, k: int) -> float:
    """precision@k: the share of positives among the first k.

        P@k = |positives among the first k| / k

    Source: Manning et al. 2008, chapter 8. The divisor is k even where fewer answers or fewer
    positives exist, as in trec_eval, so a query with 3 positives reaches at most 0.3 at k = 10.

    >>> precision_at(positive_ranks(["a", "x", "b", "y"], {"a", "b"}), k=4)
    0.5
    """
    return _within(ranks, k) / k


def r_precision(ranks: Ranks, positives: int) -> float:
    """R-precision: precision at the rank that equals the number of positives.

        R-precision = |positives among the first R| / R,  R = |positives|

    Source: Manning et al. 2008, chapter 8; Musgrave et al., "A metric learning reality check",
    ECCV 2020.

    >>> r_precision(positive_ranks(["a", "x", "b", "y"], {"a", "b"}), positives=2)
    0.5
    """
    return precision_at(ranks, _at_least(ranks, positives))


def average_precision(ranks: Ranks, positives: int) -> float:
    """AP: precision at each positive's rank, averaged over all positives; missed ones count as 0.

        AP = (1 / |positives|) * sum over i of i / rank_i

    Source: Manning et al. 2008, chapter 8; the same as scikit-learn's average_precision_score on a
    ranking without ties. The scripts of Oxford, Paris and Holidays join the points of the curve by
    straight lines instead: `average_precision_trapezoid`. The mean over queries is mAP.

    >>> average_precision(positive_ranks(["a", "x", "b", "y"], {"a", "b"}), positives=2)
    0.8333333333333333
    """
    found = np.arange(1, len(ranks) + 1)
    return float(np.sum(found / ranks)) / _at_least(ranks, positives)


def average_precision_trapezoid(ranks: Ranks, positives: int) -> float:
    """AP as the area under the precision-recall curve with its points joined by straight lines.

        AP = (1 / |positives|) * sum over i of ((i-1)/(rank_i - 1) + i/rank_i) / 2

    where the first term is 1 for a positive at rank 1. Source: the evaluation programs of Oxford5k
    and Paris6k (Philbin et al., CVPR 2007) and of Holidays (Jégou et al., ECCV 2008); use it to
    compare with figures published for these.

    >>> average_precision_trapezoid(positive_ranks(["a", "x", "b", "y"], {"a", "b"}), positives=2)
    0.7916666666666666
    """
    found = np.arange(1, len(ranks) + 1)
    before = np.where(ranks > 1, (found - 1) / np.maximum(ranks - 1, 1), 1.0)
    return float(np.sum((before + found / ranks) / 2)) / _at_least(ranks, positives)


def ndcg_at(ranks: Ranks, positives: int, k: int) -> float:
    """nDCG@k with relevance 0 or 1: gains that fade with the logarithm of the rank.

        DCG@k = sum over positives with rank_i <= k of 1 / log2(rank_i + 1)
        nDCG@k = DCG@k / (DCG@k of a ranking that starts with all positives)

    Source: Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", TOIS 2002,
    with the discount of scikit-learn's ndcg_score.

    >>> round(ndcg_at(positive_ranks(["x", "a", "y"], {"a"}), positives=1, k=3), 4)
    0.6309
    """
    best = np.arange(1, min(_at_least(ranks, positives), _depth(k)) + 1)
    return float(np.sum(_gain(ranks[ranks <= k])) / np.sum(_gain(best)))


def ns_score(ranks: Ranks) -> float:
    """UKBench's N-S score of one query: how many of its object's four pictures are in the top 4.

        N-S = 1 + |positives among the first 3|

    The query is one of the four and is counted as found; `ranks` are those of the other three in
    a ranking without the query. Source: Nistér and Stewénius, "Scalable recognition with a
    vocabulary tree", CVPR 2006. The mean over all queries lies in 1…4; it is only meant for
    groups of four (with smaller ones 4 is out of reach).

    >>> ns_score(positive_ranks(["b", "x", "c", "d"], {"b", "c", "d"}))
    3.0
    """
    return 1.0 + _within(ranks, 3)


def top4_accuracy(ranks: Ranks) -> float:
    """Top-4 accuracy as tutorials on UKBench give it: the N-S score as a share of four.

        top-4 accuracy = N-S / 4

    "The query counts as found" is its first reading, and this function: even a ranking by chance
    gets 0.25. The stricter second reading leaves the query out and asks for its three partners;
    that is `coverage_at(ranks, 3, k=3)` = (N-S - 1) / 3.

    >>> ranks = positive_ranks(["b", "x", "c", "d"], {"b", "c", "d"})
    >>> top4_accuracy(ranks), coverage_at(ranks, 3, k=3)
    (0.75, 0.6666666666666666)
    """
    return ns_score(ranks) / 4


def micro_average_precision(
    scores: Floats, correct: NDArray[np.bool_], positives: int, weights: Floats | None = None
) -> float:
    """µAP: average precision over all (query, reference, score) pairs in one list.

        µAP = sum over thresholds t of (recall(t) - recall(t')) * precision(t)

    with t' the threshold above t. Pairs with equal scores share a threshold, so their order does
    not matter. Unlike mAP it also asks whether scores of different queries can be compared, and
    pairs of queries that have no positive at all count against it: one threshold has to serve
    everybody. Source: Perronnin et al., "A family of contextual measures of similarity", CVPR 2009;
    Douze et al., "The 2021 image similarity dataset and challenge", 2021.

    Args:
        scores: (n,) of all pairs that were named.
        correct: (n,) whether the pair is a true one.
        positives: How many true pairs there are; those not named count as missed.
        weights: (n,) how often each pair counts; None: once.

    Two queries; the second has no positive, and its best score stands above the first's:

    >>> scores = np.array([0.9, 0.8, 0.3])
    >>> micro_average_precision(scores, np.array([False, True, False]), positives=1)
    0.5
    """
    counts = np.ones(len(scores)) if weights is None else weights
    if positives < 1:
        raise ValueError("µAP needs at least one true pair")
    order = np.argsort(-scores, kind="stable")
    true = np.cumsum((counts * correct)[order])
    named = np.cumsum(counts[order])
    ordered, last = scores[order], np.ones(len(scores), np.bool_)  # the last pair of each threshold
    np.not_equal(ordered[1:], ordered[:-1], out=last[:-1])
    true, named = true[last], named[last]
    precision = np.divide(true, named, out=np.zeros_like(true), where=named > 0)
    gained = true.copy()  # no np.diff, which takes most of the time where thousands are drawn
    gained[1:] -= true[:-1]
    return float((gained * precision).sum()) / positives


def bootstrap_interval(
    values: Floats,
    seed: int = 0,
    groups: Sequence[int] | None = None,
    span: tuple[float, float] = (0.0, 1.0),
) -> Interval:
    """The 95 % percentile interval of the mean when queries are drawn again with replacement.

    Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13; for
    retrieval, Sakai, SIGIR 2006. With `groups` (one number for each value) whole groups are drawn:
    the edits of one picture are no independent queries; of fewer than `FEWEST` groups
    `interval_of_few` is given. Where all values are the same, samples of them are too, and
    `interval_of_equals` is given; `span` is the least and the greatest value that the measure can
    have.

    >>> low, high = bootstrap_interval(np.array([0.0, 1.0] * 50))
    >>> round(low, 1), round(high, 1)
    (0.4, 0.6)
    """
    totals, sizes = _grouped(values, groups)
    if len(values) and np.ptp(values) == 0:
        return interval_of_equals(float(values[0]), len(totals), span)
    if groups is not None and len(totals) < FEWEST:
        return interval_of_few(totals, sizes, span)

    def mean(drawn: NDArray[np.int64]) -> float:
        return float(totals[drawn].sum() / sizes[drawn].sum())

    return resampled_interval(len(totals), mean, seed)


def interval_of_few(totals: Floats, sizes: Floats, span: tuple[float, float]) -> Interval:
    """The 95 % interval of a mean over a few groups, by Student's t with one degree less than them.

        mean = sum of totals / sum of sizes,  rest of a group = total - mean * size
        interval = mean ± t * sqrt(groups / (groups - 1) * sum of rests²) / sum of sizes

    A bootstrap of two groups would hold the truth half of the time. Source: Cochran, "Sampling
    Techniques", 1977, chapter 6 (ratios); t as Cameron, Gelbach and Miller 2008 advise.

    Args:
        totals: Of the values of each group.
        sizes: How many values each group has.
        span: As in `bootstrap_interval`; no interval is wider.
    """
    count = len(totals)
    mean = float(totals.sum() / sizes.sum())
    if count < 2:
        return Interval(*span)
    rests = totals - mean * sizes
    if np.abs(rests).max() < _ROUNDING:
        return interval_of_equals(mean, count, span)
    error = float(np.sqrt(count / (count - 1) * np.square(rests).sum()) / sizes.sum())
    reach = _T[count - 2] * error
    return Interval(max(span[0], mean - reach), min(span[1], mean + reach))


def interval_of_equals(
    value: float, count: int, span: tuple[float, float] = (0.0, 1.0)
) -> Interval:
    """The 95 % interval of a mean when all of `count` values are the same.

    That no other value was seen does not say that there is none: by Wilson's score interval up to
    the share w of all queries may have another, at worst one at an end of the span.

        w = z² / (count + z²),  z = 1.96
        low = value - w * (value - least),  high = value + w * (greatest - value)

    At 0 and at 1 this is Wilson's interval itself, a little wider than the rule of three (3 in
    `count`). Source: Wilson, "Probable inference, the law of succession, and statistical
    inference", JASA 1927; Brown, Cai and DasGupta, "Interval estimation for a binomial proportion",
    Statistical Science 2001.

    >>> low, high = interval_of_equals(1.0, 300)
    >>> round(low, 4), high
    (0.9874, 1.0)
    """
    if count < 1:
        raise ValueError("an interval needs at least one value")
    share = _Z**2 / (count + _Z**2)
    least, greatest = min(span[0], value), max(span[1], value)
    return Interval(value - share * (value - least), value + share * (greatest - value))


def paired_difference(
    ours: Floats,
    theirs: Floats,
    seed: int = 0,
    groups: Sequence[int] | None = None,
    span: tuple[float, float] = (0.0, 1.0),
) -> tuple[float, Interval]:
    """The mean difference between two systems on the same queries, and its 95 % interval.

    Both are measured on each drawn sample of queries, so what makes a query hard for both cancels
    out. `span` is that of the measure. Source: Sakai, "Evaluating evaluation metrics based on the
    bootstrap", SIGIR 2006.

    >>> ours, theirs = np.array([1.0, 1, 1, 0]), np.array([0.0, 1, 1, 0])
    >>> paired_difference(ours, theirs)
    (0.25, Interval(low=0.0, high=0.75))
    """
    if ours.shape != theirs.shape:
        raise ValueError(f"{len(ours)} values cannot be paired with {len(theirs)}")
    differences = ours - theirs
    width = span[1] - span[0]
    interval = bootstrap_interval(differences, seed, groups, (-width, width))
    return float(differences.mean()), interval


def resampled_interval(
    count: int, measure: Callable[[NDArray[np.int64]], float], seed: int = 0
) -> Interval:
    """The 95 % percentile interval of any measure of a sample of `count` things.

    `measure` is given the numbers (0 … count-1, some repeated) of the things that were drawn.
    """
    if count < 1:
        raise ValueError("an interval needs at least one value")
    chance = np.random.default_rng(seed)
    drawn = [measure(chance.integers(0, count, count)) for _ in range(RESAMPLES)]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Interval(float(low), float(high))


def _grouped(values: Floats, groups: Sequence[int] | None) -> tuple[Floats, Floats]:
    """Sum and size of every group; of every value when there are no groups."""
    if groups is None:
        return values.astype(np.float64), np.ones(len(values))
    _, members = np.unique(np.asarray(groups), return_inverse=True)
    sizes = np.bincount(members).astype(np.float64)
    return np.bincount(members, weights=values).astype(np.float64), sizes


def _gain(ranks: Ranks) -> Floats:
    return 1 / np.log2(ranks + 1)


def _within(ranks: Ranks, k: int) -> int:
    return int(np.searchsorted(ranks, _depth(k), side="right"))


def _depth(k: int) -> int:
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")
    return k


def _at_least(ranks: Ranks, positives: int) -> int:
    if positives < max(1, len(ranks)):
        raise ValueError(f"{len(ranks)} positives were found and there are {positives}")
    return positives
