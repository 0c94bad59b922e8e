"""A table of words and their vectors in one file that is mapped into memory, not read.

Opening it costs the same for a thousand words and for a million: words are looked up by halving a
sorted list that stays on disk. The file is, all numbers little-endian and every part beginning at a
multiple of 64:

    magic "visavis words 1\\n" · count · dim · bytes of a number (2 or 4) · bytes of all words ·
    bytes of the notes                                                        (five of 8 bytes)
    vectors   count × dim float16 or float32, rows of unit length, in the order of the words
    ends      count uint32: where each word ends among the words
    sorted    count uint32: the words' numbers in the order of their UTF-8 bytes
    words     UTF-8, one after the other; the commonest first, where the source is ordered so
    notes     UTF-8, a line each: what was passed over when the table was made
"""

import mmap
import os
import struct
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from visavis.embedders.base import unit_rows
from visavis.errors import WordVectorsError
from visavis.types import Vectors

MAGIC = b"visavis words 1\n"
_HEADER = struct.Struct("<16sQQQQQ")
_STEP = 64
_BLOCK = 8_192  # rows that are compared at once
_TYPES: dict[int, type[np.floating]] = {2: np.float16, 4: np.float32}
_MOST_BYTES = 2**32 - 1  # of all words together: their ends are 4 bytes each


class WordTable:
    """Words by number, and the vector of each. Safe to use from several threads.

    Args:
        path: The file of the table.

    Raises:
        WordVectorsError: it is no such file, or not all of it is there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with path.open("rb") as file:
                data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:  # mmap: an empty file is a ValueError
            raise WordVectorsError(
                f"{path}: the table of words cannot be read ({error})"
            ) from error
        count, self.dim, size, names, notes = self._sizes(data)
        starts = [_HEADER.size]
        for length in (count * self.dim * size, 4 * count, 4 * count, names, notes):
            starts.append(_aligned(starts[-1]) + length)
        if starts[-1] != len(data):
            raise WordVectorsError(
                f"{path}: the table of words has {len(data)} bytes instead of {starts[-1]}; make "
                "it again"
            )
        vectors, ends, order, words, told = (_aligned(start) for start in starts[:-1])
        flat = np.frombuffer(
            data, np.dtype(_TYPES[size]).newbyteorder("<"), count * self.dim, vectors
        )
        self._vectors = flat.reshape(count, self.dim)
        view = memoryview(data)
        self._ends = view[ends : ends + 4 * count].cast("I")
        self._order = view[order : order + 4 * count].cast("I")
        self._names = view[words : words + names]
        self.notes = tuple(bytes(view[told : told + notes]).decode().splitlines())

    def _sizes(self, data: mmap.mmap) -> tuple[int, int, int, int, int]:
        if len(data) >= _HEADER.size:
            magic, count, dim, size, names, notes = _HEADER.unpack_from(data)
            if magic == MAGIC and size in _TYPES and dim > 0:
                return count, dim, size, names, notes
        raise WordVectorsError(f"{self.path} is no table of words; make it again")

    def __len__(self) -> int:
        return len(self._vectors)

    def word(self, number: int) -> str:
        """The word of a number."""
        return self._bytes(number).decode()

    def words(self, count: int | None = None) -> Iterator[str]:
        """The first words, or all, in their order."""
        for number in range(len(self) if count is None else min(count, len(self))):
            yield self.word(number)

    def find(self, word: str) -> int | None:
        """The number of a word, spelled exactly so; None when it is not there."""
        wanted = word.encode("utf-8", "replace")
        place = bisect_left(self._order, wanted, key=self._bytes)
        if place < len(self) and self._bytes(self._order[place]) == wanted:
            return self._order[place]
        return None

    def vectors(self, numbers: Sequence[int] | slice) -> Vectors:
        """The unit vectors of some words: (n, dim)."""
        found = self._vectors[numbers if isinstance(numbers, slice) else list(numbers)]
        rows = np.asarray(found, np.float32)
        # Rounding to float16 had changed their length.
        return rows if found.dtype.itemsize == 4 else unit_rows(rows)

    def nearest(
        self, vectors: Vectors, count: int, left_out: NDArray[np.bool_] | None = None
    ) -> list[list[tuple[int, float]]]:
        """(number, cosine similarity) of the nearest words to each of (n, dim) unit vectors.

        Exact; the best first, equal scores by number. `left_out` marks words that do not count.
        """
        kept = [(np.empty(0, np.int64), np.empty(0, np.float32)) for _ in vectors]
        for start in range(0, len(self), _BLOCK):
            scores = vectors @ self.vectors(slice(start, start + _BLOCK)).T
            if left_out is not None:
                scores[:, left_out[start : start + _BLOCK]] = -np.inf
            numbers = np.arange(start, start + scores.shape[1])
            kept = [
                _best(np.concatenate([old, numbers]), np.concatenate([best, row]), count)
                for (old, best), row in zip(kept, scores, strict=True)
            ]
        return [
            [(int(n), float(s)) for n, s in zip(*one, strict=True) if s > -np.inf] for one in kept
        ]

    def _bytes(self, number: int) -> bytes:
        start = self._ends[number - 1] if number else 0
        return bytes(self._names[start : self._ends[number]])


def _best(
    numbers: NDArray[np.int64], scores: NDArray[np.float32], count: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    if len(scores) > 4 * count > 0:  # sorting a few beats sorting all
        floor = np.partition(scores, len(scores) - count)[len(scores) - count]
        reaching = scores >= floor
        numbers, scores = numbers[reaching], scores[reaching]
    order = np.lexsort((numbers, -scores))[:count]
    return numbers[order], scores[order]


class TableWriter:
    """Writes a table block by block; memory grows with the words, not with their vectors.

    Args:
        path: A new file.
        dim: Numbers in a vector.
        half: Whether numbers are kept as float16: half the size, and three digits.
    """

    def __init__(self, path: Path, dim: int, *, half: bool = False) -> None:
        self.dim = dim
        self._type = np.float16 if half else np.float32
        self._words: list[bytes] = []
        self._file: BinaryIO = path.open("wb")
        self._file.write(bytes(_aligned(_HEADER.size)))

    def add(self, words: Sequence[str], vectors: NDArray[np.floating]) -> None:
        """Words that the table does not have yet, and their vectors (n, dim), of any length."""
        self._words += [word.encode() for word in words]
        rows = unit_rows(vectors).astype(np.dtype(self._type).newbyteorder("<"))
        self._file.write(rows.tobytes())

    def finish(self, notes: Iterable[str] = ()) -> None:
        """Write what remains. WordVectorsError when there are more words than fit."""
        told = "\n".join(notes).encode()
        ends = np.cumsum([len(word) for word in self._words], dtype=np.int64)
        if len(ends) and ends[-1] > _MOST_BYTES:
            raise WordVectorsError(f"{self._file.name}: too many words; keep fewer")
        order = sorted(range(len(self._words)), key=self._words.__getitem__)
        for part in (
            ends.astype("<u4").tobytes(),
            np.array(order, "<u4").tobytes(),
            b"".join(self._words),
            told,
        ):
            self._file.write(bytes(-self._file.tell() % _STEP))
            self._file.write(part)
        names = int(ends[-1]) if len(ends) else 0
        size = np.dtype(self._type).itemsize
        self._file.seek(0)
        self._file.write(_HEADER.pack(MAGIC, len(ends), self.dim, size, names, len(told)))
        self._file.flush()
        os.fsync(self._file.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()


def _aligned(position: int) -> int:
    return -(-position // _STEP) * _STEP


def copy_table(
    source: WordTable, path: Path, *, keep: int | None = None, centred: bool = False
) -> None:
    """Write the first `keep` words of a table, or all, to a new one of half the size.

    Centred, the mean of the vectors is taken away from each before it is made unit length again.
    All word vectors share a direction that says nothing (Mu and Viswanath, "All-but-the-Top",
    2018), and phrases are told apart better without it.
    """
    count = len(source) if keep is None else min(keep, len(source))
    blocks = [slice(start, min(start + _BLOCK, count)) for start in range(0, count, _BLOCK)]
    mean = np.zeros(source.dim)
    if centred:
        mean = sum((source.vectors(block).sum(axis=0, dtype=np.float64) for block in blocks), mean)
        mean /= max(count, 1)
    with TableWriter(path, source.dim, half=True) as writer:
        for block in blocks:
            words = [source.word(number) for number in range(block.start, block.stop)]
            writer.add(words, source.vectors(block) - mean)
        writer.finish(source.notes)
