"""HDF5: the datasets image_ids, features and labels, and one for each other column."""

import errno
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis.errors import ExtraMissingError, SourceError
from visavis.exchange.layout import (
    FEATURES,
    ID,
    IMAGE_IDS,
    LABELS,
    NOTE,
    Column,
    Layout,
    Put,
    changed,
)
from visavis.exchange.reading import Found, Names, Rough, sound
from visavis.store.base import Rows

_CHUNK_BYTES = 1_000_000
_PART = 2_000  # rows that are read at one time, fewer of wide vectors
_PART_BYTES = 16_000_000


def h5py() -> Any:
    """The library. Raises ExtraMissingError."""
    try:
        return import_module("h5py")
    except ModuleNotFoundError as error:
        raise ExtraMissingError("HDF5", "hdf5") from error


_SPARE = 1_000_000  # bytes that have to be free, besides the vectors


class _Disk(FileIO):
    """A file whose first failed write is kept and told by `check`, not to HDF5.

    HDF5 that cannot flush can neither close: the process would die on a full disk.
    """

    failed: OSError | None = None

    def write(self, data: Any) -> int:
        """Write all of it, or pretend to."""
        view = memoryview(data).cast("B")
        try:
            done = 0
            while done < len(view) and self.failed is None:
                done += super().write(view[done:])
        except OSError as error:
            self.failed = error
        return len(view)

    def check(self) -> None:
        """Raise what failed."""
        if self.failed is not None:
            raise self.failed


@contextmanager
def writing(path: Path, layout: Layout) -> Iterator[Put]:
    """Write HDF5, checksums included, so that damage is found."""
    vector = 0 if layout.dtype is None else layout.model.dim * np.dtype(layout.dtype).itemsize
    _check_room(path, _SPARE + layout.count * vector)  # HDF5 itself may die on a full disk
    with _Disk(path, "w+") as disk:
        with _filled(disk, layout.without_gaps()) as put:
            yield put
        disk.check()


@contextmanager
def _filled(disk: _Disk, layout: Layout) -> Iterator[Put]:
    library = h5py()
    with library.File(disk, "w", track_order=True) as file:
        file.attrs[NOTE] = layout.note()
        made = {
            column.name: file.create_dataset(
                IMAGE_IDS if column.name == ID else column.name,
                (layout.count,),
                library.string_dtype() if _is_text(column) else dtype_of(column),
                **({} if _is_text(column) else {"chunks": True, "fletcher32": True}),
            )
            for column in layout.columns
        }
        if layout.label is not None:
            file[LABELS] = made[layout.label]  # two names of one dataset
        features = _features(file, layout)
        at = 0

        def put(rows: Rows) -> None:
            nonlocal at
            _check_room(Path(disk.name), _SPARE)
            end = at + len(rows.records)
            if end > layout.count:
                raise changed()
            for column in layout.columns:
                made[column.name][at:end] = _cells(column, column.of(rows.records))
            if features is not None:
                features[at:end] = layout.vectors(rows)
            at = end
            disk.check()

        yield put


def _check_room(path: Path, wanted: int) -> None:
    if shutil.disk_usage(path.parent).free < wanted:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


def _features(file: Any, layout: Layout) -> Any:
    if layout.dtype is None:
        return None
    dim = layout.model.dim
    rows = max(1, min(layout.count, _CHUNK_BYTES // (dim * np.dtype(layout.dtype).itemsize)))
    return file.create_dataset(
        FEATURES, (layout.count, dim), layout.dtype, chunks=(rows, dim), fletcher32=True
    )


def _is_text(column: Column) -> bool:
    return column.kind in ("text", "mixed")


def dtype_of(column: Column) -> type:
    """How numbers are kept: as floats where some are missing."""
    if column.kind == "number" or column.gaps:
        return np.float64
    return np.bool_ if column.kind == "truth" else np.int64


def _cells(column: Column, values: Sequence[Any]) -> Any:
    if _is_text(column):  # HDF5 ends a text at a NUL
        return [(value or "").replace("\0", "\ufffd") for value in values]
    return numbers(column, values)


def numbers(column: Column, values: Sequence[Any]) -> NDArray[Any]:
    """Numbers as an array, NaN for those that are missing."""
    return np.array([np.nan if v is None else v for v in values], dtype_of(column))


def reading(path: Path, names: Names) -> Found:
    """An HDF5 file with a dataset of vectors, (images, dimensions)."""
    library = h5py()
    with sound(path, "HDF5"), library.File(path) as file:
        shapes: dict[str, tuple[int, ...]] = {}
        kinds: dict[str, str] = {}

        def note_down(name: str, item: Any) -> None:
            if isinstance(item, library.Dataset):
                shapes[name], kinds[name] = item.shape, item.dtype.kind

        file.visititems(note_down)
        if LABELS in file and isinstance(file[LABELS], library.Dataset):
            note_down(LABELS, file[LABELS])  # a second name is not visited
        note = file.attrs.get(NOTE)
    wide = [name for name, s in shapes.items() if len(s) == 2 and kinds[name] in "fiu"]
    vector = names.vector_among(path, wide)
    count, dim = shapes[vector]
    lines = [name for name, shape in shapes.items() if shape == (count,)]
    lengths = {name: shape[0] for name, shape in shapes.items() if len(shape) == 1}
    id = names.id_in(path, lengths, count)
    odd = sorted(set(shapes) - {*lines, vector})
    notes = (f"left out, as they are not {count} long: {', '.join(odd)}",) if odd else ()

    def parts() -> Iterator[Rough]:
        size = max(1, min(_PART, _PART_BYTES // (4 * max(1, dim))))
        with sound(path, "HDF5"), library.File(path) as file:
            for at in range(0, count, size):
                part = slice(at, at + size)
                columns = {name: _read(file, name, part) for name in lines if name != id}
                vectors = file[vector][part].astype(np.float32)
                yield Rough(_read(file, id, part), columns, vectors)

    return Found(path, count, dim, note, parts, notes)


def _read(file: Any, name: str, part: slice) -> Sequence[Any]:
    found = file[name][part]
    if found.dtype.names is not None:
        raise SourceError(
            f"{file.filename}: the dataset {name} holds compound values; leave it out"
        )
    return list(found.tolist())
