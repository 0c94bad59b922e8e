import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from visavis.training.data.samples import Numbers
from visavis.training.networks import whitening as module
from visavis.training.networks.whitening import (
    SHRINKAGES,
    UNTRIED,
    centre,
    chosen_shrinkage,
    principal_axes,
    whitening,
    whitening_map,
)
from visavis.training.validation import partners, retrieval_figures

DIM = 8


def views(labels: int, each: int, disturbed: float, seed: int = 0) -> tuple[Tensor, Numbers]:
    """Pictures of objects that differ in all directions; their views differ in the first two."""
    rng = np.random.default_rng(seed)
    of = np.repeat(np.arange(labels), each)
    rows = rng.normal(size=(labels, DIM))[of] + 0.1 * rng.normal(size=(len(of), DIM))
    rows[:, :2] += disturbed * rng.normal(size=(len(of), 2))
    return torch.from_numpy(rows), of


def found(rows: Tensor, labels: Numbers) -> float:
    vectors = functional.normalize(rows).float().numpy()
    return retrieval_figures(vectors, labels)["map"]


def test_it_is_the_inverse_root_of_the_shrunk_covariance_within_labels() -> None:
    rows, labels = views(5, 4, 2.0)
    table = rows.numpy()
    left = np.concatenate([table[labels == n] - table[labels == n].mean(0) for n in range(5)])
    within = left.T @ left / len(left)
    mean = np.trace(within) / DIM
    shrunk = 0.7 * within + 0.3 * mean * np.eye(DIM)
    squared = (whitening(rows, labels, 0.3) @ whitening(rows, labels, 0.3)).numpy()
    assert np.allclose(squared @ shrunk, mean * np.eye(DIM), atol=1e-9)


def test_nothing_is_done_at_one_and_where_labels_have_one_picture() -> None:
    rows, labels = views(6, 3, 1.0)
    one = torch.eye(DIM, dtype=torch.float64)
    assert torch.allclose(whitening(rows, labels, 1.0), one)
    assert torch.allclose(whitening(rows, np.arange(len(rows)), 0.2), one)


def test_what_differs_within_labels_is_forgotten_on_labels_never_seen() -> None:
    known, labels = views(30, 4, 3.0)
    others, of = views(40, 4, 3.0, seed=1)
    shrinkage = chosen_shrinkage(known, labels, 0)
    assert shrinkage <= 0.3
    moved = (others - centre(known, labels)) @ whitening(known, labels, shrinkage)
    assert found(moved, of) > found(others, of) + 0.2


def test_where_views_differ_in_no_direction_more_than_in_others_it_matters_little() -> None:
    known, labels = views(30, 4, 0.0)
    others, of = views(40, 4, 0.0, seed=1)
    moved = others @ whitening(known, labels, chosen_shrinkage(known, labels, 0))
    assert found(moved, of) == pytest.approx(found(others, of), abs=0.01)


def test_with_few_labels_it_is_not_tried() -> None:
    rows, labels = views(5, 4, 3.0)
    assert chosen_shrinkage(rows, labels, 0) == UNTRIED
    rows, labels = views(6, 2, 3.0)
    assert chosen_shrinkage(rows, labels, 0) in SHRINKAGES


def test_many_pictures_are_tried_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST", 60)
    rows, labels = views(40, 30, 3.0)
    folds = module._folds(labels, np.ones(len(labels), np.int64), np.random.default_rng(0))
    assert 60 <= sum(map(len, folds)) <= 70
    assert len(np.unique(np.concatenate(folds))) == sum(map(len, folds))
    assert chosen_shrinkage(rows, labels, 0) <= 0.3


def test_a_rare_side_counts_as_much_as_a_common_one() -> None:
    """A catalogue picture for each object, far from its four photographs in one direction."""
    rows, labels = views(12, 5, 0.0)
    sides = np.arange(len(rows)) % 5 // 4  # the last of five
    rows[:, 0] += 4 * torch.from_numpy(sides)
    twice = np.concatenate([np.arange(len(rows)), np.repeat(np.flatnonzero(sides), 3)])
    repeated = whitening(rows[torch.from_numpy(twice)], labels[twice], 0.4)
    assert torch.allclose(whitening(rows, labels, 0.4, sides), repeated)
    assert torch.allclose(
        centre(rows, labels, sides), rows[torch.from_numpy(twice)].mean(dim=0), atol=1e-9
    )


def test_a_side_that_all_labels_have_is_no_longer_in_the_way() -> None:
    rows, labels = views(30, 5, 0.0)
    sides = np.arange(len(rows)) % 5 // 4
    rows[:, 0] += 4 * torch.from_numpy(sides)
    known = torch.from_numpy(np.flatnonzero(labels < 15))
    shrinkage = chosen_shrinkage(rows[known], labels[known], 0, sides[known])
    matrix = whitening(rows[known], labels[known], shrinkage, sides[known])
    moved = (rows - centre(rows[known], labels[known], sides[known])) @ matrix

    def across(vectors: Tensor) -> float:
        table = functional.normalize(vectors[labels >= 15]).float().numpy()
        held = labels >= 15
        return retrieval_figures(table, labels[held], 0, sides[held])["map"]

    assert across(moved) > across(rows) + 0.1


def test_of_many_pictures_of_a_label_those_on_a_rare_side_are_tried_first() -> None:
    labels = np.repeat(np.arange(6), 400)
    sides = (np.arange(len(labels)) % 400 == 7).astype(np.int64)
    found = partners(labels, sides)
    folds = module._folds(labels, found, np.random.default_rng(0))
    assert sum(int(sides[fold].sum()) for fold in folds) == 6


def wide(labels: int, each: int, dim: int, seed: int = 0) -> tuple[Tensor, Numbers]:
    """Fewer pictures than numbers; views differ in a few directions."""
    rng = np.random.default_rng(seed)
    of = np.repeat(np.arange(labels), each)
    rows = rng.normal(size=(labels, dim))[of] + 0.1 * rng.normal(size=(len(of), dim))
    rows += 5 * rng.normal(size=(len(of), 2)) @ rng.normal(size=(2, dim))
    return torch.from_numpy(rows), of


@pytest.mark.parametrize("dim", [5, 23, 24, 25, 90])
@pytest.mark.parametrize("shrinkage", [1.0, 0.4])
def test_in_the_span_of_the_rows_it_is_what_it_is_in_all_directions(
    dim: int, shrinkage: float
) -> None:
    rows, labels = wide(6, 4, dim)
    sides = np.arange(len(rows)) % 4 // 3
    rows = rows - centre(rows, labels, sides)
    _, axes = principal_axes(rows)
    assert len(axes) == (dim if dim <= len(rows) else len(rows) - 1)
    made = whitening_map(rows @ axes.T, axes, labels, shrinkage, sides)
    wanted = whitening(rows, labels, shrinkage, sides)
    assert torch.allclose(made.of(torch.eye(dim, dtype=torch.float64)), wanted, atol=1e-9)


@pytest.mark.parametrize("dim", [7, 60])
def test_principal_axes_are_those_of_a_singular_value_decomposition(dim: int) -> None:
    rows, _ = wide(8, 4, dim)
    rows = rows - rows.mean(dim=0)
    values, axes = principal_axes(rows)
    _, singular, directions = np.linalg.svd(rows.numpy(), full_matrices=False)
    count = len(values)
    assert np.allclose(values, singular[:count] ** 2 / len(rows))
    assert np.allclose(np.abs((axes.numpy() * directions[:count]).sum(1)), 1)
    assert torch.allclose(rows @ axes.T @ axes, rows)


def test_pictures_that_are_all_the_same_span_nothing() -> None:
    rows = torch.zeros(4, 9, dtype=torch.float64)
    values, axes = principal_axes(rows)
    assert (len(values), axes.shape) == (0, (0, 9))
    made = whitening_map(rows @ axes.T, axes, np.array([0, 0, 1, 1]), 0.5)
    one = torch.eye(9, dtype=torch.float64)
    assert torch.equal(made.of(one), one)


def test_the_shrinkage_of_coordinates_is_that_of_the_rows() -> None:
    for seed in range(4):
        rows, labels = wide(12, 4, 80, seed)
        axes = principal_axes(rows - rows.mean(dim=0))[1]
        found = chosen_shrinkage(rows @ axes.T, labels, seed, dim=80)
        assert found == chosen_shrinkage(rows, labels, seed)
