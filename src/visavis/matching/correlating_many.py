"""One picture looked for in many, and many in one: `visavis.matching.correlation` in one go.

Signatures are small, and there are about a hundred of them for each question: one by one, the
calls take longer than the sums. Here all of one size are transformed together.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from visavis.matching.correlation import (
    COARSE,
    FLAT,
    NOWHERE,
    SIZES,
    Canvas,
    Grey,
    Place,
    Sought,
    Spectrum,
    integral,
    under,
)

SPARSE = SIZES[::2]
"""Every second size: enough to tell which pictures deserve a closer look."""

STEP = SIZES[1] / SIZES[0]


@dataclass(frozen=True, slots=True)
class _Laid:
    """Pictures of one size, to be laid over canvases; all arrays have a row for each of n pairs."""

    product: Spectrum
    """Of the spectra: (n, COARSE, COARSE // 2 + 1)."""
    deviations: Grey
    """Under each place: (n, rows, columns); infinite where the picture does not fit."""
    shapes: Sequence[tuple[int, int]]
    """Height and width of each picture."""


def placed_in_each(
    sought: Sought, canvases: Sequence[Canvas], sizes: Sequence[float] = SPARSE
) -> list[Place]:
    """Where a picture lies in each of many, all of side COARSE, in its best size of these."""
    if not canvases:
        return []
    grey = np.stack([one.padded for one in canvases])
    spectra: Spectrum = np.asarray(np.fft.rfft2(grey), np.complex64)
    sums, squares = integral(grey), integral(grey.astype(np.float64) ** 2)
    best = [NOWHERE] * len(canvases)
    for size in sizes:
        height, width = shape = sought.shape(size)
        rows = np.array([one.height - height + 1 for one in canvases])
        columns = np.array([one.width - width + 1 for one in canvases])
        if not ((rows > 0) & (columns > 0)).any():
            continue
        most = int(rows.max()), int(columns.max())
        left = under(squares, *shape) - under(sums, *shape) ** 2 / (height * width)
        deviations = np.sqrt(np.maximum(left[:, : most[0], : most[1]], 0.0)).astype(np.float32)
        deviations = np.maximum(deviations, FLAT * (height * width) ** 0.5)
        fits_down = np.arange(most[0]) < rows[:, None]
        fits_across = np.arange(most[1]) < columns[:, None]
        deviations[~(fits_down[:, :, None] & fits_across[:, None, :])] = np.inf
        product = spectra * sought.spectrum(shape)
        _keep_better(best, _Laid(product, deviations, [shape] * len(canvases)), canvases, size)
    return best


def each_placed(
    many: Sequence[Sought], canvas: Canvas, sizes: Sequence[float] = SPARSE
) -> list[Place]:
    """Where each of many pictures lies in one, all of side COARSE, in its best size of these."""
    best = [NOWHERE] * len(many)
    known: dict[tuple[int, int], Grey] = {}
    for size in sizes:
        shapes = [one.shape(size) for one in many]
        fits = [canvas.height >= height and canvas.width >= width for height, width in shapes]
        laid = [shape for shape, fit in zip(shapes, fits, strict=True) if fit]
        if not laid:
            continue
        for height, width in set(laid) - known.keys():
            known[height, width] = np.maximum(
                canvas.deviations(height, width), FLAT * (height * width) ** 0.5
            )
        rows, columns = (max(known[shape].shape[axis] for shape in laid) for axis in (0, 1))
        deviations = np.full((len(laid), rows, columns), np.inf, np.float32)
        for row, shape in zip(deviations, laid, strict=True):
            row[: known[shape].shape[0], : known[shape].shape[1]] = known[shape]
        sought = [one for one, fit in zip(many, fits, strict=True) if fit]
        padded = np.stack([one.padded(shape) for one, shape in zip(sought, laid, strict=True)])
        product = canvas.spectrum * np.conj(np.fft.rfft2(padded))
        found = [one for one, fit in zip(best, fits, strict=True) if fit]
        _keep_better(found, _Laid(product, deviations, laid), [canvas] * len(laid), size)
        better = iter(found)
        best = [next(better) if fit else one for one, fit in zip(best, fits, strict=True)]
    return best


def _keep_better(best: list[Place], laid: _Laid, canvases: Sequence[Canvas], size: float) -> None:
    """Put a pair's best place of this size where it scores more than what is there."""
    columns = laid.deviations.shape[2]
    rows = laid.deviations.shape[1]
    found = np.fft.irfft2(laid.product, (COARSE, COARSE))[:, :rows, :columns]
    scores = found / laid.deviations
    flat = scores.reshape(len(scores), -1)
    at = flat.argmax(axis=1)
    highest = flat[np.arange(len(flat)), at]
    for row, (canvas, (height, width)) in enumerate(zip(canvases, laid.shapes, strict=True)):
        if highest[row] > best[row].score:
            top, left = divmod(int(at[row]), columns)
            box = canvas.box(top, left, height, width)
            best[row] = Place(float(highest[row]), box, size)
