"""What every source promises, run over every kind there is."""

import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import odd_s3
import pytest
from taking_in import BLUE, GREEN, RED, png

from visavis.buckets.address import is_object
from visavis.errors import ImageError
from visavis.evaluation.copies import EditedSource
from visavis.images.sniff import HEAD_BYTES, sniff
from visavis.server.api.request_source import RequestSource
from visavis.sources.base import Source
from visavis.sources.catalogue import CatalogueSource
from visavis.sources.folder import FolderSource
from visavis.sources.objects.source import BucketSource
from visavis.sources.paths import PathList
from visavis.sources.records import RecordsSource
from visavis.types import Entry, Failure, ImageRecord

NAMES = ["a.png", "b.png", "sub/c.png"]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three pictures, and one that is none."""
    (tmp_path / "photos" / "sub").mkdir(parents=True)
    for name, colour in zip(NAMES, (RED, GREEN, BLUE), strict=True):
        (tmp_path / "photos" / name).write_bytes(png(colour, side=64))
    return tmp_path / "photos"


def records(photos: Path) -> list[ImageRecord]:
    found = [(name, photos / name) for name in NAMES]
    return [
        ImageRecord(name, str(path), path.stat().st_size, 1.0, "00" * 32, 64, 64)
        for name, path in found
    ]


def a_catalogue(photos: Path, suffix: str) -> Path:
    path = photos / f"all{suffix}"
    rows = [{"id": f"id {name}", "image": name, "n": at} for at, name in enumerate(NAMES)]
    if suffix == ".jsonl":
        path.write_text("\n".join(json.dumps(row) for row in rows))
    else:
        lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
        path.write_text("\n".join(lines))
    return path


def pushed(photos: Path) -> Source:
    entries = [Entry(r.id, r.uri, r.size, r.modified, {}) for r in records(photos)]
    return RequestSource(entries, lambda entry: Path(entry.uri).read_bytes())


class Lying(Mapping[str, odd_s3.Content]):
    """The files of a folder, as they are now, by their keys in a bucket."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __iter__(self) -> Iterator[str]:
        files = (path for path in self._folder.rglob("*") if path.is_file())
        return (path.relative_to(self._folder).as_posix() for path in files)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getitem__(self, key: str) -> odd_s3.Content:
        path = self._folder / key
        if not path.is_file():
            raise KeyError(key)
        return path.read_bytes()


@pytest.fixture
def bucket(photos: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a bucket that has what is in the folder."""
    pytest.importorskip("botocore")
    with odd_s3.running(Lying(photos)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a key")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "its secret")
        yield "s3://photos"


KINDS: dict[str, Callable[[Path], Source]] = {
    "folder": FolderSource,
    "part of a folder": lambda photos: FolderSource(photos).within(str(photos.parent)),
    "CSV": lambda photos: CatalogueSource(a_catalogue(photos, ".csv")),
    "JSON Lines": lambda photos: CatalogueSource(a_catalogue(photos, ".jsonl")),
    "list": lambda photos: PathList([str(photos / name) for name in NAMES]),
    "records": lambda photos: RecordsSource(records(photos)),
    "pushed": pushed,
    "edited copies": lambda photos: EditedSource(records(photos), 1, ("flip",)),
}


@pytest.fixture(params=[*KINDS, "bucket"])
def source(request: pytest.FixtureRequest, photos: Path) -> Source:
    if request.param == "bucket":
        return BucketSource(request.getfixturevalue("bucket"))
    return KINDS[request.param](photos)


def named(source: Source) -> list[Entry]:
    found = [entry for entry in source.entries() if isinstance(entry, Entry)]
    assert len(found) == len(NAMES)
    return found


def test_it_names_the_same_images_in_the_same_order_each_time(source: Source) -> None:
    assert named(source) == named(source)


def test_ids_are_texts_that_name_one_image_each(source: Source) -> None:
    ids = [entry.id for entry in named(source)]
    assert len(set(ids)) == len(ids)
    assert all(ids)


def test_the_bytes_are_those_of_the_size_that_was_told(source: Source) -> None:
    for entry in named(source):
        data = source.read(entry)
        assert sniff(data[:HEAD_BYTES]) is not None
        assert entry.size in (-1, len(data))


def test_many_threads_may_read(source: Source) -> None:
    entries = named(source) * 4
    with ThreadPoolExecutor(max(2, source.readers)) as pool:
        assert list(pool.map(source.read, entries)) == [source.read(entry) for entry in entries]


def test_an_image_that_has_gone_is_an_error_that_names_it(source: Source, photos: Path) -> None:
    entries = named(source)
    for name in NAMES:
        (photos / name).unlink()
    for entry in entries:
        if source.kind == "pushed":
            continue  # its bytes are in hand
        with pytest.raises(ImageError) as caught:
            source.read(entry)
        assert caught.value.uri == entry.uri


def test_what_it_does_with_its_records_fits_together(source: Source) -> None:
    assert not (source.has_fields and not source.owns_ids), "paths tell all that folders know"
    has_place = Path(source.uri).is_absolute() or is_object(source.uri)
    assert has_place == source.prunes, "what prunes is known by its place"
    if not source.owns_ids:
        assert all(Path(entry.uri).as_posix().endswith(entry.id) for entry in named(source))


def test_a_missing_image_is_a_failure_or_an_entry_that_cannot_be_read(
    source: Source, photos: Path
) -> None:
    (photos / "b.png").unlink()
    for found in source.entries():
        if isinstance(found, Failure):
            assert "b.png" in found.uri
            assert found.reason
    source.close()
