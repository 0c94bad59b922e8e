from pathlib import Path

import numpy as np
import pytest

from visavis.errors import ImageUnreadableError, SourceError
from visavis.training.pictures import listed, open_pictures


def test_pictures_are_shrunk_to_the_longest_side_and_never_enlarged(
    folder: Path, tmp_path: Path
) -> None:
    entries = listed([folder])
    pictures, _ = open_pictures(entries, tmp_path / "cache", 48)
    sides = [max(pictures[i].shape[:2]) for i in range(len(pictures))]
    assert len(pictures) == len(entries) == 80
    assert max(sides) == 48
    assert all(pictures[i].shape[2] == 3 for i in range(80))


def test_the_cache_gives_the_same_pictures_without_the_files(folder: Path, tmp_path: Path) -> None:
    entries = listed([folder])
    first, first_hash = open_pictures(entries, tmp_path / "cache", 48)
    kept = first[7].copy()
    for entry in entries:
        entry.path.unlink()
    again, again_hash = open_pictures(entries, tmp_path / "cache", 48)
    assert np.array_equal(again[7], kept)
    assert first_hash == again_hash


def test_another_size_or_list_makes_the_cache_again(folder: Path, tmp_path: Path) -> None:
    entries = listed([folder])
    open_pictures(entries, tmp_path / "cache", 48)
    smaller, _ = open_pictures(entries, tmp_path / "cache", 24)
    assert max(smaller[0].shape) == 24
    fewer, _ = open_pictures(entries[:5], tmp_path / "cache", 24)
    assert len(fewer) == 5


def test_a_few_pictures_are_held_out_and_always_the_same_ones(folder: Path) -> None:
    first, again = listed([folder]), listed([folder])
    held = [entry.name for entry in first if entry.held_out]
    assert held == [entry.name for entry in again if entry.held_out]
    assert 0 < len(held) < 20


def test_a_folder_without_a_list_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"labels\.csv"):
        listed([tmp_path])


def test_a_broken_picture_is_an_error_that_names_it(folder: Path, tmp_path: Path) -> None:
    (folder / "3.png").write_bytes(b"no picture")
    with pytest.raises(ImageUnreadableError, match=r"3\.png"):
        open_pictures(listed([folder]), tmp_path / "cache", 48)
