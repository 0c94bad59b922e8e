"""Every kind of store, empty or filled."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from brute import Brute, clustered
from stores import DIM, IMPLEMENTATIONS, Implementation, numbered

from visavis.store.base import VectorStore


@pytest.fixture(params=IMPLEMENTATIONS, ids=lambda implementation: implementation.name)
def kind(request: pytest.FixtureRequest) -> Implementation:
    chosen: Implementation = request.param
    return chosen


@pytest.fixture
def store(
    kind: Implementation, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[VectorStore]:
    if "filled" in request.fixturenames:
        kind.copy(request.getfixturevalue("template"), tmp_path / "store")
    opened = kind.open(tmp_path / "store", DIM)
    yield opened
    opened.close()


@pytest.fixture
def source(store: VectorStore) -> int:
    return store.source("catalogue", "/pictures/all.csv").number


@pytest.fixture(scope="session")
def templates() -> dict[str, Path]:
    """Filled stores by the name of their kind: made once, copied for each test."""
    return {}


@pytest.fixture
def template(
    kind: Implementation,
    templates: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    if kind.name not in templates:
        folder = tmp_path_factory.mktemp(kind.name)
        store = kind.open(folder, DIM)
        source = store.source("catalogue", "/pictures/all.csv").number
        store.upsert(source, numbered(3000), clustered(3000, DIM))
        store.settle()
        store.close()
        templates[kind.name] = folder
    return templates[kind.name]


@pytest.fixture
def filled(kind: Implementation, store: VectorStore) -> Brute:
    """3,000 records in the store, and the same in the oracle."""
    assert store.info().approximate == kind.approximate
    oracle = Brute()
    oracle.upsert(numbered(3000), clustered(3000, DIM))
    return oracle
