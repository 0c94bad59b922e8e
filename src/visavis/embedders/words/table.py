"""A table of words and their vectors in one file that is mapped into memory, not read.

Opening it costs the same for a thousand words and for a million: words are looked up by halving a
sorted list that stays on disk. The file is, all numbers little-endian and every part beginning at a
multiple of 64:

    magic "visavis words 1\\n" · count · dim · bytes of a number (1, 2 or 4) · bytes of all
    words · bytes of the notes                                                (five of 8 bytes)
    vectors   count × dim float16 or float32, rows of unit length, in the order of the words;
              or int8
    scales    of int8 alone: count float16, by which the numbers of each row are multiplied
    ends      count uint32: where each word ends among the words
    sorted    count uint32: the words' numbers in the order of their UTF-8 bytes
    words     UTF-8, one after the other; the commonest first, where the source is ordered so
    notes     UTF-8, a line each: what was ignored when the table was made

Rows of int8 keep their lengths, which say how much a word counts among others; a row of zeros is a
word that says nothing. The magic of such a table is "visavis words 2\\n".

A small table may be packed by gzip, as the built-in model's is: opening it unpacks it whole.
"""

import gzip
import mmap
import os
import struct
import zlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Literal, Self

import numpy as np
from numpy.typing import NDArray

from visavis.disk import reason
from visavis.embedders.base import unit_rows
from visavis.errors import WordVectorsError
from visavis.types import Vectors

_MAGIC = b"visavis words 1\n"
_MAGIC_INT8 = b"visavis words 2\n"
_GZIP = b"\x1f\x8b"
_HEADER = struct.Struct("<16sQQQQQ")
_STEP = 64
_BLOCK = 8_192  # rows that are compared at once
Kind = Literal["float32", "float16", "int8"]
_KINDS: dict[tuple[bytes, int], Kind] = {
    (_MAGIC, 4): "float32",
    (_MAGIC, 2): "float16",
    (_MAGIC_INT8, 1): "int8",
}
_LARGEST = 127  # of an int8 number: a row and its opposite are kept alike
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
        data = read_table(path)
        self._kind, count, self.dim, names, notes = self._header(data)
        place = self._places(len(data), count, names, notes)
        flat = np.frombuffer(data, _dtype(self._kind), count * self.dim, place["vectors"].start)
        self._vectors = flat.reshape(count, self.dim)
        scaled = count if self._kind == "int8" else 0
        self._scales = np.frombuffer(data, _dtype("float16"), scaled, place["scales"].start or 0)
        view = memoryview(data)
        self._ends = view[place["ends"]].cast("I")
        self._order = view[place["sorted"]].cast("I")
        self._names = view[place["words"]]
        text = bytes(view[place["notes"]]).decode("utf-8", "replace")
        self.notes = tuple(text.splitlines())
        if (count and self._ends[-1] != names) or not np.isfinite(self._scales).all():
            raise self._damaged()

    def _header(self, data: bytes | mmap.mmap) -> tuple[Kind, int, int, int, int]:
        if len(data) >= _HEADER.size:
            magic, count, dim, size, names, notes = _HEADER.unpack_from(data)
            kind = _KINDS.get((magic, size))
            if kind is not None and dim > 0:
                return kind, count, dim, names, notes
        raise WordVectorsError(f"{self.path} is no table of words; make it again")

    def _places(self, size: int, count: int, names: int, notes: int) -> Mapping[str, slice]:
        """Where each part of the file is. WordVectorsError when they are not all of it."""
        lengths = {"vectors": count * self.dim * _dtype(self._kind).itemsize}
        if self._kind == "int8":
            lengths["scales"] = 2 * count
        lengths |= {"ends": 4 * count, "sorted": 4 * count, "words": names, "notes": notes}
        found = {"scales": slice(0)}
        end = _HEADER.size
        for name, length in lengths.items():
            start = _aligned(end)
            end = start + length
            found[name] = slice(start, end)
        if end != size:
            raise WordVectorsError(
                f"{self.path}: the table of words has {size} bytes instead of {end}; make it again"
            )
        return found

    def _damaged(self) -> WordVectorsError:
        return WordVectorsError(f"{self.path}: the table of words is damaged; make it again")

    def __len__(self) -> int:
        return len(self._vectors)

    def word(self, number: int) -> str:
        """The word of a number."""
        try:
            return self._bytes(number).decode()
        except UnicodeDecodeError as error:
            raise self._damaged() from error

    def words(self, count: int | None = None) -> Iterator[str]:
        """The first words, or all, in their order."""
        for number in range(len(self) if count is None else min(count, len(self))):
            yield self.word(number)

    def find(self, word: str) -> int | None:
        """The number of a word, spelled exactly so; None when it is not there."""
        wanted = word.encode("utf-8", "replace")
        try:
            place = bisect_left(self._order, wanted, key=self._bytes)
            if place < len(self) and self._bytes(self._order[place]) == wanted:
                return self._order[place]
        except IndexError as error:  # a number that no word has
            raise self._damaged() from error
        return None

    def any_begins(self, beginning: str) -> bool:
        """Whether a word begins so."""
        wanted = beginning.encode("utf-8", "replace")
        try:
            place = bisect_left(self._order, wanted, key=self._bytes)
            return place < len(self) and self._bytes(self._order[place]).startswith(wanted)
        except IndexError as error:
            raise self._damaged() from error

    def vectors(self, numbers: Sequence[int] | slice) -> Vectors:
        """The unit vectors of some words: (n, dim)."""
        rows = self.rows(numbers)
        # Rounding to float16 had changed their length.
        return rows if self._kind == "float32" else unit_rows(rows)

    def rows(self, numbers: Sequence[int] | slice) -> Vectors:
        """The vectors of some words as they are kept: of the lengths that int8 rows have."""
        places = numbers if isinstance(numbers, slice) else list(numbers)
        rows = np.asarray(self._vectors[places], np.float32)
        return rows * self._scales[places, None] if self._kind == "int8" else rows

    def silent(self, numbers: Sequence[int] | slice) -> NDArray[np.bool_]:
        """Which of some words say nothing: their vectors are all zeros."""
        return np.asarray(~self.rows(numbers).any(axis=1), np.bool_)

    def nearest(
        self, vectors: Vectors, count: int, left_out: NDArray[np.bool_] | None = None
    ) -> list[list[tuple[int, float]]]:
        """(number, cosine similarity) of the nearest words to each of (n, dim) unit vectors.

        Exact; the best first, equal scores by number. `left_out` marks words that do not count;
        those that say nothing never do.
        """
        kept = [(np.empty(0, np.int64), np.empty(0, np.float32)) for _ in vectors]
        for start in range(0, len(self), _BLOCK):
            block = slice(start, start + _BLOCK)
            scores = vectors @ self.vectors(block).T
            if self._kind == "int8":
                scores[:, self.silent(block)] = -np.inf
            if left_out is not None:
                scores[:, left_out[block]] = -np.inf
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
        kind: float32 and float16 (half the size, and three digits) keep directions alone; int8, a
            quarter of the size with a scale for each row, keeps lengths as well.
    """

    def __init__(self, path: Path, dim: int, *, kind: Kind = "float32") -> None:
        self.dim = dim
        self._kind = kind
        self._words: list[bytes] = []
        self._scales: list[bytes] = []
        self._file: BinaryIO = path.open("wb")
        self._file.write(bytes(_aligned(_HEADER.size)))

    def add(self, words: Sequence[str], vectors: NDArray[np.floating]) -> None:
        """Words that the table does not have yet, and their vectors (n, dim), of any length."""
        self._words += [word.encode() for word in words]
        if self._kind == "int8":
            rows, scales = _as_int8(vectors)
            self._scales.append(scales.astype(_dtype("float16")).tobytes())
        else:
            rows = unit_rows(vectors)
        self._file.write(rows.astype(_dtype(self._kind)).tobytes())

    def finish(self, notes: Iterable[str] = ()) -> None:
        """Write what remains. WordVectorsError when there are more words than fit."""
        notes_bytes = "\n".join(notes).encode()
        ends = np.cumsum([len(word) for word in self._words], dtype=np.int64)
        if len(ends) and ends[-1] > _MOST_BYTES:
            raise WordVectorsError(f"{self._file.name}: too many words; keep fewer")
        order = sorted(range(len(self._words)), key=self._words.__getitem__)
        for part in (
            *([b"".join(self._scales)] if self._kind == "int8" else []),
            ends.astype("<u4").tobytes(),
            np.array(order, "<u4").tobytes(),
            b"".join(self._words),
            notes_bytes,
        ):
            self._file.write(bytes(-self._file.tell() % _STEP))
            self._file.write(part)
        names = int(ends[-1]) if len(ends) else 0
        magic, size = next(key for key, kind in _KINDS.items() if kind == self._kind)
        self._file.seek(0)
        self._file.write(_HEADER.pack(magic, len(ends), self.dim, size, names, len(notes_bytes)))
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


def _as_int8(vectors: NDArray[np.floating]) -> tuple[NDArray[np.float32], NDArray[np.float16]]:
    """Whole numbers of -127…127, and what each row of them is to be multiplied by."""
    rows = np.nan_to_num(np.asarray(vectors, np.float32), posinf=0.0, neginf=0.0)
    scales = (np.abs(rows).max(axis=1, initial=0.0) / _LARGEST).astype(np.float16)
    steps = np.where(scales > 0, scales, 1).astype(np.float32)[:, None]
    return np.clip(np.rint(rows / steps), -_LARGEST, _LARGEST), scales


def is_table(path: Path) -> bool:
    """Whether a file is such a table, by how it begins. Raises OSError when it cannot be read."""
    with path.open("rb") as file:
        start = file.read(len(_MAGIC))
    if start.startswith(_GZIP):
        with suppress(EOFError, zlib.error, gzip.BadGzipFile), gzip.open(path) as unpacked:
            start = unpacked.read(len(_MAGIC))
    return start in (_MAGIC, _MAGIC_INT8)


def read_table(path: Path) -> bytes | mmap.mmap:
    """The bytes of a table, unpacked or mapped. Raises WordVectorsError when it is not there."""
    try:
        with path.open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return gzip.decompress(data) if data[:2] == _GZIP else data
    except (OSError, ValueError, EOFError, zlib.error) as error:  # an empty file: a ValueError
        raise WordVectorsError(
            f"{path}: the table of words cannot be read ({reason(error)})"
        ) from error


def _dtype(kind: Kind) -> np.dtype[Any]:
    return np.dtype(kind).newbyteorder("<")


def _aligned(position: int) -> int:
    return -(-position // _STEP) * _STEP


def copy_table(
    source: WordTable, path: Path, *, keep: int | None = None, centred: bool = False
) -> None:
    """Write the first `keep` words of a table, or all, to a new one of half the size.

    Centred, the mean of the vectors is taken away from each before it is made unit length again.
    All word vectors share a direction that says nothing (Mu and Viswanath, "All-but-the-Top",
    2018), and phrases are distinguished better without it.
    """
    count = len(source) if keep is None else min(keep, len(source))
    blocks = [slice(start, min(start + _BLOCK, count)) for start in range(0, count, _BLOCK)]
    mean = np.zeros(source.dim)
    if centred:
        mean = sum((source.vectors(block).sum(axis=0, dtype=np.float64) for block in blocks), mean)
        mean /= max(count, 1)
    with TableWriter(path, source.dim, kind="float16") as writer:
        for block in blocks:
            words = [source.word(number) for number in range(block.start, block.stop)]
            writer.add(words, source.vectors(block) - mean)
        writer.finish(source.notes)
