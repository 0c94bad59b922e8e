"""Two pictures laid over one another: do they show the same, part by part?

Both are grey and of one size here. Copies agree by their gradients wherever nothing was written or
pasted over, and one's brightness follows from the other's by one rule for the whole picture. A
second photograph of the same flat thing is lit otherwise: its levels follow by no such rule.

Needs OpenCV: pip install 'visavis[dups]'.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

PARTS = 10
"""Parts a side of a square as large as the overlap."""
VISIBLE = 2.0
"""Grey levels: a part with weaker gradients shows nothing."""

_LEAST_OVERLAP = 400  # pixels
_LEAST_PARTS = 4  # that show anything
_FITS = 5  # rounds of weighting parts by how well they fit

Grey = NDArray[np.uint8]
"""(height, width)"""


class Overlay(NamedTuple):
    """One picture over another, in the other's pixels."""

    warped: Grey
    other: Grey
    inside: NDArray[np.float32]
    """1 where the first picture covers the other, 0 elsewhere."""

    @property
    def overlap(self) -> float:
        """The share of the other picture that is covered."""
        return float(self.inside.sum()) / self.inside.size


def overlay(how: NDArray[np.float64], one: Grey, other: Grey) -> Overlay:
    """Lay a picture over another, by an affine map (2, 3) or a homography (3, 3)."""
    cv2 = opencv()
    warp = cv2.warpAffine if len(how) == 2 else cv2.warpPerspective
    size = (other.shape[1], other.shape[0])
    inside = warp(np.full(one.shape, 255, np.uint8), how, size) == 255
    inside = cv2.erode(inside.astype(np.float32), np.ones((5, 5), np.uint8))
    return Overlay(warp(one, how, size, flags=cv2.INTER_AREA), other, inside)


def agreeing(laid: Overlay, blur: float, same: float) -> float:
    """Of the parts that show anything, the share whose gradients correlate more than `same`.

    `blur` is how both pictures are smoothed before, a standard deviation in pixels.
    """
    if laid.inside.sum() < _LEAST_OVERLAP:
        return 0.0
    cv2 = opencv()
    smooth = [
        cv2.GaussianBlur(grey.astype(np.float32), (0, 0), blur)
        for grey in (laid.warped, laid.other)
    ]
    (ay, ax), (by, bx) = np.gradient(smooth[0]), np.gradient(smooth[1])
    full, area = _filled(laid.inside)
    first, second = _sums(ax * ax + ay * ay, laid.inside), _sums(bx * bx + by * by, laid.inside)
    shows = full & (np.maximum(first, second) > area * VISIBLE**2)
    if np.count_nonzero(shows) < _LEAST_PARTS:
        return 0.0
    lengths = np.sqrt(np.maximum(first * second, 1e-6))
    return float((_sums(ax * bx + ay * by, laid.inside) / lengths > same)[shows].mean())


def unlike_light(laid: Overlay) -> float:
    """Grey levels by which the median part is off the line from one's light to the other's.

    The line is fitted to the parts' means by iteratively reweighted least squares.
    """
    full, area = _filled(laid.inside)
    if np.count_nonzero(full) < _LEAST_PARTS + 2:
        return 255.0
    one, other = (
        (_sums(grey.astype(np.float32), laid.inside)[full] / area[full])
        for grey in (laid.warped, laid.other)
    )
    known = np.stack([np.ones_like(one), one / 255], axis=1)
    weights = np.ones_like(one)
    for _ in range(_FITS):
        fitted, *_ = np.linalg.lstsq(known * weights[:, None], other * weights, rcond=None)
        off = np.abs(other - known @ fitted)
        weights = 1 / np.sqrt(np.maximum(off, 2))
    return float(np.median(off))


def _filled(inside: NDArray[np.float32]) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Which parts lie in the overlap for the most part, and how many pixels of each do."""
    area = _sums(np.ones_like(inside), inside)
    return area > 0.6 * _side(inside) ** 2, area


def _side(inside: NDArray[np.float32]) -> int:
    return max(8, int(np.sqrt(inside.sum()) / PARTS))


def _sums(values: NDArray[np.float32], inside: NDArray[np.float32]) -> NDArray[np.float32]:
    """The sum over each part, of what lies inside."""
    cv2, side = opencv(), _side(inside)
    whole = cv2.boxFilter(
        values * inside, -1, (side, side), normalize=False, borderType=cv2.BORDER_CONSTANT
    )
    parts: NDArray[np.float32] = whole[side // 2 :: side, side // 2 :: side]
    return parts


def opencv() -> Any:
    """OpenCV, which the extra [dups] brings; `visavis.matching.local.has_opencv` is asked first."""
    import cv2

    return cv2
