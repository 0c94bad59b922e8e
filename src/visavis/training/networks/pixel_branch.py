"""A shallow look at the pixels beside a deep base: fine colour and pattern.

After the shallow branches of VisNet (Shankar et al., "Deep learning based large scale visual
recommendation and search for e-commerce", 2017): networks that were trained to name things forget
on purpose what colour these have.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from visavis.embedders.spec import PreprocessSpec
from visavis.training.networks.colour import ColourHistogram
from visavis.training.networks.residual import convolution

_LOOK = 112
"""Pixels, at least, that the convolutions look at; larger pictures are averaged down to them."""
_CHANNELS = (24, 48)


class PixelBranch(nn.Module):
    """Pictures (n, 3, side, side) in -1…1 to (n, dim): a colour histogram, and two convolutions.

    Args:
        side: Of the pictures.
        colour: Weight of the histogram, whose rows are of unit length at most.
        pattern: Length of the convolutions' part. They begin as chance, and are given little say:
            0.3 found less than 0.1 on held-out labels of grocery's and ukbench's training halves.
    """

    def __init__(self, side: int, colour: float = 0.7, pattern: float = 0.1) -> None:
        super().__init__()
        self.shrink = max(1, side // _LOOK)
        self.colour, self.pattern = colour, pattern
        self.histogram = ColourHistogram(side)
        inner, outer = _CHANNELS
        self.look = nn.Sequential(
            convolution(3, inner, 5, 2), nn.ReLU(), convolution(inner, outer, 3, 2), nn.ReLU()
        )
        self.dim = self.histogram.dim + 2 * outer

    def forward(self, x: Tensor) -> Tensor:
        """Colours, then how strong each pattern is on average and at most."""
        small = functional.avg_pool2d(x, self.shrink) if self.shrink > 1 else x
        seen = self.look(small).flatten(2)
        patterns = torch.cat([seen.mean(dim=2), seen.amax(dim=2)], dim=1)
        parts = [
            self.colour * self.histogram(x),
            self.pattern * functional.normalize(patterns),
        ]
        return torch.cat(parts, dim=1)


class FromInput(nn.Module):
    """What a base's graph takes, back to pictures (n, 3, side, side), RGB in -1…1."""

    def __init__(self, spec: PreprocessSpec, *, normalised: bool) -> None:
        """`normalised` is False for graphs that take bytes and do it themselves."""
        super().__init__()
        one = torch.ones(3)
        mean, std = torch.tensor(spec.mean), torch.tensor(spec.std)
        scale, shift = (std * 2, mean * 2 - 1) if normalised else (one * 2 / 255, -one)
        self.layout, self.channels = spec.layout, spec.channels
        self.register_buffer("scale", scale[:, None, None])
        self.register_buffer("shift", shift[:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        """Of any element type."""
        rows = x.float()
        if self.layout == "NHWC":
            rows = rows.permute(0, 3, 1, 2)
        rows = rows * self.get_buffer("scale") + self.get_buffer("shift")
        return rows.flip(1) if self.channels == "BGR" else rows
