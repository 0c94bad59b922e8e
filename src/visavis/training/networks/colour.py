"""Which colours a picture has, as a part of a network, so that it is computed inside its graph."""

import torch
from torch import Tensor, nn
from torch.nn import functional

HUES, SATURATIONS, VALUES = 16, 4, 4
"""Bins of the histogram; the least saturated ones are left out again."""

CENTRE_SPREAD = 0.6
"""Standard deviation of the weight around the middle; 1 is half the picture's side."""

FAINT = 1e-5
"""A share of the picture that hardly counts; without it rounding would, below the square root."""


class ColourHistogram(nn.Module):
    """How much of which colour: pictures (n, 3, side, side) in -1…1 to (n, 192) roots of shares.

    A hue, saturation, value histogram of small patches. Each is shared among the eight bins around
    it, so that a little more light does not throw it over a bin's edge, and counts more in the
    middle of the picture. Grey has no bin: a vector is as long as its picture is colourful, so a
    grey copy is not taken for other grey pictures.
    """

    def __init__(self, side: int, patch: int = 4) -> None:
        super().__init__()
        self.patch = patch
        count = side // patch
        offset = (torch.arange(count) + 0.5) / count * 2 - 1
        bump = torch.exp(-offset.square() / (2 * CENTRE_SPREAD**2))
        weight = torch.outer(bump, bump).flatten()
        self.register_buffer("weight", weight / weight.sum())
        self.register_buffer("hues", torch.arange(HUES, dtype=torch.float32)[:, None])
        self.register_buffer("steps", torch.arange(VALUES, dtype=torch.float32)[:, None])

    @property
    def dim(self) -> int:
        """Numbers that come out."""
        return HUES * (SATURATIONS - 1) * VALUES

    def forward(self, x: Tensor) -> Tensor:
        """(n, 192); rows have a length of at most one."""
        red, green, blue = (functional.avg_pool2d(x, self.patch) / 2 + 0.5).flatten(2).unbind(1)
        value = torch.maximum(torch.maximum(red, green), blue)
        spread = value - torch.minimum(torch.minimum(red, green), blue)
        saturation = spread / value.clamp(min=1e-6)
        hues = self._hues(red, green, blue, value, spread) * self.get_buffer("weight")
        saturations, values = self._steps(saturation, SATURATIONS), self._steps(value, VALUES)
        pairs = (saturations[:, 1:, None] * values[:, None]).flatten(1, 2)
        shares = (hues @ pairs.transpose(1, 2)).flatten(1)
        roots: Tensor = (shares + FAINT).sqrt() - FAINT**0.5
        return roots

    def _hues(
        self, red: Tensor, green: Tensor, blue: Tensor, top: Tensor, spread: Tensor
    ) -> Tensor:
        """(n, hues, patches): each patch's share in the bins on both sides of its hue."""
        spread = spread.clamp(min=1e-6)
        hue = torch.where(
            red >= top,
            (green - blue) / spread,
            torch.where(green >= top, 2 + (blue - red) / spread, 4 + (red - green) / spread),
        )
        place = (hue / 6 - torch.floor(hue / 6)) * HUES - 0.5
        distance = (place[:, None] - self.get_buffer("hues")).abs()
        return (1 - torch.minimum(distance, HUES - distance)).clamp(min=0)

    def _steps(self, value: Tensor, count: int) -> Tensor:
        """(n, count, patches): shares in the bins on both sides of a value in 0…1."""
        place = (value * count - 0.5).clamp(0, count - 1)
        return (1 - (place[:, None] - self.get_buffer("steps")[:count]).abs()).clamp(min=0)
