import math

import pytest
import torch
from torch import Tensor

from visavis.training.networks.distances import distance_of, shares
from visavis.training.settings import METRICS, Metric


def rows(count: int, dim: int = 5) -> Tensor:
    return torch.rand(count, dim, generator=torch.Generator().manual_seed(count)) + 0.01


def plain(metric: Metric, p: list[float], q: list[float]) -> float:
    """The distance of two vectors by the book; for cosine the similarity."""
    power = 1 if metric in ("manhattan", "chi2") else 2
    p, q = ([x / sum(abs(y) ** power for y in v) ** (1 / power) for x in v] for v in (p, q))
    pairs = list(zip(p, q, strict=True))
    match metric:
        case "cosine":
            return sum(a * b for a, b in pairs)
        case "euclidean":
            return math.sqrt(sum((a - b) ** 2 for a, b in pairs))
        case "manhattan":
            return sum(abs(a - b) for a, b in pairs)
        case "chi2":
            return sum((a - b) ** 2 / (a + b) for a, b in pairs) / 2


@pytest.mark.parametrize("metric", METRICS)
def test_a_distance_is_what_a_plain_loop_says(metric: Metric) -> None:
    ours, theirs = rows(4), rows(3)
    found = distance_of(metric)(ours, theirs)
    for i, p in enumerate(ours.tolist()):
        for j, q in enumerate(theirs.tolist()):
            assert float(found[i, j]) == pytest.approx(plain(metric, p, q), abs=1e-5)


def test_chi_square_of_the_same_pairs_is_the_same_one_by_one() -> None:
    distance = distance_of("chi2")
    ours, theirs = (part / part.sum(dim=1, keepdim=True) for part in (rows(4), rows(4) ** 2))
    pairs = distance.pairwise_distance(ours, theirs)
    assert torch.allclose(pairs, distance(ours, theirs).diagonal(), atol=1e-6)


def test_chi_square_is_0_for_the_same_and_1_for_nothing_in_common() -> None:
    one, other = torch.tensor([[1.0, 1.0, 0.0, 0.0]]), torch.tensor([[0.0, 0.0, 3.0, 1.0]])
    distance = distance_of("chi2")
    assert float(distance(one, one)) == 0
    assert float(distance(one, other)) == pytest.approx(1)


def test_shares_are_positive_and_add_up_to_one_whatever_the_scale() -> None:
    raw = torch.randn(6, 9, generator=torch.Generator().manual_seed(1))
    found = shares(raw)
    assert found.min() > 0
    assert torch.allclose(found.sum(dim=1), torch.ones(6))
    assert torch.allclose(found, shares(raw * 1000), atol=1e-6)
