"""Features that were computed elsewhere, searchable in an index."""

import contextlib
import hashlib
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TypedDict, Unpack

from visavis.buckets.address import is_object
from visavis.embedders.registry import load_embedder
from visavis.errors import (
    ModelNotFoundError,
    SourceError,
    UsageError,
)
from visavis.exchange import arrow, flat, hdf5, npz
from visavis.exchange.exporting import format_of
from visavis.exchange.layout import Note, read_note
from visavis.exchange.reading import Found, Names, Rough
from visavis.exchange.records import records_of
from visavis.exchange.shards.loading import load_shards
from visavis.exchange.taking import Taking, check_model
from visavis.flows.relation.cuts import settle
from visavis.images.files import path_text
from visavis.store.base import IMPORTED, ModelFacts, VectorStore
from visavis.store.open import Place, create_store, open_store, store_exists, writing_to
from visavis.types import IndexReport, only_known

_READING = {
    ".h5": hdf5.reading,
    ".hdf5": hdf5.reading,
    ".parquet": arrow.reading,
    ".npz": npz.reading,
    ".csv": flat.reading_csv,
    ".faiss": flat.reading_faiss,
}


class ImportOptions(TypedDict, total=False):
    """How a file is read; each may be left out."""

    model: str | None
    """What made the vectors: a name of your own, or a model that visavis has. If not given: what a
    file by visavis says, else the name of the file."""
    id_column: str | None
    """The column (dataset, array) of the ids; None: by a usual name."""
    vector_column: str | None
    """The column of the vectors; None: by a usual name, or the only one."""
    lock_seconds: float
    """How long to wait for another writer; 10 if not given."""


def import_vectors(file: str | Path, index: Place, **options: Unpack[ImportOptions]) -> IndexReport:
    """Take ids, vectors and fields from a file into an index, which is made if need be.

    Args:
        file: HDF5, Parquet, npz, CSV or FAISS, by visavis or by others; or a folder of shards,
            also s3://BUCKET/PREFIX.
        index: The folder of the index.
        options: See ImportOptions.

    Raises:
        SourceError: the file is missing or damaged, or has no ids or no vectors.
        IndexIncompatibleError: the index's vectors are another model's.
        UsageError: an option makes no sense.
    """
    only_known(options, ImportOptions)
    started = time.monotonic()
    path, wait = Path(file), options.get("lock_seconds", 10.0)
    if is_object(file) or path.is_dir():
        return _shards(file, index, wait, options)
    reading = format_of(path, _READING)
    if not path.is_file():
        raise SourceError(f"{path}: there is no such file")
    found: Found = reading(path, Names(options.get("id_column"), options.get("vector_column")))
    note = read_note(found.note)
    if note is not None and note.origin is not None:
        return _shards(path, index, wait, options)
    parts = found.parts()
    first = next(parts, None)
    if first is None or not len(first.ids):
        raise SourceError(f"{path}: it has no rows")
    dim = found.dim or first.vectors.shape[1]
    facts = _facts(path, dim, note, options.get("model"), index)
    create_store(index, facts, wait)
    store = open_store(index)
    try:
        check_model(store, facts, path, "import them into")
        report = IndexReport(notes=list(found.notes))
        with writing_to(store, wait)():
            _take(store, path, note, chain([first], parts), report)
            settle(store)
    finally:
        store.close()
    report.seconds = time.monotonic() - started
    return report


def _shards(path: str | Path, index: Place, wait: float, options: ImportOptions) -> IndexReport:
    """Load shards, which say everything themselves."""
    given = [name for name in ("model", "id_column", "vector_column") if options.get(name)]
    if given:
        named = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise UsageError(f"{path}: shards say themselves what they hold; leave out {named}")
    loaded = load_shards([path], index, lock_seconds=wait)
    if (error := loaded.error()) is not None:
        raise error
    return loaded.report


# -- whose vectors they are ----------------------------------------------------------------------


def _facts(path: Path, dim: int, note: Note | None, name: str | None, index: Place) -> ModelFacts:
    """The model that made a file's vectors."""
    if note is not None and note.model.dim == dim:
        if name is not None and name != note.model.name:
            raise UsageError(
                f"{path}: it says that {note.model.name!r} made its vectors; leave out --model"
            )
        return note.model
    if name is None:
        with (
            contextlib.closing(open_store(index))
            if store_exists(index)
            else (contextlib.nullcontext()) as store
        ):
            made_by = store.model() if store is not None else None
        if made_by is not None and made_by.ref.startswith(IMPORTED) and made_by.dim == dim:
            return made_by
        if made_by is not None and made_by.dim == dim:
            raise UsageError(
                f"{path}: it does not say what made its vectors; if it was the model of the index, "
                f"say so with --model {made_by.name}"
            )
        name = path.stem
    try:
        known = load_embedder(name, threads=1)
    except ModelNotFoundError:
        stated = hashlib.sha256(f"{IMPORTED}{name}:{dim}".encode()).hexdigest()
        return ModelFacts(name, f"{IMPORTED}{name}", stated, dim)
    if known.dim != dim:
        raise UsageError(
            f"{path}: its vectors have {dim} dimensions, and those of {name!r} have {known.dim}; "
            "give the model that made them a name of its own with --model"
        )
    return ModelFacts(known.name, known.ref, known.fingerprint, dim)


# -- its rows --------------------------------------------------------------------------------------


def _take(
    store: VectorStore, path: Path, note: Note | None, parts: Iterator[Rough], report: IndexReport
) -> None:
    row = store.source("import", f"{IMPORTED}{path_text(str(path.absolute()))}")
    taking, uneven = Taking(store, row, first=False, sure=False), False
    try:
        for part in parts:
            rows = records_of(part, path, note, store.model().dim)
            uneven |= rows.uneven
            report.failed += rows.failed
            taking.take(rows.records, rows.vectors)
    except SourceError as error:
        count = taking.taken.added + taking.taken.unchanged
        raise SourceError(f"{error}; {count} records before it were taken in") from error
    report.added, report.unchanged = taking.taken.added, taking.taken.unchanged
    report.failed += taking.taken.failed
    if again := taking.taken.again:
        report.notes.append(f"ids that came again: {again}; the last row of each counts")
    if uneven:
        report.notes.append("the vectors were brought to unit length; scores are cosines")
