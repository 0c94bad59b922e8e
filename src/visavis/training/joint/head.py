"""The head of a joint space: base embeddings to the words' space, by two paths."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from visavis.training.joint.ridge import RIDGES, Moments
from visavis.training.networks.heads import Head

_FOLDS = 5
_UNTRIED = 3.0
"""The ridge where there are too few pictures to try."""


class JointHead(Head):
    """Dense layers that are trained, and a ridge regression beside them that is solved.

    Each path answers by itself and the answers, unit vectors, are added: dense layers that are
    trained on what a regression leaves over learn the noise of small sets. So `forward` gives the
    dense layers' answer alone while it trains. Until `begin` is called only the regression counts,
    as the dense layers know nothing.

    Args:
        inputs: Numbers of a base embedding.
        hidden: Widths of the dense layers.
        dim: Numbers of a word's vector.
        straight: Weight of the regression; 0: there is none.
    """

    def __init__(self, inputs: int, hidden: Sequence[int], dim: int, straight: float) -> None:
        super().__init__(inputs, (*hidden, dim), straight=straight > 0)
        assert self.dense is not None
        last = self.dense[-1]
        assert isinstance(last, torch.nn.Linear)
        last.reset_parameters()  # zeros have no direction
        self.weight = straight
        self.register_buffer("begun", torch.ones(()) if straight == 0 else torch.zeros(()))
        if self.straight is not None:
            self.straight.requires_grad_(False)

    def begin(self) -> None:
        """From now on the dense layers count."""
        self.get_buffer("begun").fill_(1)

    def forward(self, rows: Tensor) -> Tensor:
        """(n, inputs) to (n, dim), not yet of unit length."""
        assert self.dense is not None
        centred = (rows - self.get_buffer("mean")) * self.get_buffer("scale")
        trained = functional.normalize(self.dense(centred))
        if self.training or self.straight is None:
            return trained
        solved = functional.normalize(self.straight(rows))
        total: Tensor = self.get_buffer("begun") * trained + self.weight * solved
        return total

    @torch.no_grad()
    def solve(self, views: Tensor, goals: Tensor, seed: int) -> float:
        """Solve the regression; returns the ridge, 0 where there is none.

        It is the one with the largest mean cosine to the goals of pictures that were left out, a
        fifth of them in turn.

        Args:
            views: (n, views, inputs) base embeddings of pictures, the first view the whole.
            goals: (n, dim), unit length.
            seed: Divides the pictures.
        """
        flat = views.flatten(0, 1).double()
        mean = flat.mean(dim=0)
        self.get_buffer("mean").copy_(mean)
        self.get_buffer("scale").copy_(1 / (flat - mean).square().mean().sqrt().clamp(min=1e-6))
        if self.straight is None:
            return 0.0
        folds = np.random.default_rng([seed, 7]).permutation(len(views)) % _FOLDS
        left_out = [torch.from_numpy(np.flatnonzero(folds == fold)) for fold in range(_FOLDS)]
        parts = [_moments(views[numbers], goals[numbers]) for numbers in left_out]
        whole = sum(parts[1:], parts[0])
        ridge = _UNTRIED
        if len(views) >= 2 * _FOLDS:
            scores = [
                _cosines(whole - part, views[numbers, 0], goals[numbers])
                for part, numbers in zip(parts, left_out, strict=True)
            ]
            ridge = RIDGES[int(torch.stack(scores).sum(dim=0).argmax())]
        ((matrix, bias),) = whole.solve([ridge])
        self.straight.weight.copy_(matrix.T)
        self.straight.bias.copy_(bias)
        return ridge


def _moments(views: Tensor, goals: Tensor) -> Moments:
    return Moments.of(views.flatten(0, 1), goals.repeat_interleave(views.shape[1], dim=0))


def _cosines(moments: Moments, rows: Tensor, goals: Tensor) -> Tensor:
    found = [
        functional.cosine_similarity(rows.double() @ matrix + bias, goals.double()).sum()
        for matrix, bias in moments.solve(RIDGES)
    ]
    return torch.stack(found)
