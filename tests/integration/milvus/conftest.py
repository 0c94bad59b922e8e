"""An empty store in a real Milvus server, alone in a network; see fake/milvus_server.py."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from milvus_server import FOLDER
from stores import DIM, SERVER, InMilvus

from visavis.store.base import VectorStore

INSIDE = FOLDER in os.environ
# `test_apart.py` runs the others where a server is, and they cannot run anywhere else.
collect_ignore = [
    path.name
    for path in Path(__file__).parent.glob("test_*.py")
    if (path.name == "test_apart.py") == INSIDE
]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[VectorStore]:
    opened = InMilvus(os.environ[SERVER]).open(tmp_path, DIM)
    yield opened
    opened.close()


@pytest.fixture
def source(store: VectorStore) -> int:
    return store.source("catalogue", "/pictures/all.csv").number


@pytest.fixture
def place() -> str:
    """Where no index is yet."""
    return f"{os.environ[SERVER]}/new_{uuid.uuid4().hex[:8]}"
