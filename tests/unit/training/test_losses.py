import math

import pytest
import torch
from torch import Tensor

from visavis.training.losses import (
    copy_loss,
    direction_loss,
    hint_loss,
    relation_loss,
    scores_loss,
)


def cosine(a: Tensor, b: Tensor) -> float:
    return float(a @ b / (a.norm() * b.norm()))


def vectors(count: int, dim: int, seed: int) -> Tensor:
    return torch.randn(count, dim, generator=torch.Generator().manual_seed(seed))


def test_direction_loss_is_one_minus_the_mean_cosine() -> None:
    ours, theirs = vectors(5, 3, 0), vectors(5, 3, 1)
    expected = sum(1 - cosine(a, b) for a, b in zip(ours, theirs, strict=True)) / 5
    assert direction_loss(ours, theirs).item() == pytest.approx(expected, abs=1e-6)


def test_direction_loss_of_maps_compares_place_by_place() -> None:
    ours, theirs = vectors(2, 12, 0).reshape(2, 3, 2, 2), vectors(2, 12, 1).reshape(2, 3, 2, 2)
    pairs = [(ours[n, :, y, x], theirs[n, :, y, x]) for n in (0, 1) for y in (0, 1) for x in (0, 1)]
    expected = sum(1 - cosine(a, b) for a, b in pairs) / len(pairs)
    assert direction_loss(ours, theirs).item() == pytest.approx(expected, abs=1e-6)


def test_hint_loss_counts_each_layer_alike_however_many_places_it_has() -> None:
    ours = [vectors(2, 12, 0).reshape(2, 3, 2, 2), vectors(2, 4, 2).reshape(2, 4, 1, 1)]
    theirs = [vectors(2, 12, 1).reshape(2, 3, 2, 2), vectors(2, 4, 3).reshape(2, 4, 1, 1)]
    layers = []
    for one, other in zip(ours, theirs, strict=True):
        size = one.shape[-1]
        places = [(n, y, x) for n in (0, 1) for y in range(size) for x in range(size)]
        far = [1 - cosine(one[n, :, y, x], other[n, :, y, x]) for n, y, x in places]
        layers.append(sum(far) / len(far))
    assert hint_loss(ours, theirs).item() == pytest.approx(sum(layers) / 2, abs=1e-6)
    assert hint_loss(ours, ours).item() == pytest.approx(0, abs=1e-6)
    assert hint_loss([], []).item() == 0


def test_relation_loss_compares_all_pairs_and_not_a_picture_with_itself() -> None:
    ours, theirs = vectors(4, 3, 0), vectors(4, 5, 1)
    total = 0.0
    for i in range(4):
        for j in range(4):
            if i != j:
                total += (cosine(ours[i], ours[j]) - cosine(theirs[i], theirs[j])) ** 2
    assert relation_loss(ours, theirs).item() == pytest.approx(total / 12, abs=1e-6)


def test_scores_loss_is_the_divergence_summed_over_classes_and_averaged_over_pictures() -> None:
    logits = vectors(3, 4, 0)
    wanted = vectors(3, 4, 1).softmax(1)
    expected = 0.0
    for row, target in zip(logits, wanted, strict=True):
        bottom = sum(math.exp(value) for value in row.tolist())
        for value, share in zip(row.tolist(), target.tolist(), strict=True):
            expected += share * (math.log(share) - math.log(math.exp(value) / bottom))
    assert scores_loss(logits, wanted).item() == pytest.approx(expected / 3, abs=1e-6)


def test_copy_loss_asks_both_ways_whose_copy_is_whose() -> None:
    originals, copies = vectors(4, 3, 0), vectors(2, 3, 1)
    there = back = 0.0
    for i in range(2):
        row = [math.exp(5 * cosine(copies[i], original)) for original in originals]
        there -= math.log(row[i] / sum(row))
        column = [math.exp(5 * cosine(copy, originals[i])) for copy in copies]
        back -= math.log(column[i] / sum(column))
    expected = (there / 2 + back / 2) / 2
    assert copy_loss(originals, copies, 5).item() == pytest.approx(expected, abs=1e-5)
