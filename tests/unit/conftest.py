"""A store bound to FakeEmbedder, and pictures to take in."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from visavis_fake import FakeEmbedder

from visavis.flows.ingest import IngestOptions, Progress, ingest
from visavis.image_index import ImageIndex
from visavis.sources.base import Source
from visavis.store.base import ModelFacts
from visavis.store.sqlite.store import SqliteStore
from visavis.types import IndexReport

Draw = Callable[..., Path]
Run = Callable[..., IndexReport]

RED, GREEN, BLUE = (200, 10, 10), (10, 200, 10), (10, 10, 200)


@pytest.fixture
def store(tmp_path: Path, fake: FakeEmbedder) -> Iterator[SqliteStore]:
    opened = SqliteStore.create(
        tmp_path / "an.index", ModelFacts(fake.name, fake.ref, fake.fingerprint, fake.dim)
    )
    yield opened
    opened.close()


@pytest.fixture
def run(store: SqliteStore, fake: FakeEmbedder) -> Run:
    def taken_in(
        source: Source, progress: Progress | None = None, jobs: int = 2, **options: Any
    ) -> IndexReport:
        return ingest(source, store, fake, IngestOptions(jobs, **options), progress)

    return taken_in


@pytest.fixture
def photos(draw: Draw) -> Path:
    """A folder with three pictures, one of them in a folder of its own."""
    draw("photos/red.png", RED)
    draw("photos/green.png", GREEN)
    return draw("photos/sub/blue.png", BLUE).parents[1]


@pytest.fixture
def album(draw: Draw) -> Path:
    """A folder with four pictures, and a fifth in a folder of its own."""
    for name, colour in {
        "red": RED,
        "green": GREEN,
        "blue": BLUE,
        "white": (250, 250, 250),
    }.items():
        draw(f"photos/{name}.png", colour)
    return draw("photos/sub/pink.png", (250, 120, 120)).parents[1]


@pytest.fixture
def filled(index: ImageIndex, album: Path) -> ImageIndex:
    """An index of the album."""
    index.add(album)
    return index
