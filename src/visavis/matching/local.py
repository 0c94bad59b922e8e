"""The same picture, moved within its frame? Local features laid over one another.

For crops, borders, captions, writing, turns by a few degrees and screenshots, which
`visavis.matching.pixel_check` cannot see. SIFT features (Lowe, "Distinctive image features from
scale-invariant keypoints", 2004) are matched by the ratio test, an affine map is fitted (MAGSAC++,
Barath et al. 2020), and one picture is laid over the other, part by part: what counts is the share
of the matches that agree on one map, and how many parts are the same to the pixel. Other views of
an object have matches enough, but an affine map does not lay them over one another; what was
written or pasted over a picture spoils some parts and leaves the others as they were.

Needs OpenCV: pip install 'visavis[dups]'.
"""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis.types import RGB

SIDE = 480
"""Pixels: longer sides are made so small first."""
FEATURES = 800
RATIO = 0.8
"""Lowe's: the nearest descriptor is to be so much nearer than the second."""
NEAR = 2.0
"""Pixels within which a match agrees with the map."""
LEAST_MATCHES = 8
PARTS = 10
"""Parts a side of a square as large as the overlap."""
VISIBLE = 2.0
"""Grey levels: a part with weaker gradients shows nothing."""
SAME_PART = 0.95
"""Correlation of a part's gradients from which on it is the same."""

SHARE = 0.6
"""Of the matches: from here on they agree on one map."""
FINE, COARSE = 0.33, 0.8
"""Parts that have to be the same: by fine gradients, or by smoothed ones, as after compression."""

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
    fine: float
    """Of the parts that show anything, how many are the same to the pixel."""
    coarse: float
    """The same, by smoothed gradients."""
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
    flipped = cache(lambda: features(pixels, mirrored=True))

    def same(others: RGB) -> bool:
        theirs = features(others)
        return is_same(local_check(mine(), theirs)) or is_same(local_check(flipped(), theirs, True))

    return same


def is_same(check: LocalCheck) -> bool:
    """Whether a picture lies on another one so well that both show the same."""
    return check.share >= SHARE and (check.fine >= FINE or check.coarse >= COARSE)


def features(pixels: RGB, mirrored: bool = False) -> Features:
    """The local features of a picture."""
    cv2 = _opencv()
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    scale = SIDE / max(grey.shape)
    if scale < 1:
        thin = min(grey.shape) * scale < 1  # a hair, whose thickness OpenCV would round to nothing
        size = [max(1, round(side * scale)) for side in grey.shape[::-1]] if thin else None
        grey = cv2.resize(grey, size, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    elif scale > 2:
        grey = cv2.resize(grey, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    if mirrored:
        grey = np.ascontiguousarray(grey[:, ::-1])
    points, descriptors = cv2.SIFT_create(FEATURES).detectAndCompute(grey, None)
    where = np.array([point.pt for point in points], np.float32).reshape(-1, 2)
    if descriptors is None:
        return Features(grey, where, np.empty((0, 128), np.float32))
    # RootSIFT (Arandjelović and Zisserman 2012): Hellinger's distance instead of Euclid's.
    root = np.sqrt(descriptors / np.maximum(descriptors.sum(axis=1, keepdims=True), 1e-6))
    return Features(grey, where, root)


def local_check(one: Features, other: Features, mirrored: bool = False) -> LocalCheck:
    """Lay one picture over another; `mirrored` says that the first was."""
    cv2 = _opencv()
    first, second = _matched(one, other)
    nothing = LocalCheck(0.0, 0, 0.0, 0.0, mirrored, ())
    if len(first) < LEAST_MATCHES:
        return nothing
    affine, kept = cv2.estimateAffine2D(first, second, None, cv2.USAC_MAGSAC, NEAR, 2000, 0.999)
    if affine is None or not _is_sound(affine):
        return nothing
    fine, coarse = _laid_over(affine, one.grey, other.grey)
    inliers = int(kept.sum())
    corners = _corners(affine, one.grey.shape, other.grey.shape)
    return LocalCheck(inliers / len(first), inliers, fine, coarse, mirrored, corners)


def _matched(one: Features, other: Features) -> tuple[NDArray[Any], NDArray[Any]]:
    """Points of both that pass the ratio test; a point of the second is matched once."""
    if min(len(one.points), len(other.points)) < LEAST_MATCHES:
        return np.empty((0, 2)), np.empty((0, 2))
    alike = one.descriptors @ other.descriptors.T
    nearest = np.argpartition(-alike, 1, axis=1)[:, :2]
    rows = np.arange(len(alike))
    two = np.take_along_axis(alike, nearest, axis=1)
    best = nearest[rows, two.argmax(axis=1)]
    far = np.sqrt(np.maximum(2 - 2 * np.sort(two, axis=1)[:, ::-1], 0))
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


def _corners(affine: NDArray[np.float64], one: tuple[int, ...], other: tuple[int, ...]) -> Corners:
    height, width = one[:2]
    corners = np.array([[0, 0, 1], [width, 0, 1], [width, height, 1], [0, height, 1]], np.float64)
    placed = corners @ affine.T / (other[1], other[0])
    return tuple((float(x), float(y)) for x, y in placed)


def _laid_over(
    affine: NDArray[np.float64], one: NDArray[np.uint8], other: NDArray[np.uint8]
) -> tuple[float, float]:
    """Of the overlap's parts that show anything, how many are the same: finely, and coarsely."""
    cv2 = _opencv()
    size = (other.shape[1], other.shape[0])
    warped = cv2.warpAffine(one, affine, size, flags=cv2.INTER_AREA)
    inside = cv2.warpAffine(np.full(one.shape, 255, np.uint8), affine, size) == 255
    inside = cv2.erode(inside.astype(np.float32), np.ones((5, 5), np.uint8))
    if inside.sum() < 400:
        return 0.0, 0.0
    return _agreeing(warped, other, inside, 1.0), _agreeing(warped, other, inside, 2.0)


def _agreeing(
    one: NDArray[np.uint8], other: NDArray[np.uint8], inside: NDArray[np.float32], blur: float
) -> float:
    cv2 = _opencv()
    side = max(8, int(np.sqrt(inside.sum()) / PARTS))

    def sums(values: NDArray[np.float32]) -> NDArray[np.float32]:
        whole = cv2.boxFilter(
            values * inside, -1, (side, side), normalize=False, borderType=cv2.BORDER_CONSTANT
        )
        parts: NDArray[np.float32] = whole[side // 2 :: side, side // 2 :: side]
        return parts

    smooth = [cv2.GaussianBlur(grey.astype(np.float32), (0, 0), blur) for grey in (one, other)]
    (ay, ax), (by, bx) = np.gradient(smooth[0]), np.gradient(smooth[1])
    area = sums(np.ones_like(inside))
    first, second = sums(ax * ax + ay * ay), sums(bx * bx + by * by)
    shows = (area > 0.6 * side * side) & (np.maximum(first, second) > area * VISIBLE**2)
    if np.count_nonzero(shows) < 4:
        return 0.0
    lengths = np.sqrt(np.maximum(first * second, 1e-6))
    return float((sums(ax * bx + ay * by) / lengths > SAME_PART)[shows].mean())


def _opencv() -> Any:
    """OpenCV, which the extra [dups] brings; `has_opencv` is asked first."""
    import cv2

    return cv2
