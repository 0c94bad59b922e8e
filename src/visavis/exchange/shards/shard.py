"""One shard: some pictures of one source with their vectors, as a Parquet file.

It has what an export has (id, uri, width, height, size, modified, sha256, fields, float16 vector),
and some columns more: `signature`, by which pictures are compared pixel by pixel (see
`visavis.matching.signature`); `thumbnail`, a WebP file or nothing; `listed`, a number for what the
source said of the picture, by which a later run sees that it is there; and `fields_json`, the
fields of rows that columns of one kind each cannot keep as they are, such as "007" among numbers.
"""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from visavis.exchange.arrow import batch_of, pyarrow, schema_of, written
from visavis.exchange.layout import (
    FIELDS,
    LISTED,
    SIGNATURE,
    THUMBNAIL,
    Layout,
    Origin,
    as_fields,
    layout_of,
    read_note,
)
from visavis.flows.workers.base import Row
from visavis.store.base import ModelFacts, Rows
from visavis.store.fields import as_kept, as_text
from visavis.types import Entry, Fields, ImageRecord

SUFFIX = ".parquet"
ROWS = 1_024
"""Of a shard: some seconds of work, and a few megabytes."""
THUMBNAIL_SIDE = 320
"""Pixels."""


class ShardRow(NamedTuple):
    """A picture on its way into a shard."""

    made: Row
    """The record with its vector of unit length, (dim,), its signature, and a thumbnail or none."""
    listed: int
    """See `listed`."""

    @property
    def record(self) -> ImageRecord:
        """The record."""
        return self.made.record


class Shard(NamedTuple):
    """A file that is not written yet."""

    name: str
    """The same for the same pictures by the same model, whoever makes it."""
    content: bytes


def listed(entry: Entry) -> int:
    """A number of 64 bits for what a source says of an image: another one once it has changed."""
    said = (entry.id, entry.uri, entry.size, repr(entry.modified), as_text(entry.fields))
    return _digest(*map(str, said))


def id_digest(id: str) -> int:
    """A number of 64 bits for an id."""
    return _digest(id)


def packed(rows: Sequence[ShardRow], model: ModelFacts, origin: Origin) -> Shard:
    """Rows of one source as a shard; at least one."""
    arrow, records = pyarrow(), [row.record for row in rows]
    layout = layout_of(records, model, np.float16)
    layout = replace(layout, origin=origin, made=time.time())
    vectors: NDArray[np.float32] = np.stack([row.made.vector for row in rows])
    schema = schema_of(layout)
    batch = batch_of(layout, schema, Rows(tuple(records), vectors))
    columns = {
        SIGNATURE: arrow.array([row.made.signature for row in rows], arrow.binary()),
        THUMBNAIL: arrow.array([row.made.thumbnail for row in rows], arrow.binary()),
        FIELDS: arrow.array(_fields(records, layout), arrow.string()),
        LISTED: arrow.array([row.listed for row in rows], arrow.uint64()),
    }
    for name, column in columns.items():
        if column.null_count < len(rows):
            batch = batch.append_column(arrow.field(name, column.type), column)
    table = arrow.Table.from_batches([batch]).replace_schema_metadata(schema.metadata)
    texts = [column.name for column in layout.columns if column.kind in ("text", "mixed")]
    out = BytesIO()
    pyarrow(".parquet").write_table(table, out, **written(texts))
    return Shard(_name(rows, model, origin), out.getvalue())


def _fields(records: Sequence[ImageRecord], layout: Layout) -> list[str | None]:
    """The fields of each record as JSON, where its columns would not give them back."""
    note = read_note(layout.note())
    assert note is not None
    given = {column.name: column.of(records) for column in layout.columns if column.field}
    texts = []
    for at, record in enumerate(records):
        row = {name: values[at] for name, values in given.items()}
        back = as_fields(
            {name: value for name, value in row.items() if value not in (None, "")}, note
        )
        texts.append(None if _exactly(back) == _exactly(record.fields) else as_text(record.fields))
    return texts


def _exactly(fields: Fields) -> str:
    """Text that differs for 1, 1.0, True and "1"."""
    return repr(sorted(as_kept(fields).items()))


def _name(rows: Sequence[ShardRow], model: ModelFacts, origin: Origin) -> str:
    digest = hashlib.sha256(repr((model.fingerprint, model.dim, tuple(origin))).encode())
    for row in rows:
        facts = (row.record.id, row.record.sha256, row.listed, bool(row.made.thumbnail))
        digest.update(repr(facts).encode())
    return f"{digest.hexdigest()[:32]}{SUFFIX}"


def _digest(*texts: str) -> int:
    digest = hashlib.blake2b(digest_size=8)
    for text in texts:
        digest.update(f"{len(text)}:{text}".encode(errors="surrogatepass"))
    return int.from_bytes(digest.digest(), "little")
