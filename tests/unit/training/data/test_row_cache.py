import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from labelled import draw_labelled
from numpy.typing import NDArray
from PIL import Image
from visavis_fake import PickyEmbedder

from visavis.embedders.base import embed
from visavis.sources.base import Source, open_source
from visavis.training.data import row_cache
from visavis.training.data.row_cache import CachedRows, Maker, cache_rows
from visavis.training.data.samples import Sample, named
from visavis.training.progress import Progress
from visavis.types import RGB


class MeanColour:
    """Makes rows of three numbers, and counts them."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self, pictures: Sequence[RGB]) -> NDArray[np.float32]:
        self.made += len(pictures)
        return np.stack([picture.mean(axis=(0, 1)) for picture in pictures]).astype(np.float32)


def maker(make: MeanColour, key: str = "mean") -> Maker:
    return Maker("embeddings", key, (3,), np.float32, None, make)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return draw_labelled(tmp_path / "pictures", labels=3, each=7)


def kept(folder: Path, make: MeanColour, cache: Path) -> tuple[CachedRows, list[Sample], Source]:
    source = open_source(folder)
    samples = named(source, "folder").samples
    return cache_rows(samples, source, maker(make), cache), samples, source


def test_rows_are_made_once_and_in_the_order_of_the_source(pictures: Path, tmp_path: Path) -> None:
    make = MeanColour()
    first, samples, source = kept(pictures, make, tmp_path / "cache")
    again, _, _ = kept(pictures, make, tmp_path / "cache")
    assert (make.made, first.made, again.made) == (21, 21, 0)
    assert first.samples == again.samples == samples
    assert first.sha256 == again.sha256
    wanted = np.stack([make([_pixels(source, sample)])[0] for sample in samples])
    assert np.array_equal(again.take(np.arange(21)), wanted)


def test_only_what_changed_is_made_again_and_the_order_stays(
    pictures: Path, tmp_path: Path
) -> None:
    make = MeanColour()
    kept(pictures, make, tmp_path / "cache")
    changed, new = pictures / "label-0" / "3.png", pictures / "label-1" / "00.png"
    changed.write_bytes((pictures / "label-2" / "0.png").read_bytes())
    os.utime(changed, (1, 1))
    new.write_bytes(changed.read_bytes())
    (pictures / "label-2" / "6.png").unlink()
    before = make.made
    found, samples, source = kept(pictures, make, tmp_path / "cache")
    assert make.made - before == found.made == 2
    assert found.samples == samples
    wanted = np.stack([make([_pixels(source, sample)])[0] for sample in samples])
    assert np.array_equal(found.take(np.arange(21)), wanted)


def test_broken_pictures_have_no_row_and_are_reported_each_time(
    pictures: Path, tmp_path: Path
) -> None:
    (pictures / "label-1" / "2.png").write_bytes(b"no picture")
    make, written = MeanColour(), set()
    for _ in range(2):
        found, samples, _ = kept(pictures, make, tmp_path / "cache")
        assert len(found) == 20
        assert len(samples) == 21
        assert [failure.uri for failure in found.failed] == [str(pictures / "label-1" / "2.png")]
        (file,) = (tmp_path / "cache").glob("*.sqlite")
        written.add(file.stat().st_mtime_ns)
    assert make.made == 20
    assert len(written) == 1


def test_a_picture_that_was_mended_is_read_though_its_size_and_time_are_the_same(
    pictures: Path, tmp_path: Path
) -> None:
    picture, make = pictures / "label-1" / "2.png", MeanColour()
    sound, facts = picture.read_bytes(), picture.stat()
    for content, good in ((bytes(len(sound)), 20), (sound, 21), (sound, 21)):
        picture.write_bytes(content)
        os.utime(picture, ns=(facts.st_atime_ns, facts.st_mtime_ns))
        found, samples, source = kept(pictures, make, tmp_path / "cache")
        assert (len(found), len(found.failed)) == (good, 21 - good)
    assert make.made == 21
    wanted = np.stack([make([_pixels(source, sample)])[0] for sample in samples])
    assert np.array_equal(found.take(np.arange(21)), wanted)


def test_a_picture_that_the_model_cannot_take_is_reported_like_a_broken_one(
    pictures: Path, tmp_path: Path
) -> None:
    Image.new("RGB", (32, 32), "white").save(pictures / "label-1" / "2.png")
    picky = Maker(
        "embeddings", "picky", (3,), np.float32, None, lambda shown: embed(PickyEmbedder(), shown)
    )
    source = open_source(pictures)
    found = cache_rows(named(source, None).samples, source, picky, tmp_path / "cache")
    assert len(found) == 20
    (failure,) = found.failed
    assert failure.uri == str(pictures / "label-1" / "2.png")
    assert "made no vectors" in failure.reason


def test_another_model_has_rows_of_its_own(pictures: Path, tmp_path: Path) -> None:
    make = MeanColour()
    source = open_source(pictures)
    samples = named(source, "folder").samples
    for key in ("one", "other"):
        cache_rows(samples, source, maker(make, key), tmp_path / "cache")
    assert make.made == 42
    assert len(list((tmp_path / "cache").glob("embeddings-*.sqlite"))) == 2


def test_new_labels_need_no_new_rows(pictures: Path, tmp_path: Path) -> None:
    make = MeanColour()
    source = open_source(pictures)
    cache_rows(named(source, None).samples, source, maker(make), tmp_path / "cache")
    found = cache_rows(named(source, "folder").samples, source, maker(make), tmp_path / "cache")
    assert (make.made, found.made) == (21, 0)
    assert [sample.label for sample in found.samples[:3]] == ["label-0"] * 3


class Breaks(MeanColour):
    """Is interrupted in its second batch."""

    def __call__(self, pictures: Sequence[RGB]) -> NDArray[np.float32]:
        if self.made:
            raise KeyboardInterrupt
        return super().__call__(pictures)


def broken_off(pictures: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_cache, "cores", lambda: 1)  # one batch after the other
    with pytest.raises(KeyboardInterrupt):
        kept(pictures, Breaks(), cache)


def check_rest(pictures: Path, cache: Path, rest: range) -> None:
    """That a reading has only so many pictures left."""
    make = MeanColour()
    found, samples, source = kept(pictures, make, cache)
    assert found.made == make.made
    assert make.made in rest
    wanted = np.stack([make([_pixels(source, sample)])[0] for sample in samples])
    assert np.array_equal(found.take(np.arange(len(samples))), wanted)


def test_a_run_that_breaks_off_leaves_what_it_read_to_the_next(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        broken_off(pictures, tmp_path / "cache", monkeypatch)
    check_rest(pictures, tmp_path / "cache", range(5, 6))


def test_rows_that_nobody_asks_for_go_once_they_are_the_most(
    pictures: Path, tmp_path: Path
) -> None:
    cache, source = tmp_path / "cache", open_source(pictures)
    samples = named(source, "folder").samples
    for few, gone in ((21, 21), (11, 0), (10, 11)):
        cache_rows(samples[:few], source, maker(MeanColour()), cache)
        assert cache_rows(samples, source, maker(MeanColour()), cache).made == (
            gone if few < 21 else 0
        )


KILLED = """
import sys, time
from pathlib import Path
import numpy as np
from visavis.sources.base import open_source
from visavis.training.data.row_cache import Maker, cache_rows
from visavis.training.data.samples import named

def slowly(pictures):
    time.sleep(0.05)
    return np.stack([picture.mean(axis=(0, 1)) for picture in pictures]).astype(np.float32)

folder, cache = map(Path, sys.argv[1:])
source = open_source(folder)
maker = Maker("embeddings", "mean", (3,), np.float32, None, slowly)
samples = named(source, "folder").samples
cache_rows(samples, source, maker, cache, lambda told: print(told.done, flush=True))
"""


def test_a_kill_leaves_what_was_read_to_the_next_run(tmp_path: Path) -> None:
    pictures, cache = draw_labelled(tmp_path / "many", labels=20, each=20), tmp_path / "cache"
    for last in (40, 200):  # killed twice
        running = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(pictures), str(cache)],
            stdout=subprocess.PIPE,
            text=True,
        )
        with running:
            assert running.stdout is not None
            for line in running.stdout:
                if int(line) == last:
                    running.kill()
                    break
        assert running.returncode == -signal.SIGKILL
    check_rest(pictures, cache, range(1, 400 - 200 + 1))


def test_it_tells_how_far_it_is(pictures: Path, tmp_path: Path) -> None:
    told: list[Progress] = []
    source = open_source(pictures)
    samples = named(source, None).samples
    cache_rows(samples, source, maker(MeanColour()), tmp_path / "cache", told.append)
    assert [progress.done for progress in told] == list(range(1, 22))
    assert {progress.total for progress in told} == {21}


def _pixels(source: Source, sample: Sample) -> RGB:
    from visavis.images.decode import decode

    return decode(source.read(sample.entry), sample.entry.uri).pixels


def test_a_damaged_file_is_made_again(pictures: Path, tmp_path: Path) -> None:
    make = MeanColour()
    kept(pictures, make, tmp_path / "cache")
    (file,) = (tmp_path / "cache").glob("*.sqlite")
    for content in (b"", b"no database, and longer than a header" * 9, file.read_bytes()[:1500]):
        file.write_bytes(content)
        assert kept(pictures, make, tmp_path / "cache")[0].made == 21


def test_a_full_disk_is_told_with_the_name_of_the_file(
    pictures: Path, tiny_disk: Callable[[str], Path]
) -> None:
    cache = tiny_disk("1m") / "cache"
    source = open_source(pictures)
    samples = named(source, None).samples
    wide = Maker(
        "pixels", "wide", (1 << 14,), np.float32, None, lambda p: np.ones((len(p), 1 << 14), "f4")
    )
    with pytest.raises(OSError, match="is its disk full") as told:
        cache_rows(samples, source, wide, cache)
    (file,) = cache.glob("*.sqlite")
    assert told.value.filename == str(file)
