import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from visavis.errors import ImageUnreadableError, SourceError
from visavis.training.builtin_data import entries_of
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


def test_the_cache_gives_the_same_pictures_without_decoding_them_again(
    folder: Path, tmp_path: Path
) -> None:
    entries = listed([folder])
    first, first_hash = open_pictures(entries, tmp_path / "cache", 48)
    kept = first[7].copy()
    for entry in entries:  # what cannot be decoded any more, with nothing to tell it from before
        status = entry.path.stat()
        entry.path.write_bytes(bytes(status.st_size))
        os.utime(entry.path, ns=(status.st_atime_ns, status.st_mtime_ns))
    again, again_hash = open_pictures(entries, tmp_path / "cache", 48)
    assert np.array_equal(again[7], kept)
    assert first_hash == again_hash


def test_a_picture_that_changed_under_its_name_is_decoded_again(
    folder: Path, tmp_path: Path
) -> None:
    entries = listed([folder])
    _, first_hash = open_pictures(entries, tmp_path / "cache", 48)
    Image.new("RGB", (30, 20), (9, 99, 199)).save(entries[7].path)
    pictures, again_hash = open_pictures(entries, tmp_path / "cache", 48)
    assert pictures[7].shape == (20, 30, 3)
    assert (pictures[7] == [9, 99, 199]).all()
    assert first_hash != again_hash


@pytest.mark.parametrize(("event", "times"), [("open", 40), ("os.rename", 1), ("os.rename", 2)])
def test_a_kill_while_the_cache_is_made_again_costs_the_work_and_no_more(
    event: str, times: int, folder: Path, tmp_path: Path
) -> None:
    entries, cache = listed([folder]), tmp_path / "cache"
    looked_at, _ = open_pictures(entries, cache, 48)
    kept = [looked_at[i].copy() for i in range(80)]
    script = [sys.executable, "-c", MAKE_AND_DIE, str(folder), str(cache), event, str(times)]
    assert subprocess.run(script).returncode == -signal.SIGKILL
    pictures, _ = open_pictures(entries, cache, 48)
    assert all(np.array_equal(pictures[i], kept[i]) for i in range(80))
    smaller, _ = open_pictures(entries, cache, 24)
    assert max(smaller[0].shape) == 24
    # Who was looking at the old pixels still does.
    assert all(np.array_equal(looked_at[i], kept[i]) for i in range(80))


MAKE_AND_DIE = """
import os, signal, sys
from pathlib import Path
from visavis.training.pictures import listed, open_pictures

folder, cache, event, times = sys.argv[1:]
seen = 0

def watch(name, about):
    global seen
    if name == event and (name != "open" or str(about[0]).endswith(".png")):
        seen += 1
        if seen == int(times):
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(watch)
open_pictures(listed([Path(folder)]), Path(cache), 24)
"""
"""Makes the cache at another size, and is killed at some opening of a picture or renaming."""


def test_pixels_that_were_cut_short_are_made_again(folder: Path, tmp_path: Path) -> None:
    entries = listed([folder])
    first, _ = open_pictures(entries, tmp_path / "cache", 48)
    kept = first[79].copy()
    del first
    pixels = tmp_path / "cache" / "pictures.bin"
    os.truncate(pixels, pixels.stat().st_size - 1000)
    again, _ = open_pictures(entries, tmp_path / "cache", 48)
    assert np.array_equal(again[79], kept)


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


def test_a_missing_picture_is_an_error_that_names_it(folder: Path, tmp_path: Path) -> None:
    (folder / "3.png").unlink()
    with pytest.raises(ImageUnreadableError, match=r"3\.png"):
        open_pictures(listed([folder]), tmp_path / "cache", 48)


def test_a_list_without_paths_is_an_error_that_names_the_row(folder: Path) -> None:
    (folder / "labels.csv").write_text("file,label\n0.png,disc\n")
    with pytest.raises(SourceError, match=r"labels\.csv, row 2: no path"):
        listed([folder])
    (folder / "labels.csv").write_bytes(b"path\n\xff\xfe.png\n")
    with pytest.raises(SourceError, match=r"labels\.csv cannot be read"):
        listed([folder])


def test_too_few_pictures_are_an_error(folder: Path) -> None:
    (folder / "labels.csv").write_text("path\n0.png\n1.png\n")
    with pytest.raises(SourceError, match="2 pictures are too few"):
        entries_of([folder])
