import math
from collections.abc import Iterator
from itertools import product

import pytest
import torch
from torch import Tensor

from visavis.errors import UsageError
from visavis.training.networks.distances import distance_of
from visavis.training.settings import METRICS, Metric
from visavis.training.triplet.losses import MetricLoss, miner_of
from visavis.training.triplet.settings import LossSettings, Mining

LABELS = [0, 0, 1, 1, 2, 2, 2, 3]


def embeddings() -> Tensor:
    found = torch.rand(len(LABELS), 6, generator=torch.Generator().manual_seed(2))
    return found + torch.nn.functional.one_hot(torch.tensor(LABELS), 6) * 0.3


def far(metric: Metric) -> list[list[float]]:
    """How far apart all pairs are; cosine as 1 - similarity."""
    found = distance_of(metric)(embeddings()).tolist()
    return [[1 - x for x in row] for row in found] if metric == "cosine" else found


def triplets() -> Iterator[tuple[int, int, int]]:
    for q, p, n in product(range(len(LABELS)), repeat=3):
        if q != p and LABELS[q] == LABELS[p] != LABELS[n]:
            yield q, p, n


def mined(metric: Metric, mining: Mining, margin: float) -> set[tuple[int, int, int]]:
    """The triplets that count, by brute force."""
    d = far(metric)
    if mining == "semihard":
        return {(q, p, n) for q, p, n in triplets() if d[q][p] < d[q][n] <= d[q][p] + margin}
    if mining == "all":
        return {(q, p, n) for q, p, n in triplets() if d[q][n] <= d[q][p] + margin}
    hardest = set()
    for q in sorted({q for q, _, _ in triplets()}):
        p = max((p for a, p, _ in triplets() if a == q), key=lambda p: d[q][p])
        n = min((n for a, _, n in triplets() if a == q), key=lambda n: d[q][n])
        hardest.add((q, p, n))
    return hardest


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("mining", ["semihard", "hard", "all"])
def test_mining_finds_what_brute_force_finds(metric: Metric, mining: Mining) -> None:
    margin = 0.1
    settings = LossSettings(metric=metric, mining=mining, margin=margin)
    miner = miner_of(settings)
    assert miner is not None
    found = torch.stack(miner(embeddings(), torch.tensor(LABELS)), dim=1)
    wanted = mined(metric, mining, margin)
    assert {tuple(row) for row in found.tolist()} == wanted
    assert wanted


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("mining", ["semihard", "hard", "all"])
def test_the_triplet_loss_is_the_mean_of_a_plain_loop(metric: Metric, mining: Mining) -> None:
    margin = 0.1
    d = far(metric)
    values = [max(0.0, margin + d[q][p] - d[q][n]) for q, p, n in mined(metric, mining, margin)]
    positive = [value for value in values if value > 1e-7]  # the library averages over these
    loss = MetricLoss(LossSettings(metric=metric, mining=mining, margin=margin), 4, 6)
    found = float(loss(embeddings(), torch.tensor(LABELS)))
    assert found == pytest.approx(sum(positive) / len(positive), abs=1e-5)


def test_the_multi_similarity_loss_is_what_a_plain_loop_says() -> None:
    alpha, beta, base, epsilon = 2.0, 50.0, 0.5, 0.1
    s = [[1 - x for x in row] for row in far("cosine")]
    count = len(LABELS)
    total = 0.0
    for q in range(count):
        positives = [p for p in range(count) if p != q and LABELS[p] == LABELS[q]]
        negatives = [n for n in range(count) if LABELS[n] != LABELS[q]]
        if positives:  # equations 7 and 8 of the paper: pairs that tell something
            least, most = min(s[q][p] for p in positives), max(s[q][n] for n in negatives)
            positives = [p for p in positives if s[q][p] - epsilon < most]
            negatives = [n for n in negatives if s[q][n] + epsilon > least]
        else:
            negatives = []
        total += math.log1p(sum(math.exp(-alpha * (s[q][p] - base)) for p in positives)) / alpha
        total += math.log1p(sum(math.exp(beta * (s[q][n] - base)) for n in negatives)) / beta
    loss = MetricLoss(LossSettings("multi-similarity"), 4, 6)
    found = float(loss(embeddings(), torch.tensor(LABELS)))
    assert found == pytest.approx(total / count, abs=1e-4)


def test_the_arcface_loss_is_what_a_plain_loop_says() -> None:
    torch.manual_seed(3)
    loss = MetricLoss(LossSettings("arcface"), 4, 6)
    directions = loss.loss.W.detach().T  # type: ignore[operator]
    total = 0.0
    for row, label in zip(embeddings(), LABELS, strict=True):
        cosines = torch.nn.functional.cosine_similarity(row[None], directions).tolist()
        angle = math.acos(cosines[label]) + math.radians(28.6)
        scores = [64 * c for c in cosines]
        scores[label] = 64 * math.cos(angle)
        top = max(scores)
        total += math.log(sum(math.exp(s - top) for s in scores)) + top - scores[label]
    found = float(loss(embeddings(), torch.tensor(LABELS)).detach())
    assert found == pytest.approx(total / len(LABELS), rel=1e-4)


@pytest.mark.parametrize("loss", ["triplet", "multi-similarity", "arcface"])
def test_a_loss_pulls_at_the_embeddings(loss: str) -> None:
    given = embeddings().requires_grad_()
    MetricLoss(LossSettings(loss), 4, 6)(given, torch.tensor(LABELS)).backward()  # type: ignore[arg-type]
    assert given.grad is not None
    assert given.grad.abs().sum() > 0


def test_a_batch_without_a_triplet_costs_nothing_and_breaks_nothing() -> None:
    given = torch.eye(4).requires_grad_()
    loss = MetricLoss(LossSettings(), 4, 4)(given, torch.arange(4))
    loss.backward()
    assert loss.item() == 0


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"loss": "quadruplet"}, "--loss is one of triplet"),
        ({"metric": "l7"}, "--metric is one of cosine"),
        ({"mining": "gold"}, "--mining is one of semihard"),
        ({"margin": 0.0}, "--margin must be a number above 0, not 0"),
        ({"margin": math.nan}, "--margin must be a number above 0, not nan"),
        ({"margin": math.inf}, "--margin must be a number above 0, not inf"),
        ({"loss": "arcface", "margin": 0.5}, "--margin is for --loss triplet; arcface has"),
        ({"loss": "multi-similarity", "margin": 0.5}, "--margin is for --loss triplet; multi-"),
        ({"loss": "arcface", "metric": "chi2"}, "--metric chi2 is for --loss triplet"),
        ({"loss": "arcface", "mining": "hard"}, "--mining is for --loss triplet"),
    ],
)
def test_settings_that_make_no_sense_are_refused(given: dict[str, object], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        LossSettings(**given)  # type: ignore[arg-type]
