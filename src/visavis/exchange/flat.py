"""CSV, and FAISS's own files with a CSV of the same rows beside them."""

import csv
import json
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from visavis.errors import SourceError
from visavis.exchange.layout import ID, VECTOR, Layout, Put
from visavis.exchange.reading import Found, Names, Rough, sound, vector_rows
from visavis.sources.tables import open_table
from visavis.store.base import Rows

_PART = 2_000


def beside(path: Path) -> Path:
    """The CSV with the ids of a FAISS file's rows."""
    return path.with_name(f"{path.name}.csv")


# -- CSV -----------------------------------------------------------------------------------------


@contextmanager
def writing_csv(path: Path, layout: Layout) -> Iterator[Put]:
    """Write CSV; vectors, if wanted, as a JSON list in the last column."""
    # float16 has 11 bits, which five digits tell apart; float32 has 24.
    digits = "%.5g" if layout.dtype is np.float16 else "%.9g"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        wide = [VECTOR] if layout.dtype is not None else []
        writer.writerow([column.name for column in layout.columns] + wide)

        def put(rows: Rows) -> None:
            cells: list[Any] = [column.of(rows.records) for column in layout.columns]
            if layout.dtype is not None:
                texts = (map(digits.__mod__, row.tolist()) for row in layout.vectors(rows))
                cells.append([f"[{','.join(row)}]" for row in texts])
            writer.writerows(zip(*cells, strict=True))

        yield put


def reading_csv(path: Path, names: Names) -> Found:
    """A CSV file with a column of vectors, each a list of numbers."""
    with sound(path, "CSV"):
        table = open_table(path)
    columns = [name for name in table.columns if name]
    vector = names.vector_among(path, columns)
    id = names.id_among(path, [name for name in columns if name != vector])

    def parts() -> Iterator[Rough]:
        with sound(path, "CSV"):
            rows = iter(table.rows({id, vector}))
            while block := list(islice(rows, _PART)):
                for row in block:
                    if row.problem is not None:
                        raise SourceError(f"{path}, row {row.number}: {row.problem}")
                listed = [_numbers(row.values.get(vector)) for row in block]
                others = [name for name in columns if name not in (id, vector)]
                values = {name: [row.values.get(name) for row in block] for name in others}
                ids = [row.values.get(id) for row in block]
                yield Rough(ids, values, vector_rows(listed, len(block)))

    return Found(path, -1, None, None, parts)


def _numbers(cell: Any) -> list[float] | None:
    """The numbers of a cell: a JSON list, or with spaces or commas between them."""
    text = str(cell or "").strip()
    try:
        if text.startswith("["):
            return [float(number) for number in json.loads(text)]
        return [float(number) for number in text.replace(",", " ").split()]
    except (ValueError, TypeError):
        return None


# -- FAISS ---------------------------------------------------------------------------------------

_FLAT = struct.Struct("<4siqqq?i")  # IndexFlatIP as faiss writes it: an exact index
_INNER_PRODUCT = 0
_UNUSED = 1 << 20


@contextmanager
def writing_faiss(path: Path, layout: Layout) -> Iterator[Put]:
    """Write an `IndexFlatIP`, block by block: faiss itself would need all vectors in memory."""
    dim, count = layout.model.dim, layout.count
    with path.open("wb") as file:
        head = (b"IxFI", dim, count, _UNUSED, _UNUSED, True, _INNER_PRODUCT)
        file.write(_FLAT.pack(*head) + struct.pack("<Q", count * dim))
        yield lambda rows: void(file.write(layout.vectors(rows).astype("<f4").tobytes()))


def void(_: object) -> None:
    """Nothing, whatever is given."""


def reading_faiss(path: Path, names: Names) -> Found:
    """A FAISS index whose vectors can be given back; ids are in a CSV beside it, or numbers."""
    import faiss

    with sound(path, "FAISS"):
        if not path.is_file():
            raise FileNotFoundError
        index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
        count, dim = index.ntotal, index.d
        if count:
            index.reconstruct_n(0, 1)
    listed = beside(path)
    table = open_table(listed) if listed.is_file() else None
    columns = [name for name in table.columns if name] if table else []
    id = names.id_among(listed, columns) if table else ID
    notes = () if table else (f"there is no {listed.name}: the ids are the rows' numbers",)

    def parts() -> Iterator[Rough]:
        rows = iter(table.rows({id})) if table else None
        with sound(path, "FAISS"):
            for at in range(0, count, _PART):
                vectors = index.reconstruct_n(at, min(_PART, count - at))
                if rows is None:
                    yield Rough(range(at, at + len(vectors)), {}, vectors)
                    continue
                block = list(islice(rows, len(vectors)))
                if len(block) < len(vectors) or any(row.problem for row in block):
                    raise SourceError(
                        f"{listed}: it does not have a sound row for each of the {count} vectors "
                        f"of {path.name}"
                    )
                values = {
                    name: [row.values.get(name) for row in block] for name in columns if name != id
                }
                yield Rough([row.values.get(id) for row in block], values, vectors)
            if rows is not None and next(rows, None) is not None:
                raise SourceError(f"{listed}: it has more rows than {path.name} has vectors")

    return Found(path, count, dim, None, parts, notes)
