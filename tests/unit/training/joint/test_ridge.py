"""Ridge regression from sums, against the solution of the same equations row by row."""

import numpy as np
import torch

from visavis.training.joint.ridge import Moments


def drawn(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(count)
    rows = torch.randn(count, 6, generator=generator, dtype=torch.float64) + 1
    goals = rows[:, :3] * 2 + torch.randn(count, 3, generator=generator, dtype=torch.float64)
    return rows, goals


def test_it_is_what_least_squares_with_a_penalty_gives() -> None:
    rows, goals = (part.numpy() for part in drawn(40))
    ridge = 0.7
    centred, wanted = rows - rows.mean(axis=0), goals - goals.mean(axis=0)
    penalty = ridge * np.square(centred).sum() / 6 / 40
    # As extra rows of a plain least-squares problem.
    above = np.vstack([centred, np.sqrt(penalty * 40) * np.eye(6)])
    matrix = np.linalg.lstsq(above, np.vstack([wanted, np.zeros((6, 3))]), rcond=None)[0]
    ((found, bias),) = Moments.of(torch.from_numpy(rows), torch.from_numpy(goals)).solve([ridge])
    assert np.allclose(found.numpy(), matrix, atol=1e-9)
    assert np.allclose(bias.numpy(), goals.mean(axis=0) - rows.mean(axis=0) @ matrix, atol=1e-9)


def test_leaving_rows_out_is_never_having_had_them() -> None:
    rows, goals = drawn(30)
    whole, part = Moments.of(rows, goals), Moments.of(rows[:10], goals[:10])
    left = Moments.of(rows[10:], goals[10:])
    for found, wanted in zip((whole - part).solve([1.0]), left.solve([1.0]), strict=True):
        assert torch.allclose(found[0], wanted[0], atol=1e-9)
        assert torch.allclose(found[1], wanted[1], atol=1e-9)
    again = part + left
    assert torch.allclose(again.squares, whole.squares)


def test_rows_that_are_all_alike_teach_the_mean() -> None:
    goals = drawn(8)[1]
    ((matrix, bias),) = Moments.of(torch.ones(8, 6), goals).solve([1.0])
    assert torch.allclose(matrix, torch.zeros(6, 3, dtype=torch.float64), atol=1e-6)
    assert torch.allclose(torch.ones(6, dtype=torch.float64) @ matrix + bias, goals.mean(dim=0))
