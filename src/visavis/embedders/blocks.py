"""Vectors made of blocks of a fixed length each, and how far a question can reach among them.

A model with a semantic part gives [√(1 - share) · visual ; √share · semantic], both of unit length.
Then no picture's score against a question q is above

    reach(q) = Σ √share · |block of q|

which is 1 for a picture and only √share for a text that acts on the semantic part alone. People see
the score divided by the reach: 1 means "as near as any picture can be", for words as for pictures.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis.embedders.base import unit_rows
from visavis.embedders.spec import SemanticSpec
from visavis.types import Vectors

_LEAST = 1e-6  # of a reach: below it a question asks for nothing that a picture has


@dataclass(frozen=True, slots=True)
class Block:
    """Neighbouring numbers whose squared length is the same in every picture's vector."""

    place: slice
    share: float
    semantic: bool = False
    """Whether they say what a picture shows, rather than how it looks."""


def blocks_of(embedder: object) -> tuple[Block, ...]:
    """The blocks of a model's vectors: its attribute `blocks`; none where it has no such parts."""
    found: tuple[Block, ...] = getattr(embedder, "blocks", ())
    return found


def two_blocks(dim: int, semantic: SemanticSpec | None) -> tuple[Block, ...]:
    """The visual and the semantic block of a vector; none without a semantic part."""
    if semantic is None:
        return ()
    border = dim - semantic.dim
    return (
        Block(slice(0, border), 1 - semantic.share),
        Block(slice(border, dim), semantic.share, semantic=True),
    )


def joined_blocks(parts: Iterable[tuple[object, slice, float]]) -> tuple[Block, ...]:
    """The blocks of a mix of (embedder, place, share); none where no part has any."""
    listed = list(parts)
    if not any(blocks_of(embedder) for embedder, _, _ in listed):
        return ()
    found: list[Block] = []
    for embedder, place, share in listed:
        for block in blocks_of(embedder) or [Block(slice(0, place.stop - place.start), 1.0)]:
            start, stop = place.start + block.place.start, place.start + block.place.stop
            found.append(replace(block, place=slice(start, stop), share=share * block.share))
    return tuple(found)


def reaches(embedder: object, vectors: Vectors) -> NDArray[np.float64]:
    """The highest score that any picture can have against each of (n, dim) vectors: (n,)."""
    blocks = blocks_of(embedder)
    if not blocks:
        return np.ones(len(vectors))
    found = np.zeros(len(vectors))
    for block in blocks:
        rows = vectors[:, block.place].astype(np.float64)
        found += block.share**0.5 * np.linalg.norm(rows, axis=1)
    return np.maximum(found, _LEAST)


def reach(embedder: object, vector: Vectors) -> float:
    """The highest score that any picture can have against one vector, (dim,)."""
    blocks = blocks_of(embedder)
    if not blocks:
        return 1.0
    found = sum(block.share**0.5 * _length(vector[block.place]) for block in blocks)
    return float(max(found, _LEAST))


def _length(vector: Vectors) -> float:
    return math.sqrt(float(np.dot(vector, vector)))


def visual_part(embedder: object, vectors: Vectors) -> Vectors:
    """How pictures look, without what they show: [v ; 0] at unit length, (n, dim).

    Scores against it, divided by its reach, are those of the visual parts alone: copies are asked
    for so. Vectors of a model without a semantic part are as they were.
    """
    semantic = [block for block in blocks_of(embedder) if block.semantic]
    if not semantic:
        return vectors
    kept = np.array(vectors, np.float32)
    for block in semantic:
        kept[:, block.place] = 0.0
    return unit_rows(kept)


def semantic_part(vectors: NDArray[Any], semantic: SemanticSpec) -> Vectors:
    """What pictures show: the last dimensions of (n, dim) vectors, at unit length."""
    return unit_rows(vectors[:, -semantic.dim :])
