"""Ridge regression from sums over pictures, so that pictures can be left out by subtraction."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

RIDGES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
"""What is tried: how much is added to every direction's variance, in units of their mean."""


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Sums over (n, inputs) rows and the (n, dim) goals that they are to become."""

    count: int
    rows: Tensor
    goals: Tensor
    squares: Tensor
    products: Tensor

    @classmethod
    def of(cls, rows: Tensor, goals: Tensor) -> "Moments":
        """Those of some rows."""
        rows, goals = rows.double(), goals.double()
        return cls(len(rows), rows.sum(dim=0), goals.sum(dim=0), rows.T @ rows, rows.T @ goals)

    def __add__(self, other: "Moments") -> "Moments":
        return self._with(other, 1)

    def __sub__(self, other: "Moments") -> "Moments":
        return self._with(other, -1)

    def _with(self, other: "Moments", sign: int) -> "Moments":
        return Moments(
            self.count + sign * other.count,
            self.rows + sign * other.rows,
            self.goals + sign * other.goals,
            self.squares + sign * other.squares,
            self.products + sign * other.products,
        )

    def solve(self, ridges: Iterable[float]) -> Iterator[tuple[Tensor, Tensor]]:
        """For each ridge the matrix (inputs, dim) and the bias (dim,) that minimise

        mean |row @ matrix + bias - goal|² + ridge · mean variance of a direction · |matrix|²
        """
        mean, goal = self.rows / self.count, self.goals / self.count
        covariance = self.squares / self.count - torch.outer(mean, mean)
        products = self.products / self.count - torch.outer(mean, goal)
        unit = covariance.diagonal().mean().clamp(min=1e-12)
        for ridge in ridges:
            penalty = ridge * unit * torch.eye(len(mean), dtype=mean.dtype)
            matrix = torch.linalg.solve(covariance + penalty, products)
            yield matrix, goal - mean @ matrix
