"""What is kept of a picture to tell later whether another shows the same: 2,592 bytes.

A signature is made where the pixels are decoded anyway, so that comparing records reads no file.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from visavis.types import RGB

SIDE = 48
"""Cells a side of the grid of brightness."""

COLOUR_SIDE = 12
"""Cells a side of the coarser grid of colour."""

BYTES = SIDE * SIDE + 2 * COLOUR_SIDE * COLOUR_SIDE

Grid = NDArray[np.float32]

# ITU-R BT.601, full range, as JPEG's: brightness, and how blue and how red.
_TO_YCC = np.array(
    [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32
)


@dataclass(frozen=True, slots=True, eq=False)
class Signature:
    """Brightness (48, 48) and colour (12, 12, 2), the picture's shape stretched to a square."""

    light: Grid
    colour: Grid
    """Blue and red differences, 0 where there is no colour, within ±128."""

    def packed(self) -> bytes:
        """The bytes that a store keeps."""
        light = np.rint(self.light).clip(0, 255).astype(np.uint8)
        colour = np.rint(self.colour).clip(-128, 127).astype(np.int8)
        return light.tobytes() + colour.tobytes()

    @classmethod
    def unpacked(cls, data: bytes) -> Self:
        """The signature that `packed` wrote. Raises ValueError for bytes of another length."""
        if len(data) != BYTES:
            raise ValueError(f"a signature has {BYTES} bytes, not {len(data)}")
        light = np.frombuffer(data, np.uint8, SIDE * SIDE).astype(np.float32)
        colour = np.frombuffer(data, np.int8, offset=SIDE * SIDE).astype(np.float32)
        return cls(light.reshape(SIDE, SIDE), colour.reshape(COLOUR_SIDE, COLOUR_SIDE, 2))


def signature(pixels: RGB) -> Signature:
    """The signature of upright pixels (height, width, 3)."""
    small = Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.BOX)
    light, blue, red = np.moveaxis(np.asarray(small, np.float32) @ _TO_YCC.T, -1, 0)
    step = SIDE // COLOUR_SIDE
    shape = (COLOUR_SIDE, step, COLOUR_SIDE, step)
    colour = np.stack([part.reshape(shape).mean(axis=(1, 3)) for part in (blue, red)], axis=-1)
    return Signature.unpacked(Signature(light, colour).packed())
