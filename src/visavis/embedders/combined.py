"""Several embedders as one: `0.7:mobilenet-v2+0.3:classic`.

Words and classes that a part knows lie in that part's numbers of the whole, the others being 0. So
the whole reads words as soon as one part does, and has the classifier of the first part with one.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.embedders.base import (
    ClassSide,
    Embedder,
    TextEmbedder,
    class_notes,
    embed,
    embed_words,
    good_from,
    text_notes,
    unit_rows,
)
from visavis.embedders.blocks import joined_blocks, reaches
from visavis.errors import ModelError
from visavis.types import RGB, Vectors


@dataclass(frozen=True, slots=True)
class Part:
    """One embedder and how much it counts."""

    embedder: Embedder
    weight: float = 1.0


class CombinedEmbedder:
    """Joins the parts' vectors, each times the square root of its share of the weights.

    So the score of two pictures is the weighted mean of the parts' scores.

    Args:
        parts: At least one; weights above 0, of any sum.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        if not parts or any(not 0 < part.weight < float("inf") for part in parts):
            raise ModelError("a combination needs parts, each with a weight above 0")
        self.parts = tuple(parts)
        total = sum(part.weight for part in parts)
        self._shares = [part.weight / total for part in parts]
        weighted = len({part.weight for part in parts}) > 1
        self.name = "+".join(_term(part.weight, part.embedder.name, weighted) for part in parts)
        self.ref = "+".join(_term(part.weight, part.embedder.ref, weighted) for part in parts)
        self.dim = sum(part.embedder.dim for part in parts)
        sides = [part.embedder.side for part in parts]
        known = [side for side in sides if side is not None]
        self.side = max(known) if len(known) == len(sides) else None
        # Six digits: 7:a+3:b and 0.7:a+0.3:b are the same thing.
        recipe = "|".join(
            f"{share:.6f}:{part.embedder.fingerprint}"
            for share, part in zip(self._shares, parts, strict=True)
        )
        self.fingerprint = hashlib.sha256(recipe.encode()).hexdigest()[:16]

        ends = np.cumsum([part.embedder.dim for part in parts]).tolist()
        self.places = [slice(end - p.embedder.dim, end) for end, p in zip(ends, parts, strict=True)]
        """Where each part's numbers are."""
        self.classes: ClassSide | None = None
        """The classifier of the first part that has one."""
        self.blocks = joined_blocks(
            (part.embedder, place, share)
            for part, place, share in zip(parts, self.places, self._shares, strict=True)
        )
        for part, place in zip(parts, self.places, strict=True):
            side: object = getattr(part.embedder, "classes", None)
            if self.classes is None and isinstance(side, ClassSide):
                self.classes = PartClasses(side, place, self.dim)

    def embed_images(self, images: Sequence[RGB]) -> Vectors:
        """One unit vector for each picture, in order: (n, dim) float32."""
        blocks = [
            np.float32(share**0.5) * embed(part.embedder, images)
            for share, part in zip(self._shares, self.parts, strict=True)
        ]
        return unit_rows(np.hstack(blocks))


class CombinedTextEmbedder(CombinedEmbedder):
    """A combination of which at least one part reads words."""

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """One unit vector for each text, in order: (n, dim) float32; errors as of the parts."""
        rows = np.zeros((len(texts), self.dim), np.float32)
        for share, part, place in zip(self._shares, self.parts, self.places, strict=True):
            if isinstance(part.embedder, TextEmbedder):
                found = embed_words(part.embedder, texts)
                # So that each part's scores count by its weight, however far they can reach.
                scale = share**0.5 / reaches(part.embedder, found)
                rows[:, place] = scale.astype(np.float32)[:, None] * found
        return unit_rows(rows)

    def good_from(self, text: str) -> float | None:
        """The score of good answers to a text, where a single part reads it."""
        reading = [part.embedder for part in self.parts if isinstance(part.embedder, TextEmbedder)]
        return good_from(reading[0], text) if len(reading) == 1 else None

    def text_notes(self, text: str) -> tuple[str, ...]:
        """What of a text is ignored by a part, in sentences for people."""
        return tuple(note for part in self.parts for note in text_notes(part.embedder, text))


def combined(parts: Sequence[Part]) -> CombinedEmbedder:
    """The parts as one; a `TextEmbedder` if one of them is."""
    reads = any(isinstance(part.embedder, TextEmbedder) for part in parts)
    return (CombinedTextEmbedder if reads else CombinedEmbedder)(parts)


class PartClasses:
    """The classes of one part, among the dimensions of the whole; a `ClassSide`."""

    def __init__(self, side: ClassSide, place: slice, dim: int) -> None:
        self._side, self._place, self._dim = side, place, dim

    @property
    def labels(self) -> tuple[str, ...]:
        """A label for each class."""
        return self._side.labels

    def scores(self, images: Sequence[RGB]) -> NDArray[np.float32]:
        """The probability of each class for each picture: (n, classes)."""
        return self._side.scores(images)

    def directions(self, names: Sequence[str]) -> Vectors:
        """A unit vector for each class name: (n, dim)."""
        rows = np.zeros((len(names), self._dim), np.float32)
        rows[:, self._place] = self._side.directions(names)
        return rows

    def notes(self, name: str) -> tuple[str, ...]:
        """What to know of a class name, in sentences for people."""
        return class_notes(self._side, name)


def _term(weight: float, name: str, weighted: bool) -> str:
    return f"{weight:g}:{name}" if weighted else name
