"""The residual network of the built-in model, and the colour part that is computed beside it.

Plain 3 × 3 convolutions: on CPUs they train about ten times faster than depthwise ones, and run as
fast at the same accuracy, because they keep the multipliers busy.
"""

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class Shape:
    """The size of the network; the default takes 0.33 G multiplications at 128 × 128."""

    stem: int = 32  # channels of the first convolution, at half resolution
    widths: tuple[int, ...] = (48, 96, 192, 288)  # channels at 1/4, 1/8, 1/16 and 1/32
    depths: tuple[int, ...] = (1, 2, 3, 2)  # residual blocks of each
    learned: int = 144  # numbers that follow the teacher's embedding
    copy: int = 48  # numbers that tell copies from look-alikes
    classes: int = 1000
    hints: tuple[tuple[int, int], ...] = ((8, 32), (16, 64))
    """Strides at which the teacher's inner maps are followed too, and by how many numbers."""


class Outputs(NamedTuple):
    """What the network says about a batch; nothing is of unit length yet."""

    map: Tensor
    """(n, learned, h, w): the embedding place by place; its mean is the picture's."""
    copy: Tensor
    """(n, copy)."""
    logits: Tensor
    """(n, classes), before the softmax."""
    hints: tuple[Tensor, ...]
    """(n, numbers, h, w) for each stride of the shape's hints; of use in training alone."""

    @property
    def learned(self) -> Tensor:
        """(n, learned): the embedding that follows the teacher's."""
        return self.map.mean(dim=(2, 3))


Summary = tuple[Tensor, Tensor, Tensor]
"""(n, learned), (n, copy), (n, classes): as in `Outputs`."""


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


class Student(nn.Module):
    """The learned part: pictures (n, 3, h, w) in -1…1 to `Outputs`; h and w in steps of 32."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        first = shape.widths[0]
        layers: list[nn.Module] = [
            convolution(3, shape.stem, 3, 2),
            nn.ReLU(),
            convolution(shape.stem, first, 3, 2),
            nn.ReLU(),
        ]
        inner = first
        ends: dict[int, tuple[int, int]] = {}  # stride: number of the last layer, its channels
        for stage, (width, depth) in enumerate(zip(shape.widths, shape.depths, strict=True)):
            for block in range(depth):
                layers.append(Block(inner, width, 2 if stage and not block else 1))
                inner = width
            ends[4 << stage] = (len(layers) - 1, width)
        self.body = nn.Sequential(*layers)
        self.learned = nn.Linear(inner, shape.learned)
        self.copy = nn.Linear(inner, shape.copy)
        self.classes = nn.Linear(inner, shape.classes)
        self._hinting = [ends[stride][0] for stride, _ in shape.hints]
        self.hints = nn.ModuleList(
            nn.Linear(ends[stride][1], numbers) for stride, numbers in shape.hints
        )

    def pooled(self, x: Tensor) -> Tensor:
        """(n, channels): what all that follows is read from."""
        return functional.adaptive_avg_pool2d(self.body(x), 1).flatten(1)

    def summary(self, x: Tensor) -> Summary:
        """The learned and copy numbers and the class scores, without the map: less work."""
        return self.told(self.pooled(x))

    def told(self, pooled: Tensor) -> Summary:
        """What `pooled` features say."""
        return self.learned(pooled), self.copy(pooled), self.classes(pooled)

    def forward(self, x: Tensor) -> Outputs:
        """The map, the copy numbers, the class scores and the hints of a batch."""
        features, seen = x, []
        for number, layer in enumerate(self.body):
            features = layer(features)
            if number in self._hinting:
                seen.append(features)
        hints = [_places(hint, inner) for hint, inner in zip(self.hints, seen, strict=True)]
        pooled = features.mean(dim=(2, 3))
        places = _places(self.learned, features)
        return Outputs(places, self.copy(pooled), self.classes(pooled), tuple(hints))


class TwoScales(nn.Module):
    """A network that looks twice: at the picture, for details, and at a smaller one, for the whole.

    What both see is averaged, as retrieval with networks often does over scales (Radenović et al.
    2018): things are not always as large as the training showed them.
    """

    def __init__(self, student: Student, small: int) -> None:
        super().__init__()
        self.student, self.small = student, small

    def summary(self, x: Tensor) -> Summary:
        """As `Student.summary`, of pictures (n, 3, side, side) and the same at `small` pixels."""
        small = functional.interpolate(x, size=self.small, mode="bilinear", align_corners=False)
        return self.student.told((self.student.pooled(x) + self.student.pooled(small)) / 2)


def _places(linear: nn.Module, features: Tensor) -> Tensor:
    """A linear layer at each place of a map, (n, channels, h, w)."""
    placed: Tensor = linear(features.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
    return placed
