"""A folder of pictures, and shards of it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from visavis_fake import FakeEmbedder

from visavis.exchange.shards.indexing import ShardOptions, index_to_shards
from visavis.exchange.shards.place import ShardPlace
from visavis.sources.folder import FolderSource
from visavis.types import IndexReport

Draw = Callable[..., Path]
Sharded = Callable[..., IndexReport]


@pytest.fixture
def photos(draw: Draw) -> Path:
    """Nine pictures: `red/0.png` … `blue/2.png`."""
    colours = {"red": (200, 30, 30), "green": (30, 190, 40), "blue": (20, 40, 220)}
    for name, colour in colours.items():
        for mark in range(3):
            path = draw(f"photos/{name}/{mark}.png", colour, mark)
    return path.parents[1]


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """Where shards go; nothing is there yet."""
    return tmp_path / "shards"


@pytest.fixture
def sharded(fake: FakeEmbedder, shards: Path) -> Sharded:
    """Indexes a folder, or any source, into `shards`."""

    def run(source: Any, place: Path = shards, **how: Any) -> IndexReport:
        found = FolderSource(source) if isinstance(source, Path) else source
        options = ShardOptions(**{"jobs": 2, **how})
        return index_to_shards(found, ShardPlace(place), fake, options)

    return run
