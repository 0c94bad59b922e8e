"""What shards have already: the newest row of each id, and storage that does not answer."""

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest
from visavis_fake import FakeEmbedder

from visavis.errors import ObjectStorageError
from visavis.exchange.shards.held import first_model
from visavis.exchange.shards.indexing import ShardOptions, index_to_shards
from visavis.exchange.shards.loading import load_shards
from visavis.exchange.shards.place import ShardPlace
from visavis.image_index import ImageIndex
from visavis.sources.catalogue import CatalogueSource
from visavis.sources.folder import FolderSource
from visavis.types import IndexReport

Sharded = Callable[..., IndexReport]


class Silent(ShardPlace):
    """Storage that names its objects, and then stops to answer."""

    def open(self, name: str) -> BinaryIO:
        """Raises ObjectStorageError."""
        raise ObjectStorageError(f"{self.at(name)}: nothing answers there")


def priced(photos: Path, lamp: int, chair: int = 5) -> CatalogueSource:
    """Two pictures, one of them with a price that changes."""
    table = photos / "all.csv"
    table.write_text(f"id,image,price\nlamp,red/0.png,{lamp}\nchair,red/1.png,{chair}\n")
    return CatalogueSource(table)


def test_what_has_changed_back_is_written_again(
    sharded: Sharded, photos: Path, shards: Path, tmp_path: Path
) -> None:
    reports = [sharded(priced(photos, price)) for price in (10, 12, 10, 10)]
    assert [(report.added, report.unchanged) for report in reports] == [
        *((2, 0), (1, 1), (1, 1), (0, 2))
    ]
    load_shards([shards], tmp_path / "loaded.index")
    with ImageIndex.open(tmp_path / "loaded.index") as index:
        assert index.get("lamp").fields["price"] == 10


def test_a_newer_row_without_a_thumbnail_counts_as_well(sharded: Sharded, photos: Path) -> None:
    first = sharded(priced(photos, 10), thumbnails=True)
    sharded(priced(photos, 12))
    again = sharded(priced(photos, 10), thumbnails=True)
    assert (first.added, again.added, again.unchanged) == (2, 1, 1)


def test_storage_that_does_not_answer_is_no_damage(
    sharded: Sharded, photos: Path, shards: Path, fake: FakeEmbedder
) -> None:
    sharded(photos)
    with pytest.raises(ObjectStorageError, match="nothing answers there"):
        index_to_shards(FolderSource(photos), Silent(shards), fake, ShardOptions())
    with pytest.raises(ObjectStorageError, match="nothing answers there"):
        first_model(Silent(shards))
    assert fake.embedded == 9


def test_what_was_indexed_since_stays(
    sharded: Sharded, photos: Path, shards: Path, plug_in: None, tmp_path: Path
) -> None:
    sharded(priced(photos, 10))
    with ImageIndex.create(tmp_path / "some.index", "fake") as index:
        index.add(priced(photos, 99))
        index.remove("chair")
        report = load_shards([shards], index.path).report
        assert (report.added, report.unchanged) == (1, 1)  # what it lacked, and what it had
        assert [note for note in report.notes if note.startswith("1 records are otherwise in")]
        assert {record.id: record.fields["price"] for record in index.records()} == {
            "lamp": 99,
            "chair": 5,
        }
        sharded(priced(photos, 98))  # newer than the run over the source
        assert load_shards([shards], index.path).report.added == 1
        assert index.get("lamp").fields["price"] == 98
