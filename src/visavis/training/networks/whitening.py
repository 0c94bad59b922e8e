"""Forgetting how pictures of one label differ: the map that a head's straight path begins with.

Within-class covariance normalisation (Hatch, Kajarekar and Stolcke, "Within-class covariance
normalization for SVM-based speaker recognition", Interspeech 2006): directions in which pictures of
the same label lie apart (another view, another light) count for less. A few hundred pictures are
enough to estimate it when it is shrunk towards doing nothing; how much follows from labels that are
left out in turn.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from visavis.training.data.samples import Numbers
from visavis.training.validation import partners, retrieval_figures

SHRINKAGES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)
"""1 does nothing; at 0 pictures of a label would differ by the same in all directions."""
UNTRIED = 0.7
"""Where there are too few labels to try."""

_FOLDS = 3
_LEAST = 2 * _FOLDS  # labels with several pictures
_MOST = 1500  # pictures that shrinkages are tried on
_ROUNDING = 1e-10
"""Directions whose variance is this much below the largest are not there, but rounding."""


@dataclass(frozen=True, slots=True, eq=False)
class Map:
    """A symmetric map of (dim,) vectors that only stretches what its axes do not span."""

    axes: Tensor
    """(m, dim): orthonormal rows."""
    inner: Tensor
    """(m, m): what it does among them."""
    rest: float
    """What everything else is multiplied by."""

    def of(self, columns: Tensor) -> Tensor:
        """(dim, k) to (dim, k)."""
        within = self.axes @ columns
        return columns * self.rest + self.axes.T @ (self.inner @ within - self.rest * within)


def whitening(
    rows: Tensor, labels: Numbers, shrinkage: float, sides: Numbers | None = None
) -> Tensor:
    """(dim, dim), symmetric: the inverse root of the shrunk covariance within labels.

        ((1 - s) S + s t I)^(-1/2) sqrt(t),   t = trace(S) / dim

    with S the covariance of what is left of rows without the mean of their label. With s = 1, or
    where no label has two pictures, it is I. With `sides` those of a label count the same in its
    mean and in S, however many pictures each has.

    Args:
        rows: (n, dim).
        labels: (n,).
        shrinkage: s, above 0 and up to 1.
        sides: (n,), a number for each.
    """
    values, vectors = _within(rows, labels, sides)
    return (vectors * _scales(values, shrinkage, len(values))) @ vectors.T


def whitening_map(
    rows: Tensor, axes: Tensor, labels: Numbers, shrinkage: float, sides: Numbers | None = None
) -> Map:
    """The same as a map, for rows that are given by coordinates (n, m) along axes (m, dim)."""
    values, vectors = _within(rows, labels, sides)
    scales = _scales(torch.cat([values, values.new_zeros(1)]), shrinkage, axes.shape[1])
    return Map(axes, (vectors * scales[:-1]) @ vectors.T, float(scales[-1]))


def principal_axes(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Variances (m,), the largest first, and directions (m, dim) of rows (n, dim) about their mean.

    With fewer rows than numbers m is the number of directions that they span, and what takes time
    and memory grows with n² instead of dim² (Turk and Pentland, "Eigenfaces for recognition", 1991,
    have it so).
    """
    count, dim = rows.shape
    if count >= dim:
        values, vectors = torch.linalg.eigh(rows.T @ rows / count)
        return values.flip(0), vectors.flip(1).T
    values, vectors = torch.linalg.eigh(rows @ rows.T / count)
    kept = values > _ROUNDING * values[-1]
    values, vectors = values[kept].flip(0), vectors[:, kept].flip(1)
    return values, (vectors / (values * count).sqrt()).T @ rows


def chosen_shrinkage(
    rows: Tensor,
    labels: Numbers,
    seed: int,
    sides: Numbers | None = None,
    dim: int | None = None,
) -> float:
    """The shrinkage with the best mAP on labels that the map was not made from.

    Labels are left out in turn, a third each time. Of equal ones the one that does least is taken.
    With `sides` pictures ask for those of their label on other sides, as `retrieval_figures` does.
    `dim` is how many numbers rows had that are given by coordinates in what they span.
    """
    folds = _folds(labels, partners(labels, sides), np.random.default_rng([seed, 6]))
    if not folds:
        return UNTRIED
    dim = dim or rows.shape[1]
    found = np.zeros(len(SHRINKAGES))
    for held in folds:
        rest = np.concatenate([fold for fold in folds if fold is not held])
        made, others = rows[torch.from_numpy(rest)], rows[torch.from_numpy(held)]
        on, asked = (None, None) if sides is None else (sides[rest], sides[held])
        values, vectors = _within(made, labels[rest], on)
        turned = (others - centre(made, labels[rest], on)) @ vectors  # turning changes no cosine
        for number, shrinkage in enumerate(SHRINKAGES):
            moved = functional.normalize(turned * _scales(values, shrinkage, dim)).float().numpy()
            figures = retrieval_figures(moved, labels[held], seed, asked)
            found[number] += figures["map"]
    return SHRINKAGES[int(found.argmax())]


def centre(rows: Tensor, labels: Numbers, sides: Numbers | None = None) -> Tensor:
    """(dim,): the mean of all rows; with `sides` those of a label count the same in it."""
    weights = _weights(labels, sides)
    return (rows * weights[:, None]).sum(dim=0) / weights.sum()


def _weights(labels: Numbers, sides: Numbers | None) -> Tensor:
    """(n,): 1 without sides; with them those of a label have as much together as each other."""
    if sides is None:
        return torch.ones(len(labels), dtype=torch.float64)
    found = np.empty(len(labels))
    for label in np.unique(labels):
        of_label = labels == label
        known, side, counts = np.unique(sides[of_label], return_inverse=True, return_counts=True)
        found[of_label] = of_label.sum() / (len(known) * counts[side])
    return torch.from_numpy(found)


def _folds(labels: Numbers, found: Numbers, chance: np.random.Generator) -> list[Numbers]:
    """Pictures of some labels in three parts; none where there are too few labels.

    `found` is how many others each picture can find.
    """
    order = chance.permutation(len(labels))
    several = chance.permutation(np.unique(labels[found > 0]))
    if len(several) < _LEAST:
        return []
    chosen: list[list[Numbers]] = [[] for _ in range(_FOLDS)]
    pictures = 0
    for number, label in enumerate(several.tolist()):
        if number >= _LEAST and pictures >= _MOST:
            break
        members = order[labels[order] == label]
        rare_first = members[np.argsort(-found[members], kind="stable")][: _MOST // _LEAST]
        chosen[number % _FOLDS].append(rare_first)
        pictures += len(rare_first)
    return [np.concatenate(part) for part in chosen]


def _within(rows: Tensor, labels: Numbers, sides: Numbers | None) -> tuple[Tensor, Tensor]:
    """Eigenvalues, eigenvectors (as columns) of the covariance within labels."""
    weights = _weights(labels, sides)
    _, number, counts = np.unique(labels, return_inverse=True, return_counts=True)
    of = torch.from_numpy(number)
    sums = torch.zeros(len(counts), rows.shape[1], dtype=rows.dtype)
    sums.index_add_(0, of, rows * weights[:, None])  # the weights of a label add up to its count
    left = (rows - (sums / torch.from_numpy(counts)[:, None])[of]) * weights[:, None].sqrt()
    values, vectors = torch.linalg.eigh(left.T @ left / len(rows))
    return values.clamp(min=0), vectors


def _scales(values: Tensor, shrinkage: float, dim: int) -> Tensor:
    """How much each direction within labels is to count; those of `dim` not given have nothing."""
    mean = values.sum() / dim
    if not mean:
        return torch.ones_like(values)
    return (mean / ((1 - shrinkage) * values + shrinkage * mean)).sqrt()
