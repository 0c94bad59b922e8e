"""The ways to keep vectors, and what the contract puts into them."""

import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from brute import clustered, some_record
from dict_store import DictStore, Kept

from visavis.filters import parse_all
from visavis.store.base import ModelFacts, VectorStore
from visavis.store.milvus.address import Address
from visavis.store.milvus.client import Client, Row
from visavis.store.milvus.facts import Facts
from visavis.store.milvus.store import MilvusStore
from visavis.store.nearest.sizes import Sizes
from visavis.store.sqlite.store import SqliteStore
from visavis.types import Filter, ImageRecord, Vectors

DIM = 16
SERVER = "VISAVIS_TEST_MILVUS"
"""The environment variable with the URL of a Milvus server that tests may write to."""


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

    @property
    def remote(self) -> bool:
        """Whether each question travels to a server, so that tests ask it fewer."""
        ...

    @property
    def transactions(self) -> bool:
        """Whether a reader sees all of an upsert, or nothing of it."""
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
    remote: bool = False
    transactions: bool = True

    def open(self, folder: Path, dim: int) -> VectorStore:
        return SqliteStore.create(folder, _made_by(dim), self.sizes)

    def copy(self, folder: Path, to: Path) -> None:
        shutil.copytree(folder, to)


@dataclass(frozen=True)
class InDicts:
    """The double; what it keeps is found by its place."""

    name: str = "dict"
    approximate: bool = False
    remote: bool = False
    transactions: bool = True
    places: dict[Path, Kept] = field(default_factory=dict)

    def open(self, folder: Path, dim: int) -> VectorStore:
        return DictStore(folder, self.places.setdefault(folder, Kept(_made_by(dim))))

    def copy(self, folder: Path, to: Path) -> None:
        self.places[to] = self.places[folder].copied()


@dataclass(frozen=True)
class InMilvus:
    """Collections of a server; making one takes seconds, so a few are emptied and used again."""

    server: str
    name: str = "milvus"
    approximate: bool = True
    remote: bool = True
    transactions: bool = False
    used: dict[Path, str] = field(default_factory=dict)
    filled: dict[str, tuple[int, str]] = field(default_factory=dict)

    def open(self, folder: Path, dim: int) -> VectorStore:
        known = folder in self.used
        address = self._address(folder)
        store = MilvusStore.create(address, _made_by(dim))
        if not known:
            _fill(
                _collection(address),
                Facts(_made_by(dim), layout=address.layout).to_properties(),
                [],
            )
            store.close()
            store = MilvusStore(address)
        return store

    def copy(self, folder: Path, to: Path) -> None:
        """Also one that an earlier test was given, and has not changed."""
        self.used[to] = "filled"
        address = self._address(to)
        MilvusStore.create(address, _made_by(DIM)).close()
        one, other = _collection(self._address(folder)), _collection(address)
        if not self.filled or self.filled != _state(other):
            columns = ["vector", "sha256", "source", "uri", "width", "height", "size", "modified"]
            facts = {"visavis": one.describe()["properties"]["visavis"]}
            _fill(other, facts, one.walk("", [*columns, "fields"], 3000))
            self.filled.clear()
            self.filled.update(_state(other))
        one.close()
        other.close()

    def _address(self, folder: Path) -> Address:
        number = 1 + len(self.used) % 3  # at most two are needed at once
        kept = "template" if folder.name.startswith(self.name) else f"test_{number}"
        name = self.used.setdefault(folder, kept)
        return Address.parse(f"{self.server}/{name}?timeout=60&checks=0")


def _collection(address: Address) -> Client:
    """The collection that an alias leads to."""
    client = Client(address)
    return client.at(client.describe()["collection_name"])


def _fill(client: Client, facts: Mapping[str, str], blocks: Iterable[list[Row]]) -> None:
    """Have it hold this and nothing else."""
    client.delete('id >= ""')
    client.note(dict(facts))
    for rows in blocks:
        client.upsert(rows)


def _state(client: Client) -> dict[str, tuple[int, str]]:
    """What changes with a collection, as far as this process changes it."""
    return {client.name: (client.writes, client.describe()["properties"]["visavis"])}


def _made_by(dim: int) -> ModelFacts:
    return ModelFacts("fake", "fake", f"fake {dim}", dim)


IMPLEMENTATIONS: list[Implementation] = [
    InSqlite("sqlite", Sizes(), approximate=False),
    InSqlite("sqlite-approximate", SIZES, approximate=True),
    InDicts(),
]
if SERVER in os.environ:  # see tests/integration/milvus
    IMPLEMENTATIONS = [InMilvus(os.environ[SERVER])]


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
