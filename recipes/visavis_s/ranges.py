"""The ranges that 8 bits cover: where what rounding and what cutting off cost is least.

A wide range rounds everything coarsely, a narrow one cuts off what is rare. Of some shares of the
largest value, the one with the least mean squared error of the pictures' own values is taken.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from recipes.visavis_s.network import Convolution, padding
from torch import Tensor
from torch.nn import functional

SHARES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4)
"""Of the largest value."""


class Range(NamedTuple):
    """The largest absolute values that are told apart."""

    part: float
    """Of what a convolution gives, before it is added to something."""
    whole: float
    """Of the sum, after ReLU6 where one follows."""


@torch.no_grad()
def ranges(chained: Sequence[Convolution], batches: Iterable[Tensor]) -> list[Range]:
    """The range of each convolution, by what images (n, 3, side, side) give."""
    every = list(batches)
    tops = torch.full((len(chained), 2), 1e-6)
    for images in every:
        for place, values in enumerate(values_of(chained, images)):
            seen = torch.stack([value.abs().max() for value in values])
            tops[place] = torch.maximum(tops[place], seen)
    errors = torch.zeros(len(chained), 2, len(SHARES))
    for images in every:
        for place, values in enumerate(values_of(chained, images)):
            for which, value in enumerate(values):
                signed = which == 0 or not chained[place].active
                for number, share in enumerate(SHARES):
                    top = float(tops[place, which]) * share
                    errors[place, which, number] += error(value, top, signed=signed)
    best = torch.tensor(SHARES)[errors.argmin(dim=2)] * tops
    return [Range(*row) for row in best.tolist()]


def error(values: Tensor, top: float, *, signed: bool) -> float:
    """The sum of squares that 8 bits up to `top` are wrong by."""
    step = top / (127 if signed else 255)
    kept = (values / step).round().clamp(-128 if signed else 0, 127 if signed else 255) * step
    return float((kept - values).square().sum())


def values_of(chained: Sequence[Convolution], images: Tensor) -> list[tuple[Tensor, Tensor]]:
    """What every convolution gives for images (n, 3, side, side): by itself, and as it goes on."""
    found: list[tuple[Tensor, Tensor]] = []
    for place, one in enumerate(chained):
        x = found[-1][1] if found else images
        kernel = one.weight.shape[2]
        before, after = padding(x.shape[2], kernel, one.stride)
        x = functional.pad(x, (before, after, before, after))
        part = functional.conv2d(x, one.weight, one.bias, one.stride, groups=one.groups)
        whole = part + found[place - one.adds][1] if one.adds else part
        found.append((part, whole.clamp(0, 6) if one.active else whole))
    return found
