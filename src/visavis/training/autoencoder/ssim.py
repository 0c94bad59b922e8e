"""Structural similarity, as a loss for pictures."""

import torch
from torch import Tensor
from torch.nn import functional

_SIDE, _SIGMA = 11, 1.5  # of the Gaussian window, in pixels
_C1, _C2 = 0.01**2, 0.03**2  # keep the quotients calm where pictures are flat


def ssim(ours: Tensor, theirs: Tensor) -> Tensor:
    """(n,): the mean SSIM of pictures (n, channels, h, w) in 0…1.

    1 for equal pictures. Means, variances and covariance are taken in Gaussian windows of 11 × 11
    pixels that lie within the picture; of a smaller picture a window is all of it.
    Source: Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from error visibility to
    structural similarity", TIP 2004.
    """
    height, width = (_window(ours, min(_SIDE, side)) for side in ours.shape[2:])

    def mean(x: Tensor) -> Tensor:
        # One direction after the other: 22 products for each pixel instead of 121.
        across = functional.conv2d(x, width[:, :, None], groups=x.shape[1])
        return functional.conv2d(across, height[:, :, :, None], groups=x.shape[1])

    mine, other = mean(ours), mean(theirs)
    my_variance = mean(ours * ours) - mine * mine
    their_variance = mean(theirs * theirs) - other * other
    covariance = mean(ours * theirs) - mine * other
    light = (2 * mine * other + _C1) / (mine * mine + other * other + _C1)
    structure = (2 * covariance + _C2) / (my_variance + their_variance + _C2)
    return (light * structure).mean(dim=(1, 2, 3))


def _window(like: Tensor, side: int) -> Tensor:
    """(channels, 1, side): a Gaussian that adds up to one."""
    offsets = torch.arange(side, dtype=like.dtype, device=like.device) - (side - 1) / 2
    bump = torch.exp(-((offsets / _SIGMA) ** 2) / 2)
    return (bump / bump.sum()).expand(like.shape[1], 1, -1)
