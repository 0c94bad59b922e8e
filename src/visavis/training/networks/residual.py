"""Residual networks that are trained here from chance.

Plain 3 × 3 convolutions: on CPUs they train about ten times faster than depthwise ones, and run as
fast at the same accuracy, because they keep the multipliers busy.
"""

from torch import Tensor, nn
from torch.nn import functional

from visavis.training.settings import NetworkShape


class Block(nn.Module):
    """Two 3 × 3 convolutions around a shortcut (ResNet's basic block)."""

    def __init__(self, inner: int, outer: int, stride: int) -> None:
        super().__init__()
        self.first = convolution(inner, outer, 3, stride)
        self.second = convolution(outer, outer, 3, 1)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or inner != outer:
            self.shortcut = convolution(inner, outer, 1, stride)
        # A block starts as its shortcut alone, which lets deep networks learn from the first step.
        norm = self.second[1]
        assert isinstance(norm, nn.BatchNorm2d)
        nn.init.zeros_(norm.weight)

    def forward(self, x: Tensor) -> Tensor:
        """(n, inner, h, w) to (n, outer, h / stride, w / stride)."""
        inner = functional.relu(self.first(x))
        return functional.relu(self.second(inner) + self.shortcut(x))


def convolution(inner: int, outer: int, size: int, stride: int) -> nn.Sequential:
    """A convolution and its batch normalisation."""
    conv = nn.Conv2d(inner, outer, size, stride, size // 2, bias=False)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    return nn.Sequential(conv, nn.BatchNorm2d(outer))


def body(shape: NetworkShape) -> nn.Sequential:
    """Pictures (n, 3, h, w) to maps (n, channels, h / 32, w / 32); h and w in steps of 32."""
    first = shape.widths[0]
    layers: list[nn.Module] = [
        convolution(3, shape.stem, 3, 2),
        nn.ReLU(),
        convolution(shape.stem, first, 3, 2),
        nn.ReLU(),
    ]
    inner = first
    for stage, (width, depth) in enumerate(zip(shape.widths, shape.depths, strict=True)):
        for block in range(depth):
            layers.append(Block(inner, width, 2 if stage and not block else 1))
            inner = width
    return nn.Sequential(*layers)
