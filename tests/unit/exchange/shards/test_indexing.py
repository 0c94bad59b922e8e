"""A source into shards: every picture once, whatever happens between runs."""

import os
import shutil
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
import pytest
from PIL import Image
from visavis_fake import FakeEmbedder

from visavis.errors import IndexIncompatibleError, SourceError, StorageFullError
from visavis.exchange.shards import indexing
from visavis.exchange.shards.digests import Digests
from visavis.exchange.shards.place import ShardPlace
from visavis.image_index import ImageIndex
from visavis.sources.catalogue import CatalogueSource
from visavis.sources.folder import FolderSource
from visavis.types import Entry, Failure, IndexReport

Sharded = Callable[..., IndexReport]


def rows_of(shards: Path) -> list[dict[str, object]]:
    """All rows of all shards, by id."""
    tables = [parquet.read_table(path) for path in sorted(shards.iterdir())]
    rows = [row for table in tables for row in table.to_pylist()]
    return sorted(rows, key=lambda row: str(row["id"]))


def test_a_shard_has_what_an_index_has(
    sharded: Sharded, photos: Path, shards: Path, index: ImageIndex
) -> None:
    report, direct = sharded(photos), index.add(photos)
    assert (report.added, report.failed) == (direct.added, direct.failed) == (9, [])
    rows = rows_of(shards)
    records = sorted(index.records(), key=lambda record: record.id)
    facts = ("id", "uri", "width", "height", "size", "modified", "sha256")
    assert [tuple(row[name] for name in facts) for row in rows] == [
        tuple(getattr(record, name) for name in facts) for record in records
    ]
    assert [{"folder": row["folder"]} for row in rows] == [dict(r.fields) for r in records]
    vectors = np.array([row["vector"] for row in rows])
    assert vectors.dtype == np.float64  # as Python has what was float16
    assert np.abs(vectors - [index.store.vector(r.id) for r in records]).max() <= 2**-11


def test_a_second_run_does_nothing(
    sharded: Sharded, photos: Path, shards: Path, fake: FakeEmbedder
) -> None:
    sharded(photos)
    before = {path: path.stat().st_mtime_ns for path in shards.iterdir()}
    report = sharded(photos)
    assert (report.added, report.unchanged, fake.embedded) == (0, 9, 9)
    assert {path: path.stat().st_mtime_ns for path in shards.iterdir()} == before


def test_a_second_run_does_what_is_new_or_has_changed(
    sharded: Sharded, photos: Path, shards: Path
) -> None:
    sharded(photos)
    shutil.copy(photos / "red" / "0.png", photos / "new.png")
    shutil.copy(photos / "red" / "0.png", photos / "blue" / "0.png")
    os.utime(photos / "blue" / "0.png", (5, 5))
    (photos / "green" / "0.png").unlink()
    report = sharded(photos)
    assert (report.added, report.unchanged) == (2, 7)
    assert [note for note in report.notes if "2 pictures in" in note and "changed" in note]
    assert [row["id"] for row in rows_of(shards)].count("blue/0.png") == 2


def test_everything_again_when_asked(sharded: Sharded, photos: Path, shards: Path) -> None:
    sharded(photos)
    report = sharded(photos, refresh=True)
    assert (report.added, report.unchanged) == (9, 0)
    assert len(rows_of(shards)) == 9  # the same shard, written again


def test_bad_pictures_are_lines_of_the_report(sharded: Sharded, photos: Path, shards: Path) -> None:
    (photos / "bad.png").write_bytes(b"no picture")
    report = sharded(photos)
    assert report.added == 9
    assert [Path(failure.uri).name for failure in report.failed] == ["bad.png"]
    assert [Path(failure.uri).name for failure in sharded(photos).failed] == ["bad.png"]


def test_shards_have_some_rows_each(
    sharded: Sharded, photos: Path, shards: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "ROWS", 4)
    assert sharded(photos).added == 9
    assert sum(parquet.read_metadata(path).num_rows for path in shards.iterdir()) == 9


def test_the_first_row_of_an_id_counts(sharded: Sharded, photos: Path, shards: Path) -> None:
    catalogue = photos / "all.csv"
    catalogue.write_text("id,image,price\na,red/0.png,3\nb,red/1.png,4\na,blue/0.png,5\n")
    report = sharded(CatalogueSource(catalogue))
    assert report.added == 2
    assert [(row["id"], row["price"]) for row in rows_of(shards)] == [("a", 3), ("b", 4)]
    assert "the first of an id counts (a)" in report.notes[0]
    again = sharded(CatalogueSource(catalogue))
    assert (again.added, again.unchanged) == (0, 2)


def test_a_new_field_is_a_change(sharded: Sharded, photos: Path, shards: Path) -> None:
    catalogue = photos / "all.csv"
    catalogue.write_text("id,image,price\na,red/0.png,3\nb,red/1.png,4\n")
    sharded(CatalogueSource(catalogue))
    catalogue.write_text("id,image,price\na,red/0.png,3\nb,red/1.png,7\n")
    assert sharded(CatalogueSource(catalogue)).added == 1


def test_thumbnails_when_asked(
    sharded: Sharded, photos: Path, shards: Path, tmp_path: Path
) -> None:
    wide = tmp_path / "photos" / "wide.jpg"
    Image.fromarray(np.full((600, 2000, 3), 90, np.uint8)).save(wide)
    sharded(photos, thumbnails=True)
    [row] = [row for row in rows_of(shards) if row["id"] == "wide.jpg"]
    small = row["thumbnail"]
    assert isinstance(small, bytes)
    with Image.open(BytesIO(small)) as image:
        assert (image.format, image.size) == ("WEBP", (320, 96))
    plain = tmp_path / "plain"
    sharded(photos, plain)
    vectors = [row["vector"] for row in rows_of(shards)]
    assert vectors == [row["vector"] for row in rows_of(plain)]


def test_rows_without_a_thumbnail_are_made_again_when_asked(sharded: Sharded, photos: Path) -> None:
    sharded(photos)
    assert sharded(photos, thumbnails=True).added == 9
    assert sharded(photos, thumbnails=True).unchanged == 9


def test_a_folder_that_lost_its_disk_is_an_error(
    sharded: Sharded, photos: Path, shards: Path
) -> None:
    sharded(photos)
    for path in photos.rglob("*.png"):
        path.unlink()
    with pytest.raises(SourceError, match=r"nothing is there now, and .* has 9 pictures"):
        sharded(photos)


def test_shards_of_another_model_are_refused(sharded: Sharded, photos: Path, shards: Path) -> None:
    sharded(photos)
    with pytest.raises(IndexIncompatibleError, match="'fake' made the vectors of this shard"):
        indexing.index_to_shards(
            FolderSource(photos),
            ShardPlace(shards),
            FakeEmbedder(2, "halves"),
            indexing.ShardOptions(),
        )


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1 and what is no footer PAR1", None])
def test_what_a_damaged_shard_had_is_made_again(
    sharded: Sharded, photos: Path, shards: Path, content: bytes | None
) -> None:
    sharded(photos)
    [path] = shards.iterdir()
    path.write_bytes(path.read_bytes()[:-400] if content is None else content)
    report = sharded(photos)
    assert report.added == 9
    assert [failure.uri for failure in report.failed] in ([], [str(path)])
    assert sharded(photos).unchanged == 9


def test_a_place_that_is_no_folder_is_a_sentence(
    sharded: Sharded, photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(SourceError, match=r"file: the shards cannot be listed \(Not a directory"):
        sharded(photos, tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


def test_a_full_disk_is_a_sentence(
    sharded: Sharded, photos: Path, tiny_disk: Callable[[str], Path]
) -> None:
    place = tiny_disk("4k")
    with pytest.raises(StorageFullError, match="no space left for the shard"):
        sharded(photos, place)
    assert list(place.iterdir()) == []


def test_what_is_ready_is_kept_when_the_source_breaks(
    sharded: Sharded, photos: Path, shards: Path
) -> None:
    class Breaking(FolderSource):
        def entries(self) -> Iterator[Entry | Failure]:
            for number in range(600):  # more than are looked up at once
                path = photos / "red" / f"{number % 3}.png"
                yield Entry(f"{number}", str(path), 100, 1.0, {})
            raise SourceError("the disk went away")

    with pytest.raises(SourceError, match="went away"):
        sharded(Breaking(photos))
    assert len(rows_of(shards)) > 100


def test_digests_are_a_set() -> None:
    random = np.random.default_rng(2)
    numbers = random.integers(0, 2**63, 250_000).tolist()
    found = Digests(numbers[:1000])
    known = set(numbers[:1000])
    for start in range(0, len(numbers), 9_000):
        part = numbers[start : start + 9_000]
        expected = []
        for number in part:
            expected.append(number in known)
            known.add(number)
        assert found.add(part) == expected
    assert len(found) == len(known)
    assert found.have([*numbers[:5], 1, 2**64 - 1]) == [True] * 5 + [False] * 2
