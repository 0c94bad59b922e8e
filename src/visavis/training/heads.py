"""The part that is trained on top of base embeddings."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

_DROPOUT = 0.5
_DENSE_SHARE = 0.1
"""How much of the dense layers' output is added; with more they overrun small sets at once."""
_RANK = 1e-6
"""Directions whose variance is this much below the largest count as none."""


class Head(nn.Module):
    """Dense layers beside a straight linear path: (n, inputs) to (n, last layer).

    The straight path starts as the principal components of the training pictures' embeddings, the
    dense layers start at nothing: so a training begins with what the base knows, and adds to it.
    Plain dense layers that start from chance need thousands of labels to come so far
    (docs/results.md has the figures).

    Args:
        inputs: Numbers of a base embedding.
        layers: Widths, the last one that of the result; a single one means no dense layers.
        straight: Whether there is the straight path.
    """

    def __init__(self, inputs: int, layers: Sequence[int], *, straight: bool = True) -> None:
        super().__init__()
        *inner, dim = layers
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
    def start(self, rows: Tensor, seed: int = 0) -> None:
        """Begin from base embeddings (n, inputs) of the training pictures."""
        known = rows.double()
        mean = known.mean(dim=0)
        centred = known - mean
        self.get_buffer("mean").copy_(mean)
        self.get_buffer("scale").copy_(1 / centred.square().mean().sqrt().clamp(min=1e-6))
        if self.straight is not None:
            matrix = principal_components(centred, self.straight.out_features, seed)
            matrix /= (centred @ matrix).norm(dim=1).mean().clamp(min=1e-6)
            self.straight.weight.copy_(matrix.T)
            self.straight.bias.copy_(-(mean @ matrix))

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


def principal_components(centred: Tensor, dim: int, seed: int) -> Tensor:
    """(inputs, dim): directions of the largest variance of centred rows (n, inputs).

    Where few pictures span fewer directions than `dim`, the rest of the space is kept by a random
    rotation: pictures that are met later may differ there. With `dim` above `inputs` the last
    columns are zero.
    """
    inputs = centred.shape[1]
    values, vectors = torch.linalg.eigh(centred.T @ centred / len(centred))
    values, vectors = values.flip(0), vectors.flip(1)
    # Eigenvectors have no sign of their own; one is chosen, so that machines agree.
    vectors = vectors * torch.where(vectors.sum(dim=0) < 0, -1.0, 1.0)
    found = min(int((values > _RANK * values[0]).sum()), dim)
    rest = vectors[:, found:]
    wanted = min(dim, inputs) - found
    if wanted > 0 and rest.shape[1] > wanted:
        generator = torch.Generator().manual_seed(seed)
        drawn = torch.randn(rest.shape[1], wanted, generator=generator, dtype=rest.dtype)
        rotation, _ = torch.linalg.qr(drawn)
        rest = rest @ rotation * (rest.shape[1] / wanted) ** 0.5
    kept = torch.cat([vectors[:, :found], rest[:, : max(wanted, 0)]], dim=1)
    return torch.nn.functional.pad(kept, (0, dim - kept.shape[1]))
