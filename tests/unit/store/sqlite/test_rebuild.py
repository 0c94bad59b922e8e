"""Vectors of another model, kept beside the index until all are there."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from brute import clustered, some_record

from visavis.store.base import ModelFacts
from visavis.store.sqlite.rebuild import Rebuild
from visavis.types import ImageRecord


def begun(
    folder: Path, fingerprint: str, records: Iterable[tuple[int, ImageRecord]] = ()
) -> Rebuild:
    model = ModelFacts("m", "m", fingerprint, 4)
    return Rebuild(folder, model, lambda: iter(records), lambda path, model: None)


def test_what_a_stopped_run_made_is_used_again(tmp_path: Path) -> None:
    with begun(tmp_path, "model 1") as rebuild:
        rebuild.put([3, 5], clustered(2, 4), ["00", "01"])
    records = [(3, some_record("a")), (4, some_record("b")), (5, some_record("c"))]
    with begun(tmp_path, "model 1", records) as again:
        assert again.count() == 2
        assert list(again.missing()) == [(4, some_record("b"))]


def test_what_another_model_made_is_not(tmp_path: Path) -> None:
    with begun(tmp_path, "model 1") as rebuild:
        rebuild.put([3, 5], clustered(2, 4), ["00", "01"])
    with begun(tmp_path, "model 2") as again:
        assert again.count() == 0


def test_a_file_that_is_no_database_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "rebuild.sqlite").write_bytes(b"half of something" * 100)
    with begun(tmp_path, "model 1") as rebuild:
        rebuild.put([1], np.eye(4, dtype=np.float32)[:1], ["00"])
        assert rebuild.count() == 1


def test_a_discarded_one_leaves_no_file(tmp_path: Path) -> None:
    with begun(tmp_path, "model 1") as rebuild:
        rebuild.put([1], clustered(1, 4), ["00"])
        rebuild.discard()
    assert list(tmp_path.iterdir()) == []
