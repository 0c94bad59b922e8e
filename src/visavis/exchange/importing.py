"""Features that were computed elsewhere, searchable in an index."""

import contextlib
import hashlib
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, TypedDict, Unpack

import numpy as np

from visavis.embedders.base import unit_rows
from visavis.embedders.registry import load_embedder
from visavis.errors import (
    IndexIncompatibleError,
    ModelNotFoundError,
    SourceError,
    UsageError,
)
from visavis.exchange import arrow, flat, hdf5, npz
from visavis.exchange.exporting import format_of
from visavis.exchange.layout import DIGEST, FACTS, LABELS, Note, as_fields, read_note
from visavis.exchange.reading import Found, Names, Rough
from visavis.flows.relation.background import settle
from visavis.images.files import path_text
from visavis.sources.catalogue import IMAGE_COLUMNS
from visavis.sources.web.fetch import is_url
from visavis.store.base import IMPORTED, ModelFacts, VectorStore
from visavis.store.open import Place, create_store, open_store, store_exists, writing_to
from visavis.types import Failure, FieldValue, ImageRecord, IndexReport, Vectors, only_known

_READING = {
    ".h5": hdf5.reading,
    ".hdf5": hdf5.reading,
    ".parquet": arrow.reading,
    ".npz": npz.reading,
    ".csv": flat.reading_csv,
    ".faiss": flat.reading_faiss,
}
_UNEVEN = 0.01  # lengths further than this from 1 are reported


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


class _Rows(NamedTuple):
    """Rows that can be written, and why others cannot."""

    records: list[ImageRecord]
    vectors: Vectors
    failed: list[Failure]
    uneven: bool
    """Whether the vectors had other lengths than 1."""


def import_vectors(file: str | Path, index: Place, **options: Unpack[ImportOptions]) -> IndexReport:
    """Take ids, vectors and fields from a file into an index, which is made if need be.

    Args:
        file: HDF5, Parquet, npz, CSV or FAISS, by visavis or by others.
        index: The folder of the index.
        options: See ImportOptions.

    Raises:
        SourceError: the file is missing or damaged, or has no ids or no vectors.
        IndexIncompatibleError: the index's vectors are another model's.
        UsageError: an option makes no sense.
    """
    only_known(options, ImportOptions)
    started = time.monotonic()
    path = Path(file)
    reading = format_of(path, _READING)
    if not path.is_file():
        raise SourceError(f"{path}: there is no such file")
    found: Found = reading(path, Names(options.get("id_column"), options.get("vector_column")))
    note = read_note(found.note)
    parts = found.parts()
    first = next(parts, None)
    if first is None or not len(first.ids):
        raise SourceError(f"{path}: it has no rows")
    dim = found.dim or first.vectors.shape[1]
    facts = _facts(path, dim, note, options.get("model"), index)
    wait = options.get("lock_seconds", 10.0)
    create_store(index, facts, wait)
    store = open_store(index)
    try:
        _check(store, facts, path)
        report = IndexReport(notes=list(found.notes))
        with writing_to(store, wait)():
            _take(store, path, note, chain([first], parts), report)
            settle(store)
    finally:
        store.close()
    report.seconds = time.monotonic() - started
    return report


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


def _check(store: VectorStore, facts: ModelFacts, path: Path) -> None:
    made_by, place = store.model(), store.facts.place
    if made_by.dim != facts.dim:
        raise IndexIncompatibleError(
            f"{place}: its vectors have {made_by.dim} dimensions, and those of {path} have "
            f"{facts.dim}; import them into an index of their own"
        )
    if made_by.fingerprint != facts.fingerprint:
        what = facts.name if facts.name != made_by.name else f"another version of {facts.name}"
        raise IndexIncompatibleError(
            f"{place}: {made_by.name!r} made its vectors, and {what!r} those of {path}; import "
            "them into an index of their own"
        )


# -- rows to records -----------------------------------------------------------------------------


def _take(
    store: VectorStore, path: Path, note: Note | None, parts: Iterator[Rough], report: IndexReport
) -> None:
    place = path_text(str(path.absolute()))
    source = store.source("import", f"{IMPORTED}{place}")
    sweep = store.sweep(source.number)
    repeated, uneven = 0, False
    try:
        for part in parts:
            rows = _rows(part, path, note, store.model().dim)
            uneven |= rows.uneven
            report.failed += rows.failed
            known = sweep.known([record.id for record in rows.records])
            latest = {record.id: at for at, record in enumerate(rows.records)}
            others = {id for id, record in known.items() if not record.own}
            report.failed += [_anothers(id) for id in latest if id in others]
            chosen = [at for id, at in latest.items() if id not in others]
            repeated += len(rows.records) - len(latest)
            again = sum(record.own and record.met for record in known.values())
            repeated += again
            if chosen:
                records = [rows.records[at] for at in chosen]
                store.upsert(source.number, records, rows.vectors[chosen])
            report.added += len(chosen) - again
    except SourceError as error:
        raise SourceError(f"{error}; {report.added} records before it were taken in") from error
    if repeated:
        report.notes.append(f"{repeated} ids came again; the last row of each counts")
    if uneven:
        report.notes.append("the vectors were brought to unit length; scores are cosines")


def _anothers(id: str) -> Failure:
    return Failure(id, "the index has this id from another source; import into another index")


def _rows(part: Rough, path: Path, note: Note | None, dim: int) -> _Rows:
    vectors = part.vectors
    if vectors.shape[1:] != (dim,):
        vectors = np.full((len(part.ids), dim), np.nan, np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
    keep, records = [], []
    failed: list[Failure] = []
    for at, given in enumerate(part.ids):
        id, length = _id(given), float(lengths[at])
        if id is None:
            failed.append(Failure(f"{path}, id {given!r}", "it is no id"))
        elif not math.isfinite(length):
            reason = f"its vector holds NaN or infinity, or has not {dim} dimensions"
            failed.append(Failure(id, reason))
        elif length < 1e-12:
            failed.append(Failure(id, "its vector is zero"))
        else:
            keep.append(at)
            values = {name: values[at] for name, values in part.columns.items()}
            records.append(_record(id, values, vectors[at], path, note))
    uneven = bool(np.any(np.abs(lengths[keep] - 1) > _UNEVEN)) if keep else False
    return _Rows(records, unit_rows(vectors[keep]), failed, uneven)


def _id(given: Any) -> str | None:
    value = as_value(given)
    text = value if isinstance(value, str) else "" if value is None else str(value)
    if not text or "\0" in text or not _is_text(text):
        return None
    return text


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _record(
    id: str, given: Mapping[str, Any], vector: Vectors, path: Path, note: Note | None
) -> ImageRecord:
    values = {name: kept for name, value in given.items() if (kept := as_value(value)) is not None}
    facts = {name: values.pop(name) for name in FACTS if _is_fact(name, values.get(name))}
    sha256 = str(facts.get("sha256", ""))
    if note is None:
        fields = values
        uri = str(facts.get("uri") or _uri(values, path) or id)
    else:
        if note.columns.get(LABELS) is None:
            values.pop(LABELS, None)  # a second name of one of the others
        fields = as_fields(values, note)
        uri = str(facts.get("uri") or id)
    return ImageRecord(
        id,
        uri,
        int(facts.get("size", 0)),
        float(facts.get("modified", 0)),
        sha256 if len(sha256) == DIGEST else _stand_in(id, vector),
        int(facts.get("width", 0)),
        int(facts.get("height", 0)),
        fields,
    )


def _is_fact(name: str, value: FieldValue | None) -> bool:
    """Whether a value is what records have under that name, and no field of the same name."""
    if name == "uri":
        return isinstance(value, str)
    if name == "sha256":
        return isinstance(value, str) and set(value) <= set("0123456789abcdef")
    return isinstance(value, int | float) and 0 <= value < 2**63


def _uri(values: Mapping[str, FieldValue], path: Path) -> str | None:
    """Where a row's picture is, if one of the usual columns says so."""
    for name in IMAGE_COLUMNS:
        value = values.get(name)
        if isinstance(value, str):
            return value if is_url(value) else path_text(str(path.absolute().parent / value))
    return None


def _stand_in(id: str, vector: Vectors) -> str:
    """What tells a record's content from others' where its file was never read: no SHA-256."""
    return hashlib.sha256(id.encode() + vector.tobytes()).hexdigest()[: DIGEST // 2]


def as_value(given: Any) -> FieldValue | None:
    """A value as a field holds it; None: there is none, or nothing that a field can hold."""
    if isinstance(given, np.generic):
        given = given.item()
    if isinstance(given, bytes):
        given = given.decode(errors="replace")
    match given:
        case str():
            return given if given and _is_text(given) else None
        case bool():
            return given
        case int() | float():
            return given if math.isfinite(given) else None
        case datetime() | date():
            return given.isoformat()
        case list() | tuple():
            return _listed(given)
    return None


def _listed(values: Sequence[Any]) -> str | None:
    """Several words, such as tags, as one text."""
    kept = [as_value(value) for value in values]
    return ", ".join(str(value) for value in kept if value is not None) or None
