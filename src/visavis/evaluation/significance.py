"""Whether a difference between two systems is more than chance, also when many are looked at."""

import math
import sys
from collections.abc import Sequence

import numpy as np

from visavis.metrics import Floats

LEVEL = 0.05
"""How often something may be called a difference where there is none."""

DRAWS = 10_000
_BEYOND = 3.179  # Bentkus and Dzindzalieta's constant, 1 / (4 P(Z >= sqrt 2)), rounded up
_CELLS = 4_000_000  # signs in memory at once


def randomization(differences: Floats, groups: Sequence[int] | None = None) -> Floats:
    """The two-sided p-values of mean differences between two systems on the same queries.

    If there were no difference it would not matter which system is called which, query by query.
    So the signs of the differences are drawn anew, and p is how often the mean is as far from zero
    as it is; 1 is added to both counts, so that it is never 0. With `groups` (one number for each
    query) whole groups change their sign. Source: Smucker, Allan and Carterette, "A comparison of
    statistical significance tests for information retrieval evaluation", CIKM 2007.

    Where none of the draws is as far, they say no more than "at most 1 in 10,001", which no
    difference survives that is looked at with hundreds of others. Then p is a bound of what all
    signs would give, if that is less: 3.179 times the tail of a normal variable of the same
    variance. Source: Bentkus and Dzindzalieta, "A tight Gaussian bound for weighted sums of
    Rademacher random variables", Bernoulli 2015. Both are valid, as the bound is no less than the
    share of all signs, and takes the place of nothing but the least p that draws can have.

    Args:
        differences: (queries, measures).
        groups: (queries,); None: each query by itself.

    Returns:
        (measures,).
    """
    if groups is not None:
        _, which = np.unique(np.array(groups), return_inverse=True)
        totals = np.zeros((which.max() + 1, differences.shape[1]))
        np.add.at(totals, which, differences)
        differences = totals
    differences = differences[(differences != 0).any(axis=1)]  # others have no sign to change
    seen = np.abs(differences.sum(axis=0))
    as_far = np.ones(differences.shape[1])
    chance, block = np.random.default_rng(0), max(1, _CELLS // max(1, len(differences)))
    for start in range(0, DRAWS, block):
        count = min(block, DRAWS - start)
        signs = chance.integers(0, 2, (count, len(differences)), np.int8) * 2.0 - 1
        drawn = np.abs(signs @ differences)
        as_far += (drawn >= seen - 1e-9 * (1 + seen)).sum(axis=0)
    found: Floats = as_far / (DRAWS + 1)
    for measure in np.flatnonzero(as_far == 1):
        found[measure] = min(found[measure], _bound(differences[:, measure]))
    return found


def _bound(differences: Floats) -> float:
    """No less than the share of all signings that are as far from zero; never 0."""
    sigmas = abs(differences.sum()) / math.sqrt(np.square(differences).sum())
    return max(_BEYOND * math.erfc(sigmas / math.sqrt(2)), sys.float_info.min)


def holm(values: Sequence[float]) -> list[float]:
    """p-values adjusted for how many there are: compare them with the level as if there were one.

    Then the chance that anything at all is wrongly called a difference is at most the level,
    however the values depend on one another. Source: Holm, "A simple sequentially rejective
    multiple test procedure", Scandinavian Journal of Statistics 1979 (Bonferroni's inequality, step
    by step).

        adjusted_(i) = max over j <= i of min(1, (m - j + 1) p_(j)),  p_(1) <= … <= p_(m)

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    adjusted, least = [0.0] * len(values), 0.0
    ordered = sorted(range(len(values)), key=lambda place: values[place])
    for rank, place in enumerate(ordered):
        least = max(least, min(1.0, (len(values) - rank) * values[place]))
        adjusted[place] = least
    return adjusted
