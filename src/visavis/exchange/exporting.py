"""Records and vectors into a file: whole, or not there."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack

import numpy as np

from visavis.disk import check_place, is_full, new_file
from visavis.errors import StorageFullError, UsageError
from visavis.exchange import arrow, flat, hdf5, npz
from visavis.exchange.layout import Layout, Put, changed, survey
from visavis.exchange.projection import projection
from visavis.filters import Where, as_filter
from visavis.store.base import VectorStore
from visavis.types import Filter, only_known

_Writing = Callable[[Path, Layout], AbstractContextManager[Put]]


class ExportOptions(TypedDict, total=False):
    """What an export holds; each may be left out."""

    where: Where
    """A filter: which records."""
    vectors: bool
    """Whether the vectors are written as well; if not given, they are, but not to CSV."""
    dtype: Literal["float16", "float32"]
    """Of the vectors; if not given, float16, in Parquet and FAISS float32."""
    label: str
    """The field that becomes `labels` in HDF5 and npz; if not given, label, labels, class or
    category, the first that there is."""
    force: bool
    """Whether a file that is there is replaced."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written."""

    path: Path
    records: int
    bytes: int
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape of an export."""
        return {
            "path": str(self.path),
            "records": self.records,
            "bytes": self.bytes,
            "notes": list(self.notes),
        }


@dataclass(frozen=True, slots=True)
class _Format:
    """How a kind of file is written."""

    writing: _Writing
    vectors: bool = True
    """Whether it has vectors if nobody says so."""
    dtype: str = "float16"
    needs: Callable[[], Any] = tuple
    """Raises ExtraMissingError."""


_FORMATS = {
    ".h5": _Format(hdf5.writing, needs=hdf5.h5py),
    ".hdf5": _Format(hdf5.writing, needs=hdf5.h5py),
    ".parquet": _Format(arrow.writing, dtype="float32", needs=arrow.pyarrow),
    ".npz": _Format(npz.writing),
    ".csv": _Format(flat.writing_csv, vectors=False),
    ".faiss": _Format(flat.writing_faiss, dtype="float32"),
}
SUFFIXES = tuple(_FORMATS)
"""Of the files that can be written, and read again."""


def export(store: VectorStore, path: Path, **options: Unpack[ExportOptions]) -> Exported:
    """Write all records (that pass a filter) to a file, with their vectors.

    Raises UsageError for a file that is there, cannot be written or has an unknown suffix, and
    where there are no records; ExtraMissingError; StorageFullError.
    """
    only_known(options, ExportOptions)
    form = format_of(path, _FORMATS)
    faiss = path.suffix.lower() == ".faiss"
    vectors, dtype = options.get("vectors", form.vectors), options.get("dtype", form.dtype)
    if faiss and (not vectors or dtype != "float32"):
        raise UsageError("a .faiss file is nothing but vectors in float32; choose another format")
    if dtype not in ("float16", "float32"):
        raise UsageError(f"vectors are float16 or float32, not {dtype}")
    if "dtype" in options and not vectors:
        raise UsageError("dtype is for vectors; none are written")
    form.needs()
    for place in (path, flat.beside(path)) if faiss else (path,):
        _check(place, force=options.get("force", False))
    where = as_filter(options.get("where"))
    kind: Any = np.dtype(dtype).type if vectors else None
    layout = survey(store, where, kind, options.get("label"))
    if path.suffix.lower() == ".parquet":
        layout = replace(layout, projection=projection(store, where))
    try:
        if faiss:
            bare = replace(layout, dtype=None)
            _write(store, where, flat.beside(path), flat.writing_csv, bare)
        _write(store, where, path, form.writing, layout)
    except OSError as error:
        raise _unwritten(path, error) from error
    return Exported(path, layout.count, path.stat().st_size, _notes(path, layout))


def format_of(path: Path, formats: dict[str, Any]) -> Any:
    """What a file's suffix stands for. Raises UsageError."""
    found = formats.get(path.suffix.lower())
    if found is None:
        raise UsageError(f"{path}: which format? Give a name that ends in {', '.join(formats)}")
    return found


def _check(path: Path, *, force: bool) -> None:
    check_place(path, "export")
    if path.exists() and not force:
        raise UsageError(f"{path}: it is there already; replace it with --force")


def _write(
    store: VectorStore, where: Filter | None, path: Path, writing: _Writing, layout: Layout
) -> None:
    written = 0
    with new_file(path) as partial, writing(partial, layout) as put:
        for rows in store.rows(where):
            written += len(rows.records)
            if written > layout.count or rows.vectors.shape[1] != layout.model.dim:
                raise changed()
            put(rows)
        if written < layout.count or store.model() != layout.model:
            raise changed()


def _unwritten(path: Path, error: OSError) -> Exception:
    if is_full(error) or "No space left" in str(error):
        return StorageFullError(f"{path}: no space left for it; nothing was written")
    return UsageError(f"cannot write the export {path}: {error.strerror or error}")


def _notes(path: Path, layout: Layout) -> tuple[str, ...]:
    notes = []
    if path.suffix.lower() == ".faiss":
        notes.append(f"the ids and fields of the rows are in {flat.beside(path)}")
    if layout.projection is not None and layout.projection.missing:
        notes.append(
            f"{layout.projection.missing:,} records came since the map was made, and have no place "
            "on it; bring it up to date with: visavis map"
        )
    if path.suffix.lower() == ".npz" and (long := npz.too_long(layout)):
        notes.append(
            f"left out, as .npz has no place for texts of more than {npz.LONGEST:,} letters: "
            f"{', '.join(long)}; the other formats have"
        )
    return tuple(notes)
