"""Opening a store by its place."""

from pathlib import Path

import pytest

from visavis import ImageIndex
from visavis.errors import IndexMissingError, UsageError
from visavis.store.base import ModelFacts
from visavis.store.open import create_store, open_store, same_place, store_exists, store_identity

MODEL = ModelFacts("fake", "fake", "fake", 4)


def test_a_folder_is_made_once_and_opened_again(tmp_path: Path) -> None:
    place = tmp_path / "new" / "an.index"
    assert not store_exists(place)
    create_store(place, MODEL, wait=1)
    create_store(str(place), ModelFacts("other", "other", "other", 9), wait=1)
    assert store_exists(str(place))
    store = open_store(place)
    assert (store.model(), store.facts.place) == (MODEL, str(place))
    store.close()


def test_another_store_in_the_same_place_is_noticed(tmp_path: Path) -> None:
    for name in ("one", "two"):
        create_store(tmp_path / name, MODEL, wait=1)
    before = store_identity(tmp_path / "one")
    assert store_identity(tmp_path / "one") == before
    (tmp_path / "one").rename(tmp_path / "old")
    (tmp_path / "two").rename(tmp_path / "one")
    assert store_identity(tmp_path / "one") != before
    with pytest.raises(IndexMissingError, match="no index at"):
        store_identity(tmp_path / "two")


@pytest.mark.parametrize("place", ["qdrant://host:6333/shop", Path("qdrant://host/shop"), "S3://b"])
def test_a_place_of_an_unknown_kind_is_refused(
    place: str | Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for use in (ImageIndex.open, ImageIndex.create, store_exists, open_store):
        with pytest.raises(UsageError, match=r"cannot be kept at .*://…; give a folder"):
            use(place)
    assert list(tmp_path.iterdir()) == [], "no folder of that name was made"


def test_a_folder_that_looks_like_another_kind_is_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    create_store("./milvus://shop", MODEL, wait=1)
    assert store_exists("milvus://shop"), "it is there now"


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ("milvus://key@Host:19530/default/shop?tls=1", True),
        ("milvus://host:19531/shop", False),
        ("milvus://other/shop", False),
        ("milvus://host/more/shop", False),
        ("milvus://host/shop_2", False),
        ("shop.index", False),
    ],
)
def test_two_urls_of_one_collection_are_the_same_place(other: str, same: bool) -> None:
    assert same_place("milvus://host/shop", other) == same
    assert same_place(other, "milvus://host/shop") == same


def test_a_file_is_no_place_for_an_index(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"")
    with pytest.raises(UsageError, match="an index is a folder, and this is a file"):
        create_store(tmp_path / "a.jpg", MODEL, wait=1)


def test_a_link_that_leads_nowhere_is_no_place_for_an_index(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "unplugged" / "disk")
    with pytest.raises(UsageError, match="it is a link that leads nowhere"):
        create_store(tmp_path / "link", MODEL, wait=1)


def test_an_index_without_a_name_is_not_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="the name of the index is empty"):
        create_store("", MODEL, wait=1)
    with pytest.raises(UsageError, match="the name of the index is empty"):
        open_store("")
    assert not list(tmp_path.iterdir())
