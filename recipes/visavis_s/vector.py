"""From what the network says to one unit vector: the closed-form end, without a gradient step.

root    square roots of the 1,280 features: strong ones count less (Hellinger's kernel)
seen    their principal components, weaker ones lengthened, unit length
colour  a soft colour histogram, as long as the picture is colourful
visual  both, weighted, joined; directions in which edits move a vector made to count less
meant   the class scores as a place among words (semantic.py)
vector  [√.9 visual ; √.1 meant]
"""

from dataclasses import dataclass

import torch
from recipes.visavis_s.colour import Colour
from torch import Tensor, nn
from torch.nn import functional

from visavis.training.networks.whitening import whitening

ROOT_FLOOR = 1e-3
"""Added to features before their square root, whose slope has no end at zero."""

SOFTNESS = 0.5
"""What class scores are multiplied by before softmax: flat, so that many classes have a say."""


def rooted(features: Tensor) -> Tensor:
    """Square roots of features (n, 1280)."""
    return (features + ROOT_FLOOR).sqrt()


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """Principal components, the weak ones made longer: (root - mean) @ axes."""

    mean: Tensor
    """(1280,)."""
    axes: Tensor
    """(1280, dim)."""

    @classmethod
    def fit(cls, features: Tensor, dim: int, spread: float) -> "Projection":
        """The first `dim` components of the roots of features (n, 1280).

        `spread` is how much of the difference between their variances is taken away: 0 none, 1 all
        (whitening). What is rare in these pictures may be common in others.
        """
        roots = rooted(features).double()
        mean = roots.mean(dim=0)
        centred = roots - mean
        values, axes = torch.linalg.eigh(centred.T @ centred / len(centred))
        first = values.argsort(descending=True)[:dim]
        kept = axes[:, first] * values[first].clamp(min=1e-9) ** (-spread / 2)
        # Eigenvectors have no sign of their own; one is chosen, so that machines agree.
        kept = kept * torch.where(kept.sum(dim=0) < 0, -1.0, 1.0)
        return cls(mean.float(), kept.float())

    def __call__(self, features: Tensor) -> Tensor:
        """Unit vectors (n, dim)."""
        return functional.normalize((rooted(features) - self.mean) @ self.axes, dim=1)


def joined(seen: Tensor, colour: Tensor, share: float) -> Tensor:
    """Unit vectors (n, dim) of what is seen and of colours, which have this share of the score."""
    parts = [seen * (1 - share) ** 0.5, colour * share**0.5]
    return functional.normalize(torch.cat(parts, dim=1), dim=1)


def edit_whitening(pairs: Tensor, numbers: Tensor, shrinkage: float) -> Tensor:
    """(dim, dim): what makes the directions count less in which edits move joined vectors.

    Learned from a picture and its edits, without labels, as by Radenović, Tolias and Chum,
    "Fine-tuning CNN image retrieval with no human annotation", TPAMI 2018; shrunk, because edits
    are not all that differs between pictures of one thing.

    Args:
        pairs: (n, dim), pictures and their edits.
        numbers: (n,), which picture each row shows.
        shrinkage: 1 does nothing.
    """
    return whitening(pairs.double(), numbers.numpy(), shrinkage).float()


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """Everything that the closed-form end is made of."""

    projection: Projection
    colour: Colour
    share: float
    """Of the colour in the visual part's score, before whitening."""
    whitening: Tensor
    """(visual, visual), symmetric."""
    classes: Tensor
    """(1000, meant): where each class lies among words."""
    mean: Tensor
    """(meant,): of pictures, taken away."""
    meant: float
    """The semantic part's share in the whole."""


class End(nn.Module):
    """The closed-form end as a module that can be exported."""

    def __init__(self, parts: Parts) -> None:
        super().__init__()
        self.colour, self.share, self.meant = parts.colour, parts.share, parts.meant
        self.seen = _linear(parts.projection.axes, -parts.projection.mean @ parts.projection.axes)
        self.whitening = _linear(parts.whitening, None)
        self.classes = _linear(parts.classes, -parts.mean)

    def forward(self, images: Tensor, features: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Unit vectors (n, dim), and the probability of each class (n, 1000).

        `images` are (n, 3, side, side) in -1…1, `scores` those before softmax.
        """
        visual = self.visual(images, features)
        meant = functional.normalize(self.classes((scores * SOFTNESS).softmax(dim=1)), dim=1)
        whole = torch.cat([visual * (1 - self.meant) ** 0.5, meant * self.meant**0.5], dim=1)
        return whole, scores.softmax(dim=1)

    def visual(self, images: Tensor, features: Tensor) -> Tensor:
        """The visual part, of unit length."""
        seen = functional.normalize(self.seen(rooted(features)), dim=1)
        whole: Tensor = self.whitening(joined(seen, self.colour(images), self.share))
        return functional.normalize(whole, dim=1)


def _linear(matrix: Tensor, bias: Tensor | None) -> nn.Linear:
    taken, given = matrix.shape
    made = nn.Linear(taken, given, bias=bias is not None).requires_grad_(False)
    with torch.no_grad():
        made.weight.copy_(matrix.T)
        if bias is not None:
            made.bias.copy_(bias)
    return made
