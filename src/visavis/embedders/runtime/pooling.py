"""What a network gives, made one row for each picture."""

import numpy as np
from numpy.typing import NDArray

GEM_POWER = 3.0
"""Generalised mean: 1 is the average, ∞ the maximum; 3 is the usual choice for retrieval
(Radenović, Tolias, Chum: "Fine-tuning CNN Image Retrieval with No Human Annotation", 2018)."""

_GEM_FLOOR = 1e-6

Floats = NDArray[np.float32]


def pooled(tensor: NDArray[np.generic], pool: str, dim: int | None = None) -> Floats:
    """One row for each picture: (n, width) float32, not yet of unit length.

    Args:
        tensor: (n, width) as it is; maps (n, channels, high, wide), or (n, high, wide, channels)
            where only the last axis has `dim` entries; or the tokens (n, tokens, width) of a
            transformer.
        pool: "average" and "gem" go over the places of a map, or the tokens. "none" takes the
            first (class) token, and of a map all numbers in a row.
        dim: The width that is expected, to tell the two kinds of maps apart.

    Raises:
        ValueError: no way to make rows of it; the message is the reason.
    """
    values = tensor.astype(np.float32, copy=False)
    if values.ndim == 2:
        return values
    if values.ndim == 3:
        if pool == "none":
            return np.ascontiguousarray(values[:, 0])
        return _over_places(values, pool)
    if values.ndim != 4:
        raise ValueError(f"the output has the shape {tuple(tensor.shape)}, which is no embedding")
    if pool == "none":
        return values.reshape(len(values), -1)
    if dim is not None and values.shape[1] != dim == values.shape[3]:
        return _over_places(values.reshape(len(values), -1, dim), pool)
    channels_last = values.reshape(*values.shape[:2], -1).transpose(0, 2, 1)
    return _over_places(channels_last, pool)


def _over_places(values: Floats, pool: str) -> Floats:
    """(n, places, width) to (n, width)."""
    if pool == "average":
        return np.asarray(values.mean(axis=1, dtype=np.float32))
    raised = np.maximum(values, _GEM_FLOOR) ** GEM_POWER
    mean = raised.mean(axis=1, dtype=np.float32)
    return np.asarray(mean ** (1.0 / GEM_POWER), dtype=np.float32)
