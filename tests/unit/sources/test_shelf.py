"""Uploads and thumbnails on disk."""

import shutil
from pathlib import Path

import pytest
from served import picture

from visavis.errors import StoreError
from visavis.sources.shelf import Shelf


def test_an_index_that_was_moved_away_is_not_begun_anew_where_it_was(tmp_path: Path) -> None:
    home = tmp_path / "shop.index"
    home.mkdir()
    shelf = Shelf([home])
    data = picture()
    _, sha256 = shelf.thumbnails.made(data, 160, 10_000)
    entry = shelf.uploads.keep(data, "mug", {})
    assert Path(entry.uri).read_bytes() == data
    assert shelf.thumbnails.kept(sha256, 160) is not None
    shutil.move(home, tmp_path / "away.index")
    assert shelf.thumbnails.made(data, 320, 10_000)[1] == sha256
    shelf.thumbnails.keep(sha256, 640, b"thumbnail")
    with pytest.raises(StoreError, match=r"shop\.index: there is no such folder"):
        shelf.uploads.keep(data, "mug", {})
    assert not home.exists()


def test_uploads_are_known_however_their_folder_is_spelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shop.index").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "shop.index")
    uri = Shelf([tmp_path / "link"]).uploads.keep(picture(), "mug", {}).uri
    monkeypatch.chdir(tmp_path)
    for spelled in (Path("shop.index"), Path("link"), tmp_path / "shop.index"):
        assert Shelf([spelled]).uploads.owns(uri)
    assert not Shelf([tmp_path / "other.index"]).uploads.owns(uri)
