"""What is chosen, and by what: held-out pictures that neither training nor fitting saw.

Five figures, which count the same: kinds of things (train-mix, by label), edited copies (every
kind of edits.py, recall of the original), products of one kind, and of one kind and colour
(fashion), products in scenes (scenes.py, recall of the product), and products that a colour word
asks for (fashion). Measuring sets have no say.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from recipes.visavis_s.colours import basic
from torch import Tensor

from visavis.metrics import average_precision

_NEIGHBOURS = 5


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to finish the vector."""

    colours: int
    """Numbers of the colour part; the rest of the visual part is what is seen."""
    share: float
    """Of the colour in the score."""
    spread: float
    """Of the principal components; 0 leaves them as they are."""
    shrinkage: float
    """Of the whitening from edits; 1 does nothing."""


CHOICES = tuple(
    Choice(colours, share, spread, shrinkage)
    for colours in (32, 48)
    for share in (0.03, 0.05, 0.07, 0.1)
    for spread in (0.0, 0.25)
    for shrinkage in (1.0, 0.7, 0.5)
)

"""More spread finds more products in scenes (.61 with .5) and lengthens what rounding does: of the
ten nearest computed in another way .9885 were the same then, and rounding.py asks for more."""


@dataclass(frozen=True, slots=True)
class Figures:
    """How well a choice does on held-out pictures; each at most 1."""

    kinds: float
    """Share of the five nearest with the same label (labels that are alone do not ask)."""
    copies: float
    """Share of edited copies whose original comes first, the mean over kinds of edit."""
    worst: float
    """The same of the kind of edit that is found least."""
    products: float
    """Share of the five nearest products of the same kind, and of the same kind and colour: the
    mean of both."""
    scenes: float
    """Share of products in front of a scene that are found first among all products."""
    colour_words: float
    """Mean average precision of the colour words, of products of that colour."""


def judged(
    vectors: Tensor,
    labels: Sequence[str],
    products: Sequence[tuple[str, str]],
    copies: Tensor,
    scenes: Tensor,
    words: Mapping[str, Tensor],
) -> Figures:
    """The figures of unit vectors (n, dim) of held-out pictures.

    Args:
        vectors: The pictures, those with a label first, then the products.
        labels: Of the first.
        products: Kind and colour of each of the others.
        copies: (kinds of edit, m, dim): of the first m pictures.
        scenes: (products, dim): each product in front of a scene.
        words: The direction (dim,) of each basic colour word.
    """
    first = len(labels)
    kinds, coloured = [kind for kind, _ in products], [" ".join(product) for product in products]
    by_edit = torch.tensor([_recall(edited, vectors) for edited in copies])
    return Figures(
        precision(vectors[:first], labels),
        float(by_edit.mean()),
        float(by_edit.min()),
        (precision(vectors[first:], kinds) + precision(vectors[first:], coloured)) / 2,
        _recall(scenes, vectors[first:]),
        asked_for(vectors[first:], [basic(colour) for _, colour in products], words),
    )


def _recall(asking: Tensor, vectors: Tensor) -> float:
    """Share of rows whose nearest vector is the one in the same place."""
    nearest = (asking @ vectors.T).argmax(dim=1)
    return float((nearest == torch.arange(len(asking))).float().mean())


def asked_for(vectors: Tensor, colours: Sequence[str | None], words: Mapping[str, Tensor]) -> float:
    """Mean average precision of colour words that a product has; 0 where none has one."""
    found = []
    for word, direction in words.items():
        order = (vectors @ direction).argsort(descending=True)
        ranks = [rank for rank, one in enumerate(order.tolist(), 1) if colours[one] == word]
        if ranks:
            found.append(average_precision(np.array(ranks), len(ranks)))
    return float(np.mean(found)) if found else 0.0


def precision(vectors: Tensor, labels: Sequence[str]) -> float:
    """Share of each row's five nearest others with its label, over labels that are not alone."""
    names = np.unique(np.array(labels), return_inverse=True)[1]
    scores = vectors @ vectors.T
    scores.fill_diagonal_(-torch.inf)
    nearest: NDArray[np.int64] = scores.topk(_NEIGHBOURS, dim=1).indices.numpy()
    hits = names[nearest] == names[:, None]
    asks = np.bincount(names)[names] > 1
    return float(hits[asks].mean())


def best(tried: dict[Choice, Figures]) -> Choice:
    """The choice with the highest sum of its figures, each as a share of the best there is.

    Copies are the mean of all kinds of edit and the kind that does worst, in equal parts.
    """
    rows = np.array(
        [
            [f.kinds, (f.copies + f.worst) / 2, f.products, f.scenes, f.colour_words]
            for f in tried.values()
        ]
    )
    shares = rows / rows.max(axis=0)
    return list(tried)[int(shares.sum(axis=1).argmax())]
