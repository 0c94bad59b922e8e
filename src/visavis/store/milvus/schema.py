"""The columns of a collection, and the collections of an index made."""

import hashlib
import re

from visavis.store.milvus.client import Client, Column
from visavis.store.milvus.facts import Facts
from visavis.store.milvus.layout import HNSW, Layout

_LONGEST = 65_535  # bytes of a text
_BUILT: dict[str, dict[str, int]] = {
    HNSW: {"M": 16, "efConstruction": 200},
    "IVF_FLAT": {"nlist": 1024},
    "IVF_SQ8": {"nlist": 1024},
}


def collection_of(name: str, fingerprint: str) -> str:
    """What the collection of a model's vectors is called, beneath an index's name."""
    sign = fingerprint
    if not re.fullmatch("[0-9a-f]{8,}", fingerprint):  # of a plug-in
        sign = hashlib.sha256(fingerprint.encode()).hexdigest()
    return f"{name}_{sign[:8]}"


def make_collection(client: Client, facts: Facts) -> None:
    """Make the collection of an index, as its layout says."""
    layout = facts.layout
    client.create(
        _columns(facts.model.dim, layout),
        ("vector", layout.kind, "COSINE", _BUILT.get(layout.kind, {})),
        facts.to_properties(),
    )


def _columns(dim: int, layout: Layout) -> list[Column]:
    columns = [
        Column("id", "VARCHAR", {"is_primary": True, "max_length": _LONGEST}),
        Column("vector", "FLOAT_VECTOR", {"dim": dim}),
        Column("sha256", "VARCHAR", {"max_length": 64}),
        Column("source", "INT64"),
        Column("uri", "VARCHAR", {"max_length": _LONGEST}),
        # Integers would refuse `< 1.5`.
        *(Column(name, "DOUBLE") for name in ("width", "height", "size", "modified")),
        Column("fields", "JSON"),
    ]
    for name, kind in layout.declared.items():
        options = {} if kind == "number" else {"max_length": _LONGEST}
        columns.append(
            Column(layout.column(name), "DOUBLE" if kind == "number" else "VARCHAR", options)
        )
        columns.append(Column(layout.presence(name), "BOOL"))
    return columns
