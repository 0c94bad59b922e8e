"""Vectors as 8-bit codes in a memory-mapped cache, from which exact answers are made.

A code is the vector scaled so that its largest component is 127, and rounded. A score computed
from codes is wrong by at most the length of the rounding error (Cauchy-Schwarz, the query being of
unit length), which is kept for each vector. So the best k by exact score are certainly among the
records that score, at best, what the k-th best of the others scores at worst: those few are fetched
in full precision from the database. The codes take a quarter of float32's memory, and half of the
database's float16.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.format import write_array_header_1_0
from numpy.typing import NDArray

from visavis.types import Vectors

_SCORED_FLOATS = 2**20  # turned into float32 at a time for many vectors, 4 MB
_AT_ONCE = 16  # vectors in a product of matrices
_ONE_THREAD = 2**18  # multiplications; OpenBLAS takes several threads from here on
_BLOCK_FLOATS = 2**22  # in a block of `blocks`

ROUNDING = np.float32(2e-6)
"""How wrong even exact scores are: by the order of a sum of floats, and by six decimals."""


def dots(vectors: Vectors, vector: Vectors) -> Vectors:
    """The dot product of each row with a vector.

    Not `@`: BLAS would wake its threads for a millisecond's work and wait for them (8 ms on a busy
    machine), and may give equal rows scores that differ in the last bit.
    """
    part = asked_part(vector)
    return np.asarray(np.einsum("ij,j->i", vectors[:, part], vector[part]))


def products(rows: Vectors, vectors: Vectors) -> Vectors:
    """The dot product of each row with each of some vectors: (rows, vectors).

    In pieces so small that BLAS takes no other threads to them, which would wait for one another
    on a busy machine. The last bits differ from those of `dots`.
    """
    found = np.empty((len(rows), len(vectors)), np.float32)
    for start in range(0, len(vectors), _AT_ONCE):
        part = vectors[start : start + _AT_ONCE]
        step = max(1, _ONE_THREAD // max(1, part.size))
        whole = len(rows) - len(rows) % step
        pieces = rows[:whole].reshape(-1, step, rows.shape[1])
        found[:whole, start : start + len(part)] = (pieces @ part.T).reshape(whole, len(part))
        found[whole:, start : start + len(part)] = rows[whole:] @ part.T
    return found


def asked_part(vector: Vectors) -> slice:
    """From the first to the last number that is not 0: a text may ask for a fifth of a picture's.

    The others add nothing to a score and need not be read.
    """
    if len(vector) and vector[0] and vector[-1]:
        return slice(0, len(vector))
    asked = np.flatnonzero(vector)
    return slice(int(asked[0]), int(asked[-1]) + 1) if len(asked) else slice(0, 0)


class Encoded(NamedTuple):
    """Codes of some vectors: int8 (n, dim), and of each row the scale and the error."""

    codes: NDArray[np.int8]
    scales: NDArray[np.float32]
    errors: NDArray[np.float32]


def encode(vectors: Vectors) -> Encoded:
    """Codes for vectors (n, dim); `scales[i] * codes[i]` approximates `vectors[i]`."""
    scales = np.maximum(np.abs(vectors).max(axis=1), 1e-12) / np.float32(127)
    codes = np.rint(vectors / scales[:, None]).astype(np.int8)
    errors = np.linalg.norm(vectors - codes * scales[:, None], axis=1)
    return Encoded(codes, scales.astype(np.float32), errors.astype(np.float32))


class Codes:
    """The coded vectors of all records up to some number, in the order of their numbers."""

    def __init__(self, folder: Path) -> None:
        """Open what `write` made. Raises OSError or ValueError when it is not whole."""
        self.numbers: NDArray[np.int64] = np.load(folder / "numbers.npy")
        self._codes: NDArray[np.int8] = _mapped(folder / "codes.npy")
        self._scales: NDArray[np.float32] = _mapped(folder / "scales.npy")
        self._errors: NDArray[np.float32] = _mapped(folder / "errors.npy")
        self.dim = int(self._codes.shape[1])
        """Of the vectors."""
        lengths = {len(self.numbers), len(self._codes), len(self._scales), len(self._errors)}
        if len(lengths) > 1:
            raise ValueError(f"{folder}: its files are of different lengths")

    @staticmethod
    def write(
        folder: Path, blocks: Iterable[tuple[NDArray[np.int64], Vectors]], rows: int, dim: int
    ) -> int:
        """Write the cache for up to `rows` vectors; returns the largest number in it."""
        numbers = np.empty(rows, np.int64)
        scales, errors = np.empty(rows, np.float32), np.empty(rows, np.float32)
        at = 0
        # Not through a memory map: where the disk is full that ends the process (SIGBUS).
        with (folder / "codes.npy").open("wb") as file:
            shape = {"descr": "|i1", "fortran_order": False, "shape": (rows, dim)}
            write_array_header_1_0(file, shape)
            for block_numbers, vectors in blocks:
                encoded = encode(vectors)
                end = at + len(vectors)
                numbers[at:end], scales[at:end] = block_numbers, encoded.scales
                errors[at:end] = encoded.errors
                file.write(encoded.codes.tobytes())
                at = end
        if at != rows:
            raise ValueError(f"{folder}: {rows} vectors were announced and {at} came")
        np.save(folder / "scales.npy", scales)
        np.save(folder / "numbers.npy", numbers)
        np.save(folder / "errors.npy", errors)
        return int(numbers[-1]) if rows else 0

    def positions(self, numbers: NDArray[np.int64]) -> NDArray[np.intp]:
        """Where these numbers stand; those that are not here are left out."""
        if len(self.numbers) and self.numbers[-1] - self.numbers[0] == len(self.numbers) - 1:
            at = numbers - self.numbers[0]  # none is missing in between: no need to look for them
            return np.asarray(at[(at >= 0) & (at < len(self.numbers))])
        at = np.searchsorted(self.numbers, numbers)
        inside = at < len(self.numbers)
        at, numbers = at[inside], numbers[inside]
        return np.asarray(at[self.numbers[at] == numbers])

    def decoded(self, positions: NDArray[np.intp] | slice) -> Vectors:
        """The vectors at some positions, as exactly as the codes have them."""
        scales = self._scales[positions, None]
        return np.asarray(self._codes[positions].astype(np.float32) * scales)

    def blocks(self) -> Iterator[tuple[NDArray[np.int64], Vectors]]:
        """All (numbers, decoded vectors), 16 MB at a time."""
        step = max(1, _BLOCK_FLOATS // self._codes.shape[1])
        for start in range(0, len(self.numbers), step):
            part = slice(start, start + step)
            yield self.numbers[part], self.decoded(part)

    def scores(self, vector: Vectors, positions: NDArray[np.intp] | None = None) -> Vectors:
        """Approximate scores of the records at some positions (all, when None)."""
        total = len(self.numbers) if positions is None else len(positions)
        scores = np.empty(total, np.float32)
        asked = asked_part(vector)
        vector = vector[asked]
        step = max(1, (_ONE_THREAD - 1) // max(1, len(vector)))
        for start in range(0, total, step):
            part = slice(start, start + step)
            # take() needs half of the time of brackets; of some columns alone it would copy all.
            codes = self._codes[part] if positions is None else self._codes.take(positions[part], 0)
            scores[part] = codes[:, asked].astype(np.float32) @ vector
        scores *= self._scales if positions is None else self._scales[positions]
        return scores

    def places(self, numbers: NDArray[np.int64]) -> NDArray[np.intp]:
        """Where numbers that are all here stand, in their shape."""
        if len(self.numbers) and self.numbers[-1] - self.numbers[0] == len(self.numbers) - 1:
            return np.asarray(numbers - self.numbers[0])
        return np.asarray(np.searchsorted(self.numbers, numbers))

    def scores_of(self, vectors: Vectors, positions: NDArray[np.intp]) -> Vectors:
        """Approximate scores of each vector's own records: (n, dim) and (n, many) to (n, many)."""
        scores = np.empty(positions.shape, np.float32)
        step = max(1, _SCORED_FLOATS // max(1, positions.shape[1] * vectors.shape[1]))
        for start in range(0, len(vectors), step):
            part = slice(start, start + step)
            decoded = self._codes.take(positions[part], 0).astype(np.float32)
            scores[part] = (decoded @ vectors[part, :, None])[:, :, 0]
        scores *= self._scales[positions]
        return scores

    def all_scores(self, vectors: Vectors, positions: NDArray[np.intp] | None = None) -> Vectors:
        """Approximate scores of the records at some positions (all, when None), for each vector.

        (n, records); the codes are decoded once for all vectors.
        """
        total = len(self.numbers) if positions is None else len(positions)
        scores = np.empty((len(vectors), total), np.float32)
        step = max(1, (_ONE_THREAD - 1) // vectors.shape[1])
        for start in range(0, total, step):
            part = slice(start, start + step)
            codes = self._codes[part] if positions is None else self._codes.take(positions[part], 0)
            scores[:, part] = products(codes.astype(np.float32), vectors).T
        scores *= self._scales if positions is None else self._scales[positions]
        return scores

    def errors(self, positions: NDArray[np.intp] | None = None) -> Vectors:
        """How wrong `scores` may be at most, float32's own rounding included."""
        errors = self._errors if positions is None else self._errors[positions]
        return np.asarray(errors + ROUNDING)


def possibly_best(scores: Vectors, errors: Vectors | np.float32, need: int) -> NDArray[np.bool_]:
    """Which records may be among the best `need`, when each score is as wrong as that."""
    if need <= 0 or need >= len(scores):
        return np.asarray((scores > -np.inf) & (need > 0))
    at_worst = scores - errors
    at_worst.partition(len(scores) - need)
    floor = at_worst[len(scores) - need]
    return np.asarray((scores + errors >= floor) & (scores > -np.inf))


def _mapped(path: Path) -> NDArray[Any]:
    """An array in a file; a plain one, as each part that is taken of a np.memmap costs its own."""
    return np.asarray(np.load(path, mmap_mode="r"))
