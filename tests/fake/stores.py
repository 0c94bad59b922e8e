"""The ways to keep vectors, and what the contract puts into them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from brute import clustered, some_record

from visavis.filters import parse_all
from visavis.store.base import ModelFacts, VectorStore
from visavis.store.sqlite.store import SqliteStore
from visavis.types import Filter, ImageRecord, Vectors

DIM = 16


@dataclass(frozen=True)
class Implementation:
    """A way to keep vectors: how to make or reopen one, and how to let it settle after writing."""

    name: str
    open: Callable[[Path, int], VectorStore]
    settle: Callable[[VectorStore], None]
    exact_floats: int | None = None
    """Above this many numbers it answers approximately."""


def open_sqlite(folder: Path, dim: int) -> VectorStore:
    return SqliteStore.create(folder, ModelFacts("fake", "fake", f"fake {dim}", dim))


def settle_sqlite(store: VectorStore) -> None:
    assert isinstance(store, SqliteStore)
    store.settle()


IMPLEMENTATIONS = [
    Implementation("sqlite", open_sqlite, settle_sqlite),
    Implementation("sqlite-approximate", open_sqlite, settle_sqlite, exact_floats=300 * DIM),
]


def colour_of(number: int) -> str:
    return ("red", "green", "blue")[number % 3]


def numbered(count: int, start: int = 0) -> list[ImageRecord]:
    return [
        some_record(f"r{number:05}", {"number": number, "colour": colour_of(number)})
        for number in range(start, start + count)
    ]


def a_query(seed: int) -> Vectors:
    return np.asarray(clustered(1, DIM, seed=0 if seed == 0 else 1000 + seed)[0])


def where(*expressions: str) -> Filter | None:
    return parse_all(expressions)
