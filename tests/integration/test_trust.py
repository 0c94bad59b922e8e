"""What an index must never do: forget, mix up, or be sure of what it does not know."""

import os
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from asking import ask
from PIL import Image

from visavis.errors import ImageUnreadableError, IndexDamagedError, SourceError
from visavis.image_index import ImageIndex
from visavis.store.base import ModelFacts
from visavis.store.nearest.sizes import Sizes
from visavis.store.sqlite.store import SqliteStore
from visavis.types import ImageRecord


def _picture(path: Path, colour: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (48, 48), colour).save(path)
    return path


def test_a_rebuild_does_not_mix_up_a_changed_file_with_a_copy_of_what_it_was(
    tmp_path: Path, plug_in: None
) -> None:
    photos = tmp_path / "photos"
    changing = _picture(photos / "x.png", "red")
    with ImageIndex.create(tmp_path / "i", "fake") as index:
        index.add(photos)
        shutil.copy2(changing, photos / "a-original.png")
        _picture(changing, "blue")
        index.rebuild("fake-halves")
        index.add(photos)
        [first] = index.search(photos / "a-original.png", limit=1).matches
        assert (first.record.id, round(first.score, 3)) == ("a-original.png", 1.0)
        [first] = index.search(changing, limit=1).matches
        assert (first.record.id, round(first.score, 3)) == ("x.png", 1.0)


def test_two_folders_never_take_a_record_from_each_other(tmp_path: Path, plug_in: None) -> None:
    _picture(tmp_path / "A" / "x.png", "red")
    _picture(tmp_path / "B" / "x.png", "blue")
    with ImageIndex.create(tmp_path / "i", "fake") as index:
        index.add(tmp_path / "A", tmp_path / "B")
        blue = index.get("B/x.png")
        _picture(tmp_path / "A" / "B" / "x.png", "green")
        report = index.add(tmp_path / "A")
        assert [failure.uri for failure in report.failed] == [str(tmp_path / "A" / "B" / "x.png")]
        assert index.get("B/x.png") == blue
        assert index.remove(source=str(tmp_path / "B")) == 1
        index.add(tmp_path / "A")
        assert index.get("B/x.png").uri == str(tmp_path / "A" / "B" / "x.png")


def test_a_broken_link_alone_does_not_make_a_folder_look_alive(
    tmp_path: Path, plug_in: None
) -> None:
    photos = tmp_path / "photos"
    _picture(photos / "x.png", "red")
    with ImageIndex.create(tmp_path / "i", "fake") as index:
        index.add(photos)
        (photos / "x.png").unlink()
        (photos / "gone.png").symlink_to(tmp_path / "nowhere.png")
        with pytest.raises(SourceError, match="nothing was removed"):
            index.add(photos)
        assert len(index) == 1


def test_one_empty_source_does_not_keep_the_others_out(tmp_path: Path, plug_in: None) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    _picture(first / "x.png", "red")
    _picture(second / "y.png", "blue")
    with ImageIndex.create(tmp_path / "i", "fake") as index:
        index.add(first)
        (first / "x.png").unlink()
        with pytest.raises(SourceError, match="unplugged"):
            index.add(first, second)
        assert "second/y.png" in index
        assert "x.png" in index


def test_a_query_picture_that_is_a_pipe_is_refused_at_once(
    tmp_path: Path, index: ImageIndex
) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(ImageUnreadableError, match="pipe"):
        index.search(tmp_path / "pipe.jpg")


@pytest.mark.parametrize("blob", [b"\xff\x7f" * 3, b"\x00"])
def test_a_damaged_vector_is_told_by_searches_and_by_compact(
    tmp_path: Path, plug_in: None, blob: bytes
) -> None:
    _picture(tmp_path / "photos" / "x.png", "red")
    _picture(tmp_path / "photos" / "y.png", "blue")
    with ImageIndex.create(tmp_path / "i", "fake") as index:
        index.add(tmp_path / "photos")
    connection = sqlite3.connect(tmp_path / "i" / "index.sqlite")
    connection.execute("UPDATE vectors SET vector = ? WHERE number = 1", (blob,))
    connection.commit()
    connection.close()
    with ImageIndex.open(tmp_path / "i") as index:
        with pytest.raises(IndexDamagedError, match="rebuild"):
            index.search("id:y.png")
        with pytest.raises(IndexDamagedError):
            index.compact()
        assert index.rebuild().added == 2  # as the message advises
        assert [match.record.id for match in index.search("id:y.png").matches] == ["y.png", "x.png"]
        assert index.search("colour:red").matches[0].record.id == "x.png"


@pytest.mark.parametrize("per_cluster", [100, 500])
def test_the_nearest_are_found_in_tight_clusters_and_for_odd_questions(
    tmp_path: Path, per_cluster: int
) -> None:
    rows, dim = 6_000, 32
    draw = np.random.default_rng(3)
    centres = draw.standard_normal((rows // per_cluster, dim))
    vectors = centres[np.arange(rows) % len(centres)] + 0.6 * draw.standard_normal((rows, dim))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)
    exact = vectors.astype(np.float32)
    exact /= np.linalg.norm(exact, axis=1, keepdims=True)
    store = SqliteStore.create(
        tmp_path / "i", ModelFacts("m", "m", "f", dim), Sizes(exact_floats=1_000)
    )
    records = [ImageRecord(f"r{n:05}", f"/x/{n}", 1, 1.0, f"{n:064x}", 1, 1) for n in range(rows)]
    store.upsert(store.source("list", "list").number, records, exact)
    store.settle()
    assert store.info().approximate
    odd = draw.standard_normal((20, dim)).astype(np.float32)
    odd /= np.linalg.norm(odd, axis=1, keepdims=True)
    for questions in (exact[:40], -exact[:20], odd):
        found = 0
        for question in questions:
            nearest = np.argsort(-(exact @ question), kind="stable")[:10]
            ids = {match.record.id for match in ask(store, question, 10).matches}
            found += len(ids & {f"r{n:05}" for n in nearest})
        assert found >= 0.95 * 10 * len(questions)
    store.close()
