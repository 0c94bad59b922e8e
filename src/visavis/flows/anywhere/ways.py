"""The eight ways to hang a picture: turned by quarters, and each of these in a mirror."""

import numpy as np

from visavis.types import RGB

COUNT = 8
"""Way 0 is the picture as it is."""


def hung(pixels: RGB, way: int) -> RGB:
    """The picture turned against the clock by `way % 4` quarters, then mirrored from way 4 on."""
    turned = np.rot90(pixels, way % 4)
    return np.ascontiguousarray(turned[:, ::-1] if way >= 4 else turned)
