"""Pictures, parts of pictures and vectors, as arrays and numbers."""

import numpy as np
from numpy.typing import NDArray

RGB = NDArray[np.uint8]
"""A decoded picture: (height, width, 3), upright, red first."""

Vectors = NDArray[np.float32]
"""Embeddings: (n, dim), rows of unit length; a single embedding has shape (dim,)."""

Box = tuple[float, float, float, float]
"""A region as fractions of the upright picture: left, top, right, bottom, each 0…1."""
