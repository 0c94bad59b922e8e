"""Indexes and shards into a real Milvus server, and back."""

from pathlib import Path

import numpy as np

from visavis import ImageIndex
from visavis.embedders.registry import load_embedder
from visavis.exchange.copying import copy_index
from visavis.exchange.shards.indexing import ShardOptions, index_to_shards
from visavis.exchange.shards.loading import load_shards
from visavis.exchange.shards.place import ShardPlace
from visavis.sources.folder import FolderSource


def test_an_index_goes_to_milvus_and_back(gallery: Path, place: str, tmp_path: Path) -> None:
    local = tmp_path / "local.index"
    with ImageIndex.create(local, "classic") as index:
        index.add(gallery, gallery.parent / "images")
        records = {record.id: record for record in index.records()}
        vectors = {id: index.store.vector(id) for id in records}
    for added in (32, 0):
        copied = copy_index(local, place)
        assert (copied.report.added, copied.report.unchanged) == (added, 32 - added)
        assert (copied.compared, copied.error()) == (32, None)
    back = copy_index(place, tmp_path / "back.index")
    assert (back.report.added, back.error()) == (32, None)
    with ImageIndex.open(place) as copy, ImageIndex.open(tmp_path / "back.index") as again:
        for index in (copy, again):
            assert {record.id: record for record in index.records()} == records
            for id, vector in vectors.items():
                assert np.abs(index.store.vector(id) - vector).max() <= 2**-11
        assert again.add(gallery, gallery.parent / "images").unchanged == 32
    with ImageIndex.open(place) as copy:
        copy.store.remove([next(iter(records))])
    error = str(copy_index(place, tmp_path / "back.index").error())
    assert "16; it has records that the original lost since" in error


def test_shards_are_loaded_into_milvus_once(gallery: Path, place: str, tmp_path: Path) -> None:
    source = FolderSource(gallery.parent / "images")
    model, options = load_embedder("classic"), ShardOptions(jobs=2)
    index_to_shards(source, ShardPlace(tmp_path / "shards"), model, options)
    for added in (16, 0):
        loaded = load_shards([tmp_path / "shards"], place)
        assert (loaded.report.added, loaded.report.unchanged) == (added, 16 - added)
        assert loaded.error() is None
    with ImageIndex.open(place) as index:
        assert index.add(gallery.parent / "images").unchanged == 16
