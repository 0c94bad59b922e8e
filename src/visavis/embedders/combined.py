"""Several embedders as one: `0.7:mobilenet-v2+0.3:classic`."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from visavis.embedders.base import Embedder, unit_rows
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

    def embed_images(self, images: Sequence[RGB]) -> Vectors:
        """One unit vector for each picture, in order: (n, dim) float32."""
        blocks = [
            np.float32(share**0.5) * part.embedder.embed_images(images)
            for share, part in zip(self._shares, self.parts, strict=True)
        ]
        return unit_rows(np.hstack(blocks))


def _term(weight: float, name: str, weighted: bool) -> str:
    return f"{weight:g}:{name}" if weighted else name
