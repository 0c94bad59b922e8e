"""What is exported: the trained network, a colour part beside it, one unit vector for all.

The vector is a weighted concatenation: what is seen, how much of a copy it is, which colours it
has. The first two are unit vectors; the third is as long as the picture is colourful. Then
directions in which edits of a picture move it may be made to count less.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from visavis.training.colour import Colour
from visavis.training.networks import Student, TwoScales


@dataclass(frozen=True, slots=True)
class Blend:
    """Shares of the parts in the score; they add up to one."""

    learned: float
    copy: float
    colour: float

    def __post_init__(self) -> None:
        if abs(self.learned + self.copy + self.colour - 1) > 1e-6:
            raise ValueError(f"the shares of {self} must add up to one")


class Retriever(nn.Module):
    """Pictures (n, 3, side, side) in -1…1 to unit vectors and class probabilities.

    Args:
        student: The trained network, which looks once or twice.
        colour: The part beside it.
        blend: Shares of the parts.
        whitening: (dim, dim), symmetric, that whole vectors are multiplied with; None: they stay.
    """

    def __init__(
        self,
        student: Student | TwoScales,
        colour: Colour,
        blend: Blend,
        whitening: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.student, self.colour, self.blend = student, colour, blend
        self.whitening: nn.Linear | None = None
        if whitening is not None:
            self.whitening = nn.Linear(len(whitening), len(whitening), bias=False)
            self.whitening.requires_grad_(False).weight.copy_(whitening)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(n, learned + copy + colour), (n, classes)."""
        learned, copy, logits = self.student.summary(x)
        blend = self.blend
        parts = [
            functional.normalize(learned) * blend.learned**0.5,
            functional.normalize(copy) * blend.copy**0.5,
            self.colour(x) * blend.colour**0.5,
        ]
        vectors = functional.normalize(torch.cat(parts, dim=1))
        if self.whitening is not None:
            vectors = functional.normalize(self.whitening(vectors))
        return vectors, logits.softmax(dim=1)
