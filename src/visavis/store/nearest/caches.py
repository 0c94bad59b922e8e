"""The caches beside the database: codes and the approximate index, made together.

Each build is a folder of its own, written under another name, synced and renamed; the database
then names it as the current one. A cache that is missing, old or damaged is never an error.
"""

import os
import shutil
import uuid
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visavis.store.nearest.ann import Ann, all_threads, training_rows
from visavis.store.nearest.codes import Codes
from visavis.types import Vectors

WIDEST = 4096
"""Dimensions of vectors that an approximate index is made for: with 25,088 it takes minutes for a
few thousand records, which are read through in less than half a second."""

_TUNING_QUERIES = 200
_NEAREST = 10

Blocks = Iterable[tuple[NDArray[np.int64], Vectors]]


class Base:
    """What a cache folder holds: codes, and the approximate index when it could be read."""

    def __init__(self, codes: Codes, ann: Ann | None) -> None:
        self.codes = codes
        self.ann = ann
        self.last = int(codes.numbers[-1]) if len(codes.numbers) else 0
        """The largest record number that is covered."""

    @property
    def whole(self) -> bool:
        """Whether all is there that is made for such vectors."""
        return self.ann is not None or self.codes.dim > WIDEST


def read(folder: Path, name: str) -> Base | None:
    """The cache of that name, as far as it is whole; None when there is nothing to use."""
    try:
        codes = Codes(folder / name)
    except (OSError, ValueError, EOFError):
        return None
    try:
        ann = Ann.read(folder / name)
    except (OSError, ValueError, RuntimeError):  # RuntimeError: FAISS's own
        return Base(codes, None)
    return Base(codes, ann if len(ann) == len(codes.numbers) else None)


def build(folder: Path, blocks: Blocks, rows: int, dim: int, old: Ann | None) -> str:
    """Make a cache for all vectors; returns its name.

    `old` is an approximate index over at least half as many vectors: its training still fits.
    """
    name = uuid.uuid4().hex[:12]
    making = folder / f".{name}"
    folder.mkdir(exist_ok=True)  # not the index's own: that was moved away
    making.mkdir()
    try:
        Codes.write(making, blocks, rows, dim)
        codes = Codes(making)
        if dim <= WIDEST:
            _build_ann(codes, dim, old).write(making)
        for file in making.iterdir():
            _sync(file)
        making.rename(folder / name)
        _sync(folder)
    except BaseException:
        shutil.rmtree(making, ignore_errors=True)
        raise
    return name


def forget(folder: Path, name: str) -> None:
    """Delete a cache that the database has not come to name."""
    shutil.rmtree(folder / name, ignore_errors=True)


def forget_others(folder: Path, name: str) -> None:
    """Delete every cache but one, and what an interrupted build left."""
    if folder.is_dir():
        for other in folder.iterdir():
            if other.name != name:
                shutil.rmtree(other, ignore_errors=True)


def _build_ann(codes: Codes, dim: int, old: Ann | None) -> Ann:
    all_threads()
    random = np.random.default_rng(0)
    rows = len(codes.numbers)
    if old is None:
        sample = random.choice(rows, training_rows(rows, dim), replace=False)
        ann = Ann.trained(codes.decoded(sample), rows)
    else:
        ann = old.emptied()
    for numbers, vectors in codes.blocks():
        ann.add(numbers, vectors)
    chosen = random.choice(rows, min(rows, _TUNING_QUERIES), replace=False)
    queries = codes.decoded(chosen)
    ann.tune(queries, *_nearest(codes, queries, codes.numbers[chosen]))
    return ann


def _nearest(
    codes: Codes, queries: Vectors, own: NDArray[np.int64]
) -> tuple[list[set[int]], Vectors]:
    """The numbers of the ten records nearest to each query, itself left out; the tenth's score."""
    best_scores = np.full((len(queries), 0), 0, np.float32)
    best_numbers = np.full((len(queries), 0), 0, np.int64)
    for numbers, vectors in codes.blocks():
        scores = np.concatenate([best_scores, queries @ vectors.T], axis=1)
        known = np.concatenate([best_numbers, np.tile(numbers, (len(queries), 1))], axis=1)
        keep = min(_NEAREST + 1, scores.shape[1])
        top = np.argpartition(-scores, keep - 1, axis=1)[:, :keep]
        best_scores = np.take_along_axis(scores, top, 1)
        best_numbers = np.take_along_axis(known, top, 1)
    order = np.argsort(-best_scores, axis=1)
    ranked = np.take_along_axis(best_numbers, order, 1)
    truth = [
        set([int(n) for n in row if n != number][:_NEAREST])
        for row, number in zip(ranked, own, strict=True)
    ]
    return truth, np.sort(best_scores, axis=1)[:, 0]


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
