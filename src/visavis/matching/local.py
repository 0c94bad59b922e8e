"""The same picture, moved within its frame? Local features laid over one another.

For crops, borders, captions, writing, turns by a few degrees and screenshots, which
`visavis.matching.pixel_check` cannot see. SIFT features (Lowe, "Distinctive image features from
scale-invariant keypoints", 2004) are matched by the ratio test, an affine map is fitted (MAGSAC++,
Barath et al. 2020), and one picture is laid over the other, part by part. Second photographs of a
flat thing have matches enough, and lie over one another as well. But a program moves every point
exactly, keeps what was parallel, and changes light by one rule; a hand with a camera does neither.
Photographs of screens and prints are told by their frame: see `visavis.matching.framed`.

Needs OpenCV: pip install 'visavis[dups]'.
"""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis.matching import framed
from visavis.matching.overlay import agreeing, opencv, overlay, unlike_light
from visavis.types import RGB, Box

SIDE = 304
"""Pixels: longer sides are made so small first. What SIFT costs grows with the pixels."""
FEATURES = 800
FEW, FAINT = 100, 0.015
"""Of a picture with fewer features, fainter ones are taken too (OpenCV's contrast threshold)."""
RATIO = 0.8
"""Lowe's: the nearest descriptor is to be so much nearer than the second."""
NEAR = 2.0
"""Pixels within which a match agrees with the map."""
LEAST_MATCHES = 8
SHARE = 0.6
"""Of the matches: from here on they agree on one map."""
SAME_PART = 0.95
"""Correlation of a part's gradients from which on it is the same."""
EXACT, FINE = 0.3, 0.6
"""Pixels by which matches are off, as a program moves them, and parts that are the same then."""
PASTED_EXACT, PASTED_SHARE, PASTED_FINE = 0.2, 0.93, 0.25
"""The same where something was written or pasted over: fewer parts, but none of them moved."""
HARDLY_BENT = 0.75
"""As `STRAIGHT`, for these."""
TO_THE_POINT, EXACT_SHARE, EXACT_FINE = 0.05, 0.88, 0.18
"""The same where no match is off by more than arithmetic: more may be pasted over."""
ROUGH, COARSE = 0.9, 0.6
"""The same by smoothed gradients, as after compression…"""
STRAIGHT, LIGHT, LEAST_ROUGH = 0.93, 1.3, 15
"""…where bending the map does not fit much better, and light changes by one rule."""

_BEYOND = 0.05  # of the second picture's sides
_TRIES = 400  # of the robust fit: of three matches all are right in every fifth, at SHARE

Corners = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """What is found in a picture: where, and how it looks there."""

    grey: NDArray[np.uint8]
    """(height, width)"""
    points: NDArray[np.float32]
    """(n, 2): x, y"""
    descriptors: NDArray[np.float32]
    """(n, 128)"""


@dataclass(frozen=True, slots=True, eq=False)
class LocalCheck:
    """How one picture lies on another."""

    share: float
    """Of the matches, how many agree on one map; 0 where no map was found."""
    inliers: int
    off: float
    """Pixels by which the median of these misses its place, in the coarser of both pictures."""
    straight: float
    """How far they miss it by a map that may bend, of how far by the affine one; 1: no less."""
    fine: float
    """Of the parts that show anything, how many are the same to the pixel."""
    coarse: float
    """The same, by smoothed gradients."""
    light: float
    """Grey levels by which parts differ that no one rule explains."""
    framed: bool
    """Whether one is a photograph of the other, seen with its frame."""
    mirrored: bool
    corners: Corners
    """Where the first picture's corners fall in the second, as fractions of its sides."""


@cache
def has_opencv() -> bool:
    """Whether local features can be compared at all."""
    return importlib.util.find_spec("cv2") is not None


def same_by_features(pixels: RGB) -> Callable[[RGB], bool]:
    """Decides of further pictures whether they show the same, moved or in part, as this one."""
    # Only when there is another: to import OpenCV takes as long as a search.
    mine = cache(lambda: features(pixels))
    flipped = cache(lambda: mirrored(mine()))

    def same(others: RGB) -> bool:
        theirs = features(others)
        return is_same(local_check(mine(), theirs)) or is_same(local_check(flipped(), theirs, True))

    return same


def is_same(check: LocalCheck) -> bool:
    """Whether a picture lies on another one so well that both show the same."""
    if check.framed:
        return True
    if check.share < SHARE or check.inliers < LEAST_MATCHES:
        return False
    if check.off <= EXACT and check.fine >= FINE:
        return True
    if check.off <= TO_THE_POINT and check.share >= EXACT_SHARE and check.fine >= EXACT_FINE:
        return True
    if check.off <= PASTED_EXACT and check.share >= PASTED_SHARE and check.fine >= PASTED_FINE:
        return check.straight >= HARDLY_BENT
    rough = check.off <= ROUGH and check.coarse >= COARSE and check.inliers >= LEAST_ROUGH
    return rough and check.straight >= STRAIGHT and check.light <= LIGHT


def features(pixels: RGB) -> Features:
    """The local features of a picture."""
    cv2 = opencv()
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    scale = SIDE / max(grey.shape)
    if scale < 1:
        thin = min(grey.shape) * scale < 1  # a hair, whose thickness OpenCV would round to nothing
        size = [max(1, round(side * scale)) for side in grey.shape[::-1]] if thin else None
        grey = cv2.resize(grey, size, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    elif scale > 2:
        grey = cv2.resize(grey, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    points, descriptors = cv2.SIFT_create(FEATURES).detectAndCompute(grey, None)
    if len(points) < FEW:
        faint = cv2.SIFT_create(FEW, contrastThreshold=FAINT)
        points, descriptors = faint.detectAndCompute(grey, None)
    where = np.array([point.pt for point in points], np.float32).reshape(-1, 2)
    if descriptors is None:
        return Features(grey, where, np.empty((0, 128), np.float32))
    # RootSIFT (Arandjelović and Zisserman 2012): Hellinger's distance instead of Euclid's.
    root = np.sqrt(descriptors / np.maximum(descriptors.sum(axis=1, keepdims=True), 1e-6))
    return Features(grey, where, root)


def mirrored(one: Features) -> Features:
    """The features that the picture has in a mirror, without looking for them again.

    A descriptor is 4 by 4 cells of 8 directions, along and across its own; across is turned round.
    """
    cells = one.descriptors.reshape(-1, 4, 4, 8)[:, ::-1][..., -np.arange(8) % 8]
    points = one.points * (-1, 1) + (one.grey.shape[1] - 1, 0)
    grey = np.ascontiguousarray(one.grey[:, ::-1])
    return Features(grey, points.astype(np.float32), cells.reshape(-1, 128))


def local_check(one: Features, other: Features, mirrored: bool = False) -> LocalCheck:
    """Lay one picture over another; `mirrored` says that the first was."""
    first, second = _matched(one, other)
    found = _laid_over(one, other, first, second, mirrored)
    if is_same(found):
        return found
    seen = framed.fitted(first, second)
    if seen is None:
        return found
    how, share = seen
    back = np.asarray(np.linalg.pinv(how), np.float64)
    if framed.shows(one.grey, other.grey, how) or framed.shows(other.grey, one.grey, back):
        corners = _corners(how, one.grey.shape, other.grey.shape)
        inliers = round(share * len(first))
        return replace(found, share=share, inliers=inliers, framed=True, corners=corners)
    return found


def _laid_over(
    one: Features,
    other: Features,
    first: NDArray[np.float32],
    second: NDArray[np.float32],
    mirrored: bool,
) -> LocalCheck:
    """By an affine map, as programs edit."""
    nothing = LocalCheck(0.0, 0, np.inf, 0.0, 0.0, 0.0, 255.0, False, mirrored, ())
    if len(first) < LEAST_MATCHES:
        return nothing
    cv2 = opencv()
    affine, kept = cv2.estimateAffine2D(first, second, None, cv2.USAC_MAGSAC, NEAR, _TRIES, 0.999)
    if affine is None or not _is_sound(affine):
        return nothing
    agree = kept.ravel() > 0
    inliers = int(agree.sum())
    share, corners = inliers / len(first), _corners(affine, one.grey.shape, other.grey.shape)
    if share < SHARE:
        return replace(nothing, share=share, inliers=inliers, corners=corners)
    off, straight = _exactness(first[agree], second[agree])
    laid = overlay(affine, one.grey, other.grey)
    fine, coarse = agreeing(laid, 1.0, SAME_PART), agreeing(laid, 2.0, SAME_PART)
    light = unlike_light(laid)
    return LocalCheck(share, inliers, off, straight, fine, coarse, light, False, mirrored, corners)


def _exactness(first: NDArray[np.float32], second: NDArray[np.float32]) -> tuple[float, float]:
    """See `LocalCheck.off` and `straight`, by least squares over matches that agree."""
    known = np.hstack([first, np.ones((len(first), 1), np.float32)])
    affine, *_ = np.linalg.lstsq(known, second, rcond=None)
    scale = np.sqrt((abs(np.linalg.det(affine[:2])) + 1) / 2)  # of a pixel here to one there
    off = np.linalg.norm(known @ affine - second, axis=1) / scale
    cv2 = opencv()
    bent = cv2.findHomography(first, second, 0)[0] if len(first) >= LEAST_MATCHES else None
    if bent is None:
        return float(np.median(off)), 0.0
    places = cv2.perspectiveTransform(first[None], bent)[0]
    left = np.linalg.norm(places - second, axis=1) / scale
    straight = float(np.sqrt((left**2).mean() / max((off**2).mean(), 1e-12)))
    return float(np.median(off)), straight


def _matched(one: Features, other: Features) -> tuple[NDArray[Any], NDArray[Any]]:
    """Points of both that pass the ratio test; a point of the second is matched once."""
    if min(len(one.points), len(other.points)) < LEAST_MATCHES:
        return np.empty((0, 2)), np.empty((0, 2))
    alike = one.descriptors @ other.descriptors.T
    rows, best = np.arange(len(alike)), alike.argmax(axis=1)
    nearest = alike[rows, best]
    alike[rows, best] = -1
    far = np.sqrt(np.maximum(2 - 2 * np.stack([nearest, alike.max(axis=1)], axis=1), 0))
    good = np.flatnonzero(far[:, 0] < RATIO * far[:, 1])
    good = good[np.argsort(far[good, 0], kind="stable")]
    _, at = np.unique(best[good], return_index=True)
    good = good[at]
    return one.points[good], other.points[best[good]]


def _is_sound(affine: NDArray[np.float64]) -> bool:
    """Whether the map neither mirrors the picture nor makes it absurdly small, large or thin."""
    if not np.isfinite(affine).all() or np.linalg.det(affine[:, :2]) <= 0:
        return False
    long, short = np.linalg.svd(affine[:, :2], compute_uv=False)
    return bool(short > 0.1 and long < 10 and long < 3 * short)


def around(corners: Corners) -> Box:
    """The box around some corners, as far as it lies in the picture."""
    across, down = ([min(1.0, max(0.0, at)) for at in axis] for axis in zip(*corners, strict=True))
    return min(across), min(down), max(across), max(down)


def reached(corners: Corners) -> Box:
    """The part of the first picture that the second shows, whose corners in the second are given.

    All of it, unless it reaches beyond the second by more than a little.
    """
    edges = np.array(corners)
    if edges.min() > -_BEYOND and edges.max() < 1 + _BEYOND:
        return 0.0, 0.0, 1.0, 1.0
    # Left top, right top and left bottom say where each place of the first lies.
    sides = np.stack([edges[1] - edges[0], edges[3] - edges[0]], axis=1)
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float64)
    back = (square - edges[0]) @ np.linalg.pinv(sides).T
    return around(tuple((float(x), float(y)) for x, y in back))


def _corners(how: NDArray[np.float64], one: tuple[int, ...], other: tuple[int, ...]) -> Corners:
    """Where the corners of one fall in the other, by an affine map or a homography."""
    height, width = one[:2]
    corners = np.array([[0, 0, 1], [width, 0, 1], [width, height, 1], [0, height, 1]], np.float64)
    placed = corners @ how.T
    depth = placed[:, 2:] if len(how) == 3 else 1.0
    placed = placed[:, :2] / depth / (other[1], other[0])
    return tuple((float(x), float(y)) for x, y in placed)
