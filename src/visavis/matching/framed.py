"""A picture within a picture: the photograph of a screen, a print, a page.

Seen from aside, a picture lies in its photograph by a homography. But so does any flat thing in its
second photograph. What tells them apart is the frame: where the picture ends, its photograph shows
an edge (the screen's bezel, the paper's margin), along the very lines where the homography puts
the picture's sides. Two photographs of a poster, a tile or a book have edges there by chance only.
"""

import numpy as np
from numpy.typing import NDArray

from visavis.matching.overlay import Grey, agreeing, opencv, overlay

NEAR = 3.0
"""Pixels within which a match agrees with the homography."""
SHARE, LEAST = 0.75, 12
"""Of the matches, how many agree on one homography, and how many that are at least."""
COVERED = 0.85
"""Of the picture, how much its photograph shows."""
SEEN = 0.6
"""Of the picture's sides, how much is seen as an edge in the photograph."""
LEAST_SIDES = 2
"""The others may be cut off."""
AGREEING, SAME_PART, BLUR = 0.65, 0.8, 3.0
"""Parts that agree by smoothed gradients: dots and moiré lie over them."""

_TRIES = 400  # of the robust fit: of four matches all are right in every third, at SHARE
_STEP = 6.0  # grey levels
_ALONG, _ACROSS, _AT = 60, 8, 2  # samples along a side; pixels on either side; off the line
_LARGEST = 20.0  # times the photograph, or it so many times the picture: no map to trust

Corners = NDArray[np.float32]
"""(4, 2)"""


def fitted(
    first: NDArray[np.float32], second: NDArray[np.float32]
) -> tuple[NDArray[np.float64], float] | None:
    """The homography from the first points to the second, and the share of points that agree.

    None where there is none that so many agree on (USAC with MAGSAC++, Barath et al. 2020).
    """
    if len(first) < LEAST:
        return None
    cv2 = opencv()
    found, kept = cv2.findHomography(
        first, second, cv2.USAC_MAGSAC, NEAR, maxIters=_TRIES, confidence=0.999
    )
    if found is None or not np.isfinite(found).all():
        return None
    inliers = int(kept.sum())
    if inliers < LEAST or inliers < SHARE * len(first):
        return None
    return np.asarray(found, np.float64), inliers / len(first)


def shows(photograph: Grey, picture: Grey, how: NDArray[np.float64]) -> bool:
    """Whether a photograph shows the picture, `how` being the homography from it to the picture."""
    corners = _corners(photograph, picture, how)
    if corners is None or _seen(photograph, corners) < SEEN:
        return False
    laid = overlay(how, photograph, picture)
    return laid.overlap >= COVERED and agreeing(laid, BLUR, SAME_PART) >= AGREEING


def _corners(photograph: Grey, picture: Grey, how: NDArray[np.float64]) -> Corners | None:
    """Where the picture's corners lie in the photograph; None: it cannot lie so."""
    cv2 = opencv()
    height, width = picture.shape
    square = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    try:
        back = np.linalg.inv(how)
    except np.linalg.LinAlgError:
        return None
    depths = np.hstack([square, np.ones((4, 1), np.float32)]) @ back[2]
    if not np.isfinite(back).all() or depths.min() <= 0 <= depths.max():
        return None  # a corner would be behind the camera
    corners: Corners = cv2.perspectiveTransform(square[None], back)[0]
    share = cv2.contourArea(corners) / photograph.size
    sound = cv2.isContourConvex(corners) and 1 / _LARGEST < share < _LARGEST
    return corners if sound else None


def _seen(photograph: Grey, corners: Corners) -> float:
    """Of the picture's sides that lie in the photograph, how much is seen there as an edge."""
    smooth = opencv().GaussianBlur(photograph.astype(np.float32), (0, 0), 1.0)
    middle = corners.mean(axis=0)
    found = [
        _edge(smooth, start, end, middle)
        for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True)
    ]
    sides = [share for share in found if share is not None]
    return float(np.mean(sides)) if len(sides) >= LEAST_SIDES else 0.0


def _edge(
    photograph: NDArray[np.float32],
    start: NDArray[np.float32],
    end: NDArray[np.float32],
    middle: NDArray[np.float32],
) -> float | None:
    """Of a side, how much is seen: light changes there more than beside it. None: it is cut off."""
    along = end - start
    length = float(np.linalg.norm(along))
    if length < 20:
        return None
    outward = np.array([along[1], -along[0]]) / length
    outward *= np.sign(outward @ (start - middle)) or 1.0
    places = start + np.linspace(0.04, 0.96, _ALONG)[:, None] * along
    across = places[:, None] + np.arange(-_ACROSS, _ACROSS + 1)[None, :, None] * outward
    height, width = photograph.shape
    inside = ((across >= 0) & (across <= (width - 1, height - 1))).all(axis=(1, 2))
    if inside.mean() < 0.5:
        return None
    cv2 = opencv()
    x, y = np.moveaxis(across[inside].astype(np.float32), -1, 0)
    levels = cv2.remap(photograph, x, y, cv2.INTER_LINEAR)
    steps = np.abs(levels[:, 2:] - levels[:, :-2])
    middle_step = steps.shape[1] // 2
    there = steps[:, middle_step - _AT : middle_step + _AT + 1].max(axis=1)
    beside = np.maximum(steps[:, :4].max(axis=1), steps[:, -4:].max(axis=1))
    return float(((there > _STEP) & (there > beside)).mean())
