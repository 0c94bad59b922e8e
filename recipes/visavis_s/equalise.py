"""Channels scaled so that all of them use all of the 8 bits, without changing what is computed.

Cross-layer equalisation (Nagel et al., "Data-free quantization through weight equalization and bias
correction", ICCV 2019), with ranges from pictures instead of weights: a channel whose values stay
small is multiplied by a number, and what reads it divides by the same. Afterwards one range fits
all channels of a layer, so rounding costs as little as if each had its own. Only channels that no
ReLU6 follows are scaled: where one follows, a scale would move its end.
"""

from collections.abc import Iterable

import torch
from recipes.visavis_s.network import Convolution
from recipes.visavis_s.ranges import values_of
from torch import Tensor

RANGE = 6.0
"""Activations after ReLU6 lie in 0…6; the others afterwards in about -6…6."""

_LARGEST = 100.0  # a channel that is next to silent is not made louder than this


@torch.no_grad()
def largest(chained: list[Convolution], batches: Iterable[Tensor]) -> list[Tensor]:
    """(channels,) for each convolution: the largest absolute values that images give."""
    tops: list[Tensor] = []
    for images in batches:
        seen = [whole.abs().amax(dim=(0, 2, 3)) for _, whole in values_of(chained, images)]
        tops = [torch.maximum(a, b) for a, b in zip(tops, seen, strict=True)] if tops else seen
    return tops


@torch.no_grad()
def equalised(chained: list[Convolution], tops: list[Tensor]) -> list[Convolution]:
    """The chain with its channels scaled."""
    scales: list[Tensor] = []
    first_of = _groups(chained)
    for place, one in enumerate(chained):
        members = [tops[i] for i, first in enumerate(first_of) if first == first_of[place]]
        top = torch.stack(members).amax(dim=0)
        scale = (RANGE / top.clamp(min=1e-6)).clamp(max=_LARGEST)
        active = one.active or chained[first_of[place]].active
        scales.append(torch.ones_like(top) if active else scale)
    result = []
    for place, one in enumerate(chained):
        weight = one.weight * scales[place][:, None, None, None]
        if place:
            taken = scales[place - 1]
            deep = one.groups > 1
            weight = weight / (taken[:, None, None, None] if deep else taken[None, :, None, None])
        result.append(one._replace(weight=weight, bias=one.bias * scales[place]))
    return result


def _groups(chained: list[Convolution]) -> list[int]:
    """For each convolution the first of those whose results are summed with its own."""
    first: list[int] = []
    for place, one in enumerate(chained):
        first.append(first[place - one.adds] if one.adds else place)
    return first
