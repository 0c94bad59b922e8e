"""NumPy's .npz: one array for each column, written and read row by row without pickles."""

import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from visavis.errors import SourceError
from visavis.exchange.hdf5 import dtype_of, numbers
from visavis.exchange.layout import FEATURES, ID, IMAGE_IDS, LABELS, NOTE, Column, Layout, Put
from visavis.exchange.reading import Found, Names, Rough, sound
from visavis.store.base import Rows

LONGEST = 1_000
"""Letters of a text in .npz: each takes as much room there as the longest of its column.

Ids are written however long they are: without them, nobody could tell whose the vectors are.
"""

_PART = 2_000
_PART_BYTES = 16_000_000


def too_long(layout: Layout) -> list[str]:
    """The columns that have no place in .npz."""
    return [column.name for column in layout.columns if not _fits(column)]


def _fits(column: Column) -> bool:
    return column.longest <= LONGEST or column.name == ID


@contextmanager
def writing(path: Path, layout: Layout) -> Iterator[Put]:
    """Write .npz; the columns gather in temporary files beside it, as a zip has one open entry."""
    layout = layout.without_gaps()
    columns = [column for column in layout.columns if _fits(column)]
    with ExitStack() as stack:
        files = {
            column.name: stack.enter_context(tempfile.TemporaryFile(dir=path.parent))
            for column in columns
        }
        wide = stack.enter_context(tempfile.TemporaryFile(dir=path.parent))

        def put(rows: Rows) -> None:
            for column in columns:
                files[column.name].write(_array(column, column.of(rows.records)).tobytes())
            if layout.dtype is not None:
                wide.write(layout.vectors(rows).tobytes())

        yield put
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for column in columns:
                name = IMAGE_IDS if column.name == ID else column.name
                _enter(archive, name, (layout.count,), _dtype(column), files[column.name])
                if column.name == layout.label:
                    _enter(archive, LABELS, (layout.count,), _dtype(column), files[column.name])
            if layout.dtype is not None:
                shape = (layout.count, layout.model.dim)
                _enter(archive, FEATURES, shape, np.dtype(layout.dtype), wide)
            with archive.open(f"{NOTE}.npy", "w") as file:
                npy.write_array(file, np.array(layout.note()), allow_pickle=False)


def _dtype(column: Column) -> np.dtype[Any]:
    if column.kind == "text" or column.kind == "mixed":
        return np.dtype(f"<U{max(column.longest, 1)}")
    return np.dtype(dtype_of(column))


def _array(column: Column, values: Sequence[Any]) -> NDArray[Any]:
    if column.kind in ("text", "mixed"):
        return np.array([value or "" for value in values], _dtype(column))
    return numbers(column, values)


def _enter(
    archive: zipfile.ZipFile,
    name: str,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    content: IO[bytes],
) -> None:
    content.seek(0)
    with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
        header = {"descr": dtype.str, "fortran_order": False, "shape": shape}
        npy.write_array_header_2_0(file, header)
        shutil.copyfileobj(content, file, 1 << 20)


class _Array:
    """One array of an archive, read from its beginning on."""

    def __init__(self, file: IO[bytes], name: str, path: Path) -> None:
        self._file = file
        version = npy.read_magic(file)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, fortran, dtype = read(file)
        self.shape, self.dtype, self._fortran = shape, dtype, fortran and len(shape) > 1
        if dtype.hasobject:
            raise SourceError(f"{path}: {name} holds Python objects; save it as texts or numbers")

    def rows(self, size: int) -> Iterator[NDArray[Any]]:
        if self._fortran:  # column by column: there is no reading it in parts
            flat = np.frombuffer(self._file.read(), self.dtype)
            whole = flat.reshape(self.shape, order="F")
            yield from (whole[at : at + size] for at in range(0, len(whole), size))
            return
        width = int(np.prod(self.shape[1:], dtype=np.int64))
        for at in range(0, self.shape[0], size):
            count = min(size, self.shape[0] - at)
            data = self._file.read(count * width * self.dtype.itemsize)
            yield np.frombuffer(data, self.dtype).reshape(count, *self.shape[1:])


def reading(path: Path, names: Names) -> Found:
    """A .npz file with an array of vectors, (images, dimensions)."""
    with sound(path, "npz"), zipfile.ZipFile(path) as archive:
        members = [name.removesuffix(".npy") for name in archive.namelist()]
        arrays: dict[str, _Array] = {}
        note = None
        for name in members:
            with archive.open(f"{name}.npy") as file:
                if name == NOTE:
                    note = str(npy.read_array(file, allow_pickle=False))
                else:
                    arrays[name] = _Array(file, name, path)
    wide = [name for name, one in arrays.items() if len(one.shape) == 2 and one.dtype.kind in "fiu"]
    vector = names.vector_among(path, wide)
    count, dim = arrays[vector].shape
    lines = [name for name, one in arrays.items() if one.shape == (count,)]
    lengths = {name: one.shape[0] for name, one in arrays.items() if len(one.shape) == 1}
    id = names.id_in(path, lengths, count)
    odd = sorted(set(arrays) - {*lines, vector})
    notes = (f"left out, as they are not {count} long: {', '.join(odd)}",) if odd else ()
    size = max(1, min(_PART, _PART_BYTES // (4 * max(1, dim))))

    def parts() -> Iterator[Rough]:
        with ExitStack() as stack, sound(path, "npz"):
            walks = {}
            for name in (*lines, vector):
                archive = stack.enter_context(zipfile.ZipFile(path))
                file = stack.enter_context(archive.open(f"{name}.npy"))
                walks[name] = _Array(file, name, path).rows(size)
            for vectors in walks[vector]:
                columns = {name: next(walks[name]).tolist() for name in lines}
                ids = columns.pop(id)
                yield Rough(ids, columns, vectors.astype(np.float32))

    return Found(path, count, dim, note, parts, notes)
