"""The ways to keep vectors, and what the contract puts into them."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from brute import clustered, some_record
from dict_store import DictStore, Kept

from visavis.filters import parse_all
from visavis.store.base import ModelFacts, VectorStore
from visavis.store.nearest.sizes import Sizes
from visavis.store.sqlite.store import SqliteStore
from visavis.types import Filter, ImageRecord, Vectors

DIM = 16


SIZES = Sizes(exact_floats=300 * DIM, pending_floats=150 * DIM, selective=400)
"""A few hundred records are many."""


class Implementation(Protocol):
    """A way to keep vectors, for the contract."""

    @property
    def name(self) -> str: ...

    @property
    def approximate(self) -> bool:
        """Whether it answers so once it has many records."""
        ...

    def open(self, folder: Path, dim: int) -> VectorStore:
        """Make the store at a place, or open it again."""
        ...

    def copy(self, folder: Path, to: Path) -> None:
        """Put the same store in another place."""
        ...


@dataclass(frozen=True)
class InSqlite:
    """SQLite, of the usual sizes or smaller ones."""

    name: str
    sizes: Sizes
    approximate: bool

    def open(self, folder: Path, dim: int) -> VectorStore:
        return SqliteStore.create(folder, _made_by(dim), self.sizes)

    def copy(self, folder: Path, to: Path) -> None:
        shutil.copytree(folder, to)


@dataclass(frozen=True)
class InDicts:
    """The double; what it keeps is found by its place."""

    name: str = "dict"
    approximate: bool = False
    places: dict[Path, Kept] = field(default_factory=dict)

    def open(self, folder: Path, dim: int) -> VectorStore:
        return DictStore(folder, self.places.setdefault(folder, Kept(_made_by(dim))))

    def copy(self, folder: Path, to: Path) -> None:
        self.places[to] = self.places[folder].copied()


def _made_by(dim: int) -> ModelFacts:
    return ModelFacts("fake", "fake", f"fake {dim}", dim)


IMPLEMENTATIONS: list[Implementation] = [
    InSqlite("sqlite", Sizes(), approximate=False),
    InSqlite("sqlite-approximate", SIZES, approximate=True),
    InDicts(),
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
