"""Arrow tables, and Parquet files of them: what DuckDB, Polars, LanceDB and others read."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from visavis.errors import ExtraMissingError
from visavis.exchange.layout import (
    FIELDS,
    ID,
    LISTED,
    NOTE,
    SIGNATURE,
    THUMBNAIL,
    VECTOR,
    Layout,
    Put,
    rounded_as_float,
    survey,
)
from visavis.exchange.projection import NEIGHBORS, X, Y, projection
from visavis.exchange.reading import Found, Names, Rough, sound, vector_rows
from visavis.sources.values import column_values
from visavis.store.base import Rows, VectorStore
from visavis.types import Filter, Match, SearchResult

_GROUP_BYTES = 32_000_000  # of a row group: what is in memory at one time
_GROUP_ROWS = 65_536
_READ_ROWS = 2_000


def pyarrow(part: str = "") -> Any:
    """The library. Raises ExtraMissingError."""
    try:
        return import_module(f"pyarrow{part}")
    except ModuleNotFoundError as error:
        raise ExtraMissingError("Arrow and Parquet", "parquet") from error


def schema_of(layout: Layout) -> Any:
    """The columns of a file or a table, with the note of what they are."""
    arrow = pyarrow()
    types = {
        "text": arrow.string(),
        "mixed": arrow.string(),
        "whole": arrow.int64(),
        "number": arrow.float64(),
        "truth": arrow.bool_(),
    }
    columns = [arrow.field(column.name, types[column.kind]) for column in layout.columns]
    if layout.projection is not None:
        near = [("ids", arrow.list_(arrow.int64())), ("distances", arrow.list_(arrow.float32()))]
        columns += [arrow.field(name, arrow.float32()) for name in (X, Y)]
        columns.append(arrow.field(NEIGHBORS, arrow.struct(near)))
    if layout.dtype is not None:
        inner = arrow.from_numpy_dtype(np.dtype(layout.dtype))
        columns.append(arrow.field(VECTOR, arrow.list_(inner, layout.model.dim)))
    return arrow.schema(columns, metadata={NOTE: layout.note()})


def batch_of(layout: Layout, schema: Any, rows: Rows) -> Any:
    """Some rows in these columns."""
    arrow = pyarrow()
    columns = [
        arrow.array(column.of(rows.records), schema.field(column.name).type)
        for column in layout.columns
    ]
    if layout.projection is not None:
        columns += [
            arrow.array(values, schema.field(name).type)
            for name, values in layout.projection.columns(rows.records).items()
        ]
    if layout.dtype is not None:
        flat = arrow.array(layout.vectors(rows).reshape(-1))
        columns.append(arrow.FixedSizeListArray.from_arrays(flat, layout.model.dim))
    return arrow.record_batch(columns, schema=schema)


def written(texts: Sequence[str]) -> dict[str, Any]:
    """How Parquet is written: small, and so that damage is noticed; texts often come again."""
    return {"compression": "zstd", "use_dictionary": texts, "write_page_checksum": True}


@contextmanager
def writing(path: Path, layout: Layout) -> Iterator[Put]:
    """Write Parquet; a row group is what fits into 32 MB."""
    parquet, arrow, schema = pyarrow(".parquet"), pyarrow(), schema_of(layout)
    texts = [c.name for c in layout.columns if c.kind in ("text", "mixed")]
    waiting: list[Any] = []
    with parquet.ParquetWriter(path, schema, **written(texts)) as file:

        def flush() -> None:
            if waiting:
                file.write_table(arrow.Table.from_batches(waiting), row_group_size=_GROUP_ROWS)
                waiting.clear()

        def put(rows: Rows) -> None:
            waiting.append(batch_of(layout, schema, rows))
            held = sum(batch.nbytes for batch in waiting)
            if held >= _GROUP_BYTES or sum(map(len, waiting)) >= _GROUP_ROWS:
                flush()

        yield put
        flush()


def table(store: VectorStore, where: Filter | None, *, vectors: bool) -> Any:
    """All records (that pass the filter) as a `pyarrow.Table`."""
    arrow = pyarrow()
    layout = survey(store, where, np.float32 if vectors else None)
    layout = replace(layout, projection=projection(store, where))
    schema = schema_of(layout)
    batches = [batch_of(layout, schema, rows) for rows in store.rows(where)]
    return arrow.Table.from_batches(batches, schema)


_SHOWN: dict[str, Callable[[Match], Any]] = {
    "score": lambda match: match.score,
    "relation": lambda match: match.relation,
    "why": lambda match: list(match.why),
    ID: lambda match: match.record.id,
    "uri": lambda match: match.record.uri,
    "width": lambda match: match.record.width,
    "height": lambda match: match.record.height,
    "size": lambda match: match.record.size,
    "modified": lambda match: match.record.modified,
}


def result_table(result: SearchResult) -> Any:
    """The matches of an answer as a `pyarrow.Table`, best first; fields after what all have."""
    arrow = pyarrow()
    columns = {name: [of(match) for match in result.matches] for name, of in _SHOWN.items()}
    types: dict[str, Any] = {
        "relation": arrow.string(),
        "why": arrow.list_(arrow.string()),
        **dict.fromkeys(("score", "modified"), arrow.float64()),
        **dict.fromkeys((ID, "uri"), arrow.string()),
        **dict.fromkeys(("width", "height", "size"), arrow.int64()),
    }
    names = dict.fromkeys(chain(*(match.record.fields for match in result.matches)))
    for name in names:
        free = f"field_{name}" if name in columns else name
        columns[free] = _alike([match.record.fields.get(name) for match in result.matches])
    return arrow.table({name: arrow.array(v, types.get(name)) for name, v in columns.items()})


def _alike(values: Sequence[Any]) -> list[Any]:
    """Values of one kind: whole numbers among others become floats, or texts if too large for that.

    Numbers among texts become texts.
    """
    kinds = {type(value) for value in values if value is not None}
    if len(kinds) < 2:
        return list(values)
    kind = str if str in kinds or any(map(rounded_as_float, values)) else float
    return [None if value is None else kind(value) for value in values]


def reading(path: Path | str, names: Names, opened: BinaryIO | None = None) -> Found:
    """A Parquet file with a column of vectors; an `opened` one is only called by its path."""
    arrow = pyarrow()
    with sound(path, "Parquet"):
        file = pyarrow(".parquet").ParquetFile(opened or path, page_checksum_verification=True)
        schema = file.schema_arrow
        lists = [f for f in schema if _is_vectors(arrow, f.type)]
    vector = names.vector_among(path, [f.name for f in lists])
    note = (schema.metadata or {}).get(NOTE.encode())
    beside = [name for name in (SIGNATURE, THUMBNAIL, FIELDS) if note and name in schema.names]
    others = [name for name in schema.names if name not in (vector, *beside)]
    if note:
        others = [name for name in others if name != LISTED]
    id = names.id_among(path, others)
    chosen = schema.field(vector).type
    dim = chosen.list_size if arrow.types.is_fixed_size_list(chosen) else None

    def parts() -> Iterator[Rough]:
        with sound(path, "Parquet"):
            for batch in file.iter_batches(_READ_ROWS):
                columns = {name: column_values(batch.column(name)) for name in others if name != id}
                ids = column_values(batch.column(id))
                more = {name: batch.column(name).to_pylist() for name in beside}
                vectors = vector_rows(_vectors(batch.column(vector)), len(ids))
                yield Rough(ids, columns, vectors, more)

    return Found(path, file.metadata.num_rows, dim, note, parts)


def _is_vectors(arrow: Any, kind: Any) -> bool:
    types = arrow.types
    listed = types.is_fixed_size_list(kind) or types.is_list(kind) or types.is_large_list(kind)
    return bool(listed and types.is_floating(kind.value_type))


def _vectors(column: Any) -> Any:
    """The lists of a column: an array where all have one length and none is missing."""
    flat = column.flatten().to_numpy(zero_copy_only=False)
    if column.null_count or (len(column) and len(flat) % len(column)):
        return column.to_pylist()
    arrow = pyarrow()
    lengths = arrow.compute.list_value_length(column) if len(column) else None
    if lengths is not None and len(lengths.unique()) > 1:
        return column.to_pylist()
    return flat.reshape(len(column), -1)
