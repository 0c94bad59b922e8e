"""The file of kept rows, whole or begun: what was read once is not lost with its process.

A whole file is HDF5: `rows` (contiguous, so it is memory-mapped and read in parts) and, beside
them, `ids`, `labels`, `sha256`, and what tells that a picture is unchanged: `uris`, `sizes`,
`modified`. It is made under another name, *.partial, and renamed at the end. Until then each row is
noted in *.journal, a line of JSON, after it was written to its place. A kill at any moment leaves
both readable: a line without its end, and a row that lacks the checksum of its line, do not count.
"""

import errno
import json
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import h5py
import numpy as np
from numpy.typing import NDArray

from visavis.training.data.samples import Sample

Key = tuple[str, str, int, float]
"""Id, address, size and time of a picture: when these are the same, so is its row."""


def key_of(sample: Sample) -> Key:
    """The key of a sample's picture."""
    entry = sample.entry
    return entry.id, entry.uri, entry.size, entry.modified


class Shape(NamedTuple):
    """What a row is."""

    row: tuple[int, ...]
    dtype: type[np.generic]

    @property
    def size(self) -> int:
        """Bytes of a row."""
        return int(np.prod(self.row)) * np.dtype(self.dtype).itemsize

    def mapped(self, path: Path, offset: int, count: int) -> NDArray[Any]:
        """Rows of a file, memory-mapped."""
        shape = (count, *self.row)
        return np.memmap(path, self.dtype, "r", offset, shape) if count else self.none()

    def none(self) -> NDArray[Any]:
        """No rows."""
        return np.zeros((0, *self.row), self.dtype)


class Stored(NamedTuple):
    """Where a row is."""

    rows: NDArray[Any]
    place: int
    sha256: str
    """Of the picture."""
    checksum: int | None = None
    """Of the row, where it was not certainly written whole."""

    def row(self) -> NDArray[Any] | None:
        """The row; None when it was not written whole."""
        found: NDArray[Any] = self.rows[self.place]
        if self.checksum is None or self.checksum == zlib.crc32(found.tobytes()):
            return found
        return None


@dataclass(frozen=True, slots=True, eq=False)
class Whole:
    """What a whole file holds. Pictures without a row come after the others."""

    keys: list[Key]
    labels: list[str]
    sha256: list[str]
    rows: NDArray[Any]

    def stored(self) -> dict[Key, Stored]:
        """Where the row of each picture is."""
        return {
            key: Stored(self.rows, place, self.sha256[place])
            for place, key in enumerate(self.keys[: len(self.rows)])
        }


def read_whole(path: Path, shape: Shape) -> Whole:
    """Open a whole file. Raises OSError, KeyError or ValueError for one that is damaged."""
    with h5py.File(path) as file:
        ids, uris, labels, sha256 = (
            file[name].asstr()[:].tolist() for name in ("ids", "uris", "labels", "sha256")
        )
        sizes, modified = file["sizes"][:].tolist(), file["modified"][:].tolist()
        good = int(file.attrs["good"])
        offset = file["rows"].id.get_offset()
    keys = list(zip(ids, uris, sizes, modified, strict=True))
    return Whole(keys, labels, sha256, shape.mapped(path, offset or 0, good))


def read_begun(path: Path, shape: Shape) -> dict[Key, Stored]:
    """Where rows are that were kept by readings which came to no end."""
    found: dict[Key, Stored] = {}
    for journal in sorted(path.parent.glob(f"{path.stem}.*.journal")):
        with suppress(OSError, ValueError, KeyError, TypeError):  # of no use, then
            found |= _read_journal(journal, shape)
    return found


def _read_journal(journal: Path, shape: Shape) -> dict[Key, Stored]:
    head, *lines = _whole_lines(journal)
    rows = shape.mapped(journal.with_suffix(".partial"), head["offset"], head["count"])
    return {
        (line["id"], line["uri"], line["size"], line["modified"]): Stored(
            rows, place, line["sha256"], line["checksum"]
        )
        for place, line in enumerate(lines)
    }


def _whole_lines(journal: Path) -> Iterator[dict[str, Any]]:
    for line in journal.read_bytes().splitlines(keepends=True):
        if line.endswith(b"\n"):
            yield json.loads(line)


class Writer:
    """Makes a whole file, row by row, while it is entered.

    What it is broken off from is left to the next reading. When the disk is full nothing is, but
    for rows that are nowhere else.

    Args:
        path: Of the whole file.
        shape: Of a row.
        count: Rows that there will be at most.
    """

    def __init__(self, path: Path, shape: Shape, count: int) -> None:
        self._path, self._shape, self._count = path, shape, count
        self._partial = _free(path)
        self._journal = self._partial.with_suffix(".journal")
        self._open = ExitStack()
        self._added = 0
        self._heir = False

    def __enter__(self) -> Self:
        try:
            self._offset = _allocate(self._partial, self._shape, self._count)
            self._rows = self._open.enter_context(self._partial.open("r+b"))
            self._lines = self._open.enter_context(self._journal.open("wb"))
            self._note({"offset": self._offset, "count": self._count})
        except OSError as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(OSError):  # what could not be written still cannot
            self._open.close()
        if not self._added or (isinstance(error, OSError) and not self._heir):
            _remove(self._partial)

    def add(self, sample: Sample, row: NDArray[Any], sha256: str) -> None:
        """Keep a row."""
        data = np.ascontiguousarray(row, self._shape.dtype).tobytes()
        self._rows.seek(self._offset + self._added * self._shape.size)
        self._rows.write(data)
        self._rows.flush()
        facts = dict(zip(("id", "uri", "size", "modified"), key_of(sample), strict=True))
        self._note(facts | {"sha256": sha256, "checksum": zlib.crc32(data)})
        self._added += 1

    def drop_begun(self, samples: Sequence[Sample]) -> None:
        """Remove what readings left that were broken off, once all that is known was added.

        One that has rows of other pictures than `samples` stays. The lock around a reading sees to
        it that no other process is at one.
        """
        ids = {sample.entry.id for sample in samples}
        for partial in self._path.parent.glob(f"{self._path.stem}.*.partial"):
            if partial != self._partial and _ids(partial.with_suffix(".journal")) <= ids:
                self._heir = True
                with suppress(OSError):  # where mapped files cannot be removed `finish` does it
                    _remove(partial)

    def finish(self, samples: Sequence[Sample], sha256: Sequence[str]) -> None:
        """Make the file whole: `samples` are those with a row, in their order, then the others."""
        self._open.close()
        with _written(self._partial, "r+") as file:
            keys = [key_of(sample) for sample in samples]
            texts = {
                "ids": [key[0] for key in keys],
                "uris": [key[1] for key in keys],
                "labels": [sample.label for sample in samples],
                "sha256": list(sha256),
            }
            for name, values in texts.items():
                file.create_dataset(name, data=values, dtype=h5py.string_dtype())
            file.create_dataset("sizes", data=np.array([key[2] for key in keys], np.int64))
            file.create_dataset("modified", data=np.array([key[3] for key in keys], np.float64))
            file.attrs["good"] = self._added
        self._partial.replace(self._path)
        for pattern in ("journal", "partial"):  # all that was begun is in it
            for path in self._path.parent.glob(f"{self._path.stem}.*.{pattern}"):
                path.unlink(missing_ok=True)

    def _note(self, facts: dict[str, Any]) -> None:
        self._lines.write(json.dumps(facts).encode() + b"\n")
        self._lines.flush()


def _ids(journal: Path) -> set[str]:
    """The pictures whose rows were kept; none of a journal that is of no use."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        _, *lines = _whole_lines(journal)
        return {line["id"] for line in lines}
    return set()


def _remove(partial: Path) -> None:
    """The journal first: it must not speak of what another reading writes under that name."""
    for path in (partial.with_suffix(".journal"), partial):
        path.unlink(missing_ok=True)


@contextmanager
def _written(path: Path, mode: str) -> Iterator[h5py.File]:
    """An HDF5 file to write to. Raises OSError also for a disk that is full when it is closed."""
    try:
        with h5py.File(path, mode) as file:
            yield file
    except RuntimeError as error:
        raise OSError(errno.EIO, str(error)) from error


def _free(path: Path) -> Path:
    number = 0
    while (partial := path.with_suffix(f".{number}.partial")).exists():
        number += 1
    return partial


def _allocate(path: Path, shape: Shape, count: int) -> int:
    """A file with room for rows, closed again; where they begin."""
    with _written(path, "w") as file:
        how = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        how.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        how.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        space = h5py.h5s.create_simple((count, *shape.row))
        kind = h5py.h5t.py_create(np.dtype(shape.dtype))
        rows = h5py.h5d.create(file.id, b"rows", kind, space, how)
        offset: int = rows.get_offset() or 0
    return offset
