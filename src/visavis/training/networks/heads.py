"""The part that is trained on top of base embeddings."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from visavis.training.data.samples import Numbers
from visavis.training.networks.whitening import (
    centre,
    chosen_shrinkage,
    principal_axes,
    whitening_map,
)

_DROPOUT = 0.5
_DENSE_SHARE = 0.1
"""How much of the dense layers' output is added; with more they overrun small sets at once."""
_WIDEST = 2048
_RANK = 1e-6
"""Directions whose variance is this much below the largest count as none."""


class Head(nn.Module):
    """Dense layers beside a straight linear path: (n, inputs) to (n, last layer).

    The straight path starts as the training pictures' `whitening` and, where the result is
    narrower than the input, their `principal_components`; the dense layers start at nothing. So a
    training begins with what the base knows, less what does not matter, and adds to it. Plain dense
    layers that start from chance need thousands of labels to come so far (docs/results.md has the
    figures).

    Args:
        inputs: Numbers of a base embedding.
        layers: Widths, the last one that of the result (0: `inputs`, up to 2,048); a single one
            means no dense layers.
        straight: Whether there is the straight path.
    """

    def __init__(self, inputs: int, layers: Sequence[int], *, straight: bool = True) -> None:
        super().__init__()
        *inner, last_width = layers
        self.inputs = inputs
        self.dim = dim = last_width or min(inputs, _WIDEST)
        self.register_buffer("mean", torch.zeros(inputs))
        self.register_buffer("scale", torch.ones(()))
        self.straight = nn.Linear(inputs, dim) if straight or not inner else None
        self.dense = _dense(inputs, inner, dim) if inner else None
        if self.straight is not None and self.dense is not None:
            last = self.dense[-1]
            assert isinstance(last, nn.Linear)
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    @torch.no_grad()
    def start(
        self, rows: Tensor, labels: Numbers, seed: int = 0, sides: Numbers | None = None
    ) -> None:
        """Begin from base embeddings (n, inputs) of the training pictures.

        `labels` (n,) and `sides` (n,) are those of `whitening`.
        """
        centred = rows.double()
        mean = centre(centred, labels, sides)
        centred = centred - mean
        self.get_buffer("mean").copy_(mean)
        self.get_buffer("scale").copy_(1 / centred.square().mean().sqrt().clamp(min=1e-6))
        if self.straight is not None:
            _, axes = principal_axes(centred)  # a wide base has more numbers than there are rows
            near = centred @ axes.T
            shrinkage = chosen_shrinkage(near, labels, seed, sides, self.inputs)
            whitened = whitening_map(near, axes, labels, shrinkage, sides)
            matrix = whitened.of(self._narrowed(near @ whitened.inner, axes, seed))
            matrix = matrix / (centred @ matrix).norm(dim=1).mean().clamp(min=1e-6)
            self.straight.weight.copy_(matrix.T)
            self.straight.bias.copy_(-(mean @ matrix))

    def _narrowed(self, whitened: Tensor, axes: Tensor, seed: int) -> Tensor:
        """(inputs, dim): from whitened rows, given along axes, to the dimensions of the result."""
        if self.dim == self.inputs:
            return torch.eye(self.dim, dtype=axes.dtype)
        return principal_components(whitened, self.dim, seed, axes)

    def forward(self, rows: Tensor) -> Tensor:
        """Not yet of unit length."""
        if self.dense is None:
            assert self.straight is not None
            only: Tensor = self.straight(rows)
            return only
        added: Tensor = self.dense((rows - self.get_buffer("mean")) * self.get_buffer("scale"))
        if self.straight is None:
            return added
        total: Tensor = self.straight(rows) + _DENSE_SHARE * added
        return total


def _dense(inputs: int, inner: Sequence[int], dim: int) -> nn.Sequential:
    parts: list[nn.Module] = [nn.Dropout(_DROPOUT)]
    width = inputs
    for wide in inner:
        parts += [nn.Linear(width, wide), nn.ReLU(), nn.Dropout(_DROPOUT)]
        width = wide
    return nn.Sequential(*parts, nn.Linear(width, dim))


def principal_components(
    centred: Tensor, dim: int, seed: int, along: Tensor | None = None
) -> Tensor:
    """(inputs, dim): a map of centred rows (n, inputs) that keeps the angles between pictures.

    Half of the dimensions are the directions of the largest variance; the other half is a random
    rotation of all other directions. Principal components alone would drop what the pictures of
    the training do not differ in, and others may. (For 256 of MobileNetV2's 1,280, fitted
    to 300 pictures of ukbench or grocery, the cosines of others are off by 0.026; with the
    components alone by 0.033 and 0.059.) With `dim` above `inputs` nothing is lost, and the last
    columns are zero. With `along`, (m, inputs), rows are given by coordinates (n, m) along these
    axes.
    """
    values, axes = principal_axes(centred)
    if along is not None:
        axes = axes @ along
    inputs = axes.shape[1]
    # Eigenvectors have no sign of their own; one is chosen, so that machines agree.
    axes = axes * torch.where(axes.sum(dim=1) < 0, -1.0, 1.0)[:, None]
    if dim < inputs:
        axes = axes[: min(int((values > _RANK * values[:1]).sum()), dim // 2)]
    found = len(axes)
    left = min(dim, inputs) - found
    chance = torch.Generator().manual_seed(seed)
    drawn = torch.randn(inputs, left, generator=chance, dtype=axes.dtype)
    rest, _ = torch.linalg.qr(drawn - axes.T @ (axes @ drawn))
    if left:
        rest = rest * ((inputs - found) / left) ** 0.5
    both = torch.cat([axes.T, rest], dim=1)
    return torch.nn.functional.pad(both, (0, max(0, dim - inputs)))
