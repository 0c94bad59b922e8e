"""How much each part of the vector, and each direction, should count: chosen once, at the end.

Kinds of things and copies are asked for among held-out pictures, products among all of them. First
the shares of the parts are chosen; then how far directions are whitened in which edits of training
pictures move their vectors.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from visavis.training.retriever import Blend
from visavis.training.whitening import SHRINKAGES, whitening

Floats = NDArray[np.float32]

SHARES = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)
"""Shares that the copy part and the colour part are tried with."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The vectors of the same pictures, part by part; rows are pictures.

    Those of the first two parts are of unit length.
    """

    learned: Floats
    copy: Floats
    colour: Floats


@dataclass(frozen=True, slots=True)
class Trial:
    """One blend, or one whitening of it, and what it is worth."""

    blend: Blend
    precision: float
    """Share of the five nearest with the same label (pictures whose label is alone do not ask)."""
    recall: float
    """Share of edited copies whose original comes first."""
    products: float
    """Share of the five nearest products that are the same kind of thing in the same colour.

    Of all products, most of which were trained on (without their labels): too few are held out.
    """
    shrinkage: float = 1.0
    """Of the whitening (see `whitening`); 1 is none."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """Pictures with a label each."""

    parts: Parts
    labels: Sequence[str]


def trials(originals: Labelled, copies: Parts, products: Labelled) -> list[Trial]:
    """Every blend of `SHARES`, tried; `copies` are edits of the originals, in their order."""
    same = _compared(originals.parts, originals.parts)
    found = _compared(copies, originals.parts)
    goods = _compared(products.parts, products.parts)
    names, kinds = (
        np.unique(np.array(side.labels), return_inverse=True)[1] for side in (originals, products)
    )
    return [
        Trial(
            blend,
            precision=_precision(_blended(blend, same), names),
            recall=float((_blended(blend, found).argmax(axis=1) == np.arange(len(names))).mean()),
            products=_precision(_blended(blend, goods), kinds),
        )
        for blend in _blends()
    ]


def whitenings(
    blend: Blend, originals: Labelled, copies: Parts, products: Labelled, pairs: tuple[Parts, Parts]
) -> list[Trial]:
    """Every shrinkage of the whitening of this blend, tried, from none to much.

    `pairs` are what it is made from: training pictures, and edited copies of them in their order.
    """
    kinds, goods = (
        np.unique(np.array(side.labels), return_inverse=True)[1] for side in (originals, products)
    )
    asked, edits, sold = (joined(blend, p) for p in (originals.parts, copies, products.parts))
    tried = []
    for shrinkage in SHRINKAGES:
        matrix = pair_whitening(blend, pairs, shrinkage).numpy()
        same = _unit(asked @ matrix)
        shop = _unit(sold @ matrix) if len(sold) else sold
        found = (_unit(edits @ matrix) @ same.T).argmax(axis=1) == np.arange(len(same))
        figures = (_precision(same @ same.T, kinds), float(found.mean()))
        tried.append(Trial(blend, *figures, _precision(shop @ shop.T, goods), shrinkage))
    return tried


def pair_whitening(blend: Blend, pairs: tuple[Parts, Parts], shrinkage: float) -> Tensor:
    """(dim, dim): the whitening within pairs of a picture and its edited copy.

    Learned from matching pairs, without labels, as by Radenović, Tolias and Chum, "Fine-tuning CNN
    image retrieval with no human annotation", TPAMI 2018; shrunk, because only edits are known, and
    not all in which pictures of one thing differ.
    """
    rows = np.concatenate([joined(blend, side) for side in pairs])
    numbers = np.tile(np.arange(len(rows) // 2), 2)
    return whitening(torch.from_numpy(rows).double(), numbers, shrinkage).float()


def joined(blend: Blend, parts: Parts) -> Floats:
    """The whole vectors, as a `Retriever` without whitening gives them."""
    weighted = (
        parts.learned * blend.learned**0.5,
        parts.copy * blend.copy**0.5,
        parts.colour * blend.colour**0.5,
    )
    return _unit(np.concatenate(weighted, axis=1, dtype=np.float32))


def _unit(rows: Floats) -> Floats:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    scaled: Floats = rows / np.maximum(lengths, 1e-12)
    return scaled


def best(tried: Sequence[Trial]) -> Trial:
    """The trial with the highest sum of its three figures, each as a share of its best.

    Kinds of things, copies and products count the same; no figure's own scale decides.
    """
    figures = np.array([[trial.precision, trial.recall, trial.products] for trial in tried])
    highest = figures.max(axis=0)
    shares = figures / np.where(highest > 0, highest, 1.0)
    return tried[int(shares.sum(axis=1).argmax())]


def _blends() -> list[Blend]:
    pairs = [(copy, colour) for copy in SHARES for colour in SHARES if copy + colour <= 0.6]
    return [Blend(1 - copy - colour, copy, colour) for copy, colour in pairs]


@dataclass(frozen=True, slots=True)
class _Compared:
    """Scores (queries, gallery) by each part, and the squared lengths of the colour part."""

    learned: Floats
    copy: Floats
    colour: Floats
    asking: Floats
    asked: Floats


def _compared(queries: Parts, gallery: Parts) -> _Compared:
    return _Compared(
        queries.learned @ gallery.learned.T,
        queries.copy @ gallery.copy.T,
        queries.colour @ gallery.colour.T,
        np.square(queries.colour).sum(axis=1),
        np.square(gallery.colour).sum(axis=1),
    )


def _precision(scores: Floats, names: NDArray[np.int64]) -> float:
    """Share of each picture's five nearest with its label; a label that is alone does not ask."""
    if not len(names):
        return 0.0
    np.fill_diagonal(scores, -np.inf)
    first = np.argsort(-scores, axis=1, kind="stable")[:, :5]
    asks = np.bincount(names)[names] > 1
    hits = names[first] == names[:, None]
    return float(hits[asks].mean()) if asks.any() else 0.0


def _blended(blend: Blend, by: _Compared) -> Floats:
    """The cosines of the whole vectors (see `Retriever`)."""
    total = blend.learned * by.learned + blend.copy * by.copy + blend.colour * by.colour
    rest = blend.learned + blend.copy
    asking, asked = (rest + blend.colour * squares for squares in (by.asking, by.asked))
    scores: Floats = total / np.sqrt(asking[:, None] * asked[None])
    return scores
