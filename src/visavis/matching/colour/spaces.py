"""sRGB to spaces in which distances are as people see them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_TO_XYZ = np.array(  # IEC 61966-2-1, relative to the white of D65
    [
        [0.4124564 / 0.95047, 0.3575761 / 0.95047, 0.1804375 / 0.95047],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339 / 1.08883, 0.1191920 / 1.08883, 0.9503041 / 1.08883],
    ],
    np.float32,
)
_LINEAR = np.array(
    [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in np.arange(256) / 255],
    np.float32,
)
_TURN = np.radians(16)


def lab(rgb: NDArray[Any]) -> Floats:
    """CIELAB (D65) of sRGB bytes, (…, 3): lightness 0…100, green to red, blue to yellow.

    >>> lab(np.array([255, 0, 0], np.uint8)).round().astype(int).tolist()
    [53, 80, 67]
    """
    xyz = _LINEAR[rgb] @ _TO_XYZ.T
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), xyz * (24389 / 3132) + np.float32(4 / 29))
    x, y, z = np.moveaxis(f, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1).astype(np.float32)


def din99(rgb: NDArray[Any]) -> Floats:
    """DIN 6176 of sRGB bytes, (…, 3): CIELAB with strong colours drawn in, as people see them.

    In CIELAB pure blue lies farther from the blue of cloth than that from grey.
    """
    lightness, red, yellow = np.moveaxis(lab(rgb), -1, 0)
    across = red * np.cos(_TURN) + yellow * np.sin(_TURN)
    along = 0.7 * (yellow * np.cos(_TURN) - red * np.sin(_TURN))
    chroma = np.hypot(across, along)
    drawn = np.log1p(0.045 * chroma) / 0.045 / np.maximum(chroma, 1e-6)
    light = 105.51 * np.log1p(0.0158 * np.maximum(lightness, 0))
    return np.stack([light, across * drawn, along * drawn], -1).astype(np.float32)
