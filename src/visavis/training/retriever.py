"""What is exported: the trained network, a colour part beside it, one unit vector for all.

The vector is a weighted concatenation of unit vectors, so the score of two pictures is the
weighted mean of three cosines: what is seen, how much of a copy it is, which colours it has.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from visavis.training.networks import Student


@dataclass(frozen=True, slots=True)
class Blend:
    """Shares of the parts in the score; they add up to one."""

    learned: float
    copy: float
    colour: float

    def __post_init__(self) -> None:
        if abs(self.learned + self.copy + self.colour - 1) > 1e-6:
            raise ValueError(f"the shares of {self} must add up to one")


class Palette(nn.Module):
    """A soft colour histogram: the square roots of each palette colour's share of the picture.

    Every small patch is divided among the palette's colours by a softmax over their squared
    distances, which leaves no hard borders between bins; the square roots make a unit vector
    whose dot product is the Bhattacharyya coefficient.

    Args:
        colours: (n, 3) in the opponent space of `opponent`.
        sharpness: Inverse width of a bin.
        patch: Side in pixels of the patches that are averaged first.
    """

    def __init__(self, colours: Tensor, sharpness: float, patch: int = 4) -> None:
        super().__init__()
        self.patch = patch
        # |x - c|² = |x|² - 2 x·c + |c|², and the softmax does not see |x|²: one product.
        # Its input is -1…1, and the opponent space is linear, so that is folded in as well.
        weight = 2 * sharpness * colours @ (_OPPONENT / 2)
        offset = 2 * sharpness * colours @ (_OPPONENT @ torch.full((3,), 0.5))
        bias = offset - sharpness * colours.square().sum(dim=1)
        self.register_buffer("weight", weight.T)
        self.register_buffer("bias", bias)

    def forward(self, x: Tensor) -> Tensor:
        """(n, 3, h, w) in -1…1 to (n, colours), rows of unit length."""
        # Colours last: runtimes take the softmax of neighbours several times faster.
        patches = functional.avg_pool2d(x, self.patch).flatten(2).transpose(1, 2)
        scores = patches @ self.get_buffer("weight") + self.get_buffer("bias")
        return scores.softmax(dim=2).mean(dim=1).sqrt()


_OPPONENT = torch.tensor([[1 / 3, 1 / 3, 1 / 3], [3.0, -3.0, 0.0], [1.5, 1.5, -3.0]])
"""Rows: brightness, red against green, yellow against blue; colour counts more than light."""


def opponent(pixels: Tensor) -> Tensor:
    """(n, 3) RGB in 0…1 to brightness, red-green and yellow-blue."""
    return pixels @ _OPPONENT.T


def palette_colours(pixels: Tensor, count: int, seed: int, rounds: int = 25) -> Tensor:
    """(count, 3) colours that the pixels (n, 3; RGB in 0…1) are nearest to, by k-means++."""
    places = opponent(pixels)
    generator = torch.Generator().manual_seed(seed)
    first = int(torch.randint(len(places), (1,), generator=generator))
    centres = places[first : first + 1].clone()
    distances = torch.full((len(places),), torch.inf)
    while len(centres) < count:  # far places are likelier to be the next centre
        distances = distances.minimum((places - centres[-1]).square().sum(dim=1))
        chosen = torch.multinomial(distances, 1, generator=generator)
        centres = torch.cat([centres, places[chosen]])
    for _ in range(rounds):
        nearest = torch.cdist(places, centres).argmin(dim=1)
        sums = torch.zeros_like(centres).index_add_(0, nearest, places)
        sizes = torch.bincount(nearest, minlength=count).clamp(min=1)
        centres = sums / sizes[:, None]
    return centres


class Retriever(nn.Module):
    """Pictures (n, 3, side, side) in -1…1 to unit vectors and class probabilities."""

    def __init__(self, student: Student, palette: Palette, blend: Blend) -> None:
        super().__init__()
        self.student, self.palette, self.blend = student, palette, blend

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(n, learned + copy + colours), (n, classes)."""
        learned, copy, logits = self.student.summary(x)
        blend = self.blend
        parts = [
            functional.normalize(learned) * blend.learned**0.5,
            functional.normalize(copy) * blend.copy**0.5,
            self.palette(x) * blend.colour**0.5,
        ]
        return torch.cat(parts, dim=1), logits.softmax(dim=1)
