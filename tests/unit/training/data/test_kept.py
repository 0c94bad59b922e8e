import errno
import json
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
from visavis.training.data.kept import Kept, Maker, keep
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


def kept(folder: Path, make: MeanColour, cache: Path) -> tuple[Kept, list[Sample], Source]:
    source = open_source(folder)
    samples = named(source, "folder").samples
    return keep(samples, source, maker(make), cache), samples, source


def test_rows_are_made_once_and_in_the_order_of_the_source(pictures: Path, tmp_path: Path) -> None:
    make = MeanColour()
    first, samples, source = kept(pictures, make, tmp_path / "cache")
    again, _, _ = kept(pictures, make, tmp_path / "cache")
    assert (make.made, first.made, again.made) == (21, 21, 0)
    assert first.samples == again.samples == samples
    assert first.sha256 == again.sha256
    wanted = np.stack([make([_pixels(source, sample)])[0] for sample in samples])
    assert np.array_equal(again.take(np.arange(21)), wanted)
    assert isinstance(again.rows, np.memmap)


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
        (file,) = (tmp_path / "cache").glob("*.h5")
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
    found = keep(named(source, None).samples, source, picky, tmp_path / "cache")
    assert len(found) == 20
    (failure,) = found.failed
    assert failure.uri == str(pictures / "label-1" / "2.png")
    assert "made no vectors" in failure.reason


def test_another_model_has_rows_of_its_own(pictures: Path, tmp_path: Path) -> None:
    make = MeanColour()
    source = open_source(pictures)
    samples = named(source, "folder").samples
    for key in ("one", "other"):
        keep(samples, source, maker(make, key), tmp_path / "cache")
    assert make.made == 42
    assert len(list((tmp_path / "cache").glob("embeddings-*.h5"))) == 2


def test_new_labels_need_no_new_rows(pictures: Path, tmp_path: Path) -> None:
    import h5py

    make = MeanColour()
    source = open_source(pictures)
    keep(named(source, None).samples, source, maker(make), tmp_path / "cache")
    found = keep(named(source, "folder").samples, source, maker(make), tmp_path / "cache")
    assert (make.made, found.made) == (21, 0)
    (path,) = (tmp_path / "cache").glob("*.h5")
    with h5py.File(path) as file:
        assert file["labels"].asstr()[:3].tolist() == ["label-0"] * 3
        assert file["ids"].asstr()[0] == "label-0/0.png"
        assert np.array_equal(file["rows"][4:6], found.take(np.array([4, 5])))


class Breaks(MeanColour):
    """Is interrupted in its second batch."""

    def __call__(self, pictures: Sequence[RGB]) -> NDArray[np.float32]:
        if self.made:
            raise KeyboardInterrupt
        return super().__call__(pictures)


def broken_off(pictures: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 1)  # one batch after the other
    with pytest.raises(KeyboardInterrupt):
        kept(pictures, Breaks(), cache)


def check_rest(pictures: Path, cache: Path, rest: range) -> None:
    """That a reading has only so many pictures left, and that nothing else is left of others."""
    make = MeanColour()
    found, samples, source = kept(pictures, make, cache)
    assert found.made == make.made
    assert make.made in rest
    wanted = np.stack([make([_pixels(source, sample)])[0] for sample in samples])
    assert np.array_equal(found.take(np.arange(len(samples))), wanted)
    assert sorted(path.suffix for path in cache.iterdir()) == [".h5", ".lock"]


def test_a_run_that_breaks_off_leaves_what_it_read_to_the_next(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken_off(pictures, tmp_path / "cache", monkeypatch)
    check_rest(pictures, tmp_path / "cache", range(13, 14))


def test_readings_that_break_off_one_after_another_leave_one_copy_on_the_disk(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        broken_off(pictures, tmp_path / "cache", monkeypatch)
        assert len(list((tmp_path / "cache").glob("*.partial"))) == 1
        assert len(list((tmp_path / "cache").glob("*.journal"))) == 1
    check_rest(pictures, tmp_path / "cache", range(5, 6))


def test_a_reading_of_other_pictures_takes_nothing_from_one_that_was_broken_off(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    broken_off(pictures, cache, monkeypatch)
    source = open_source(pictures)
    others = named(source, "folder").samples[9:]
    with pytest.raises(KeyboardInterrupt):
        keep(others, source, maker(Breaks()), cache)
    assert len(list(cache.glob("*.partial"))) == 2
    check_rest(pictures, cache, range(5, 6))


def test_rows_of_earlier_readings_outlast_a_disk_that_fills_up(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    broken_off(pictures, cache, monkeypatch)

    class Full(MeanColour):
        def __call__(self, pictures: Sequence[RGB]) -> NDArray[np.float32]:
            if self.made:
                raise OSError(errno.ENOSPC, "no space")
            return super().__call__(pictures)

    with pytest.raises(OSError, match="is its disk full"):
        kept(pictures, Full(), cache)
    check_rest(pictures, cache, range(5, 6))


def test_rows_that_were_not_written_whole_are_made_again(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    broken_off(pictures, cache, monkeypatch)
    (journal,), (partial,) = cache.glob("*.journal"), cache.glob("*.partial")
    head, *lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join([head, *lines])[:-9])  # the last line has no end
    with partial.open("r+b") as file:
        file.seek(json.loads(head)["offset"] + 2 * 12)
        file.write(b"torn")  # in the third row
    check_rest(pictures, cache, range(15, 16))
    broken_off(pictures, tmp_path / "other", monkeypatch)
    (journal,) = (tmp_path / "other").glob("*.journal")
    for content in (b"", b"{}\n", b"no JSON\n"):
        journal.write_bytes(content)
        check_rest(pictures, tmp_path / "other", range(21, 22))
        for path in (tmp_path / "other").glob("*.h5"):
            path.unlink()


KILLED = """
import sys, time
from pathlib import Path
import numpy as np
from visavis.sources.base import open_source
from visavis.training.data.kept import Maker, keep
from visavis.training.data.samples import named

def slowly(pictures):
    time.sleep(0.05)
    return np.stack([picture.mean(axis=(0, 1)) for picture in pictures]).astype(np.float32)

folder, cache = map(Path, sys.argv[1:])
source = open_source(folder)
maker = Maker("embeddings", "mean", (3,), np.float32, None, slowly)
samples = named(source, "folder").samples
keep(samples, source, maker, cache, lambda told: print(told.done, flush=True))
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
        assert not list(cache.glob("*.h5"))
    check_rest(pictures, cache, range(1, 400 - 200 + 1))


def test_it_tells_how_far_it_is(pictures: Path, tmp_path: Path) -> None:
    told: list[Progress] = []
    source = open_source(pictures)
    samples = named(source, None).samples
    keep(samples, source, maker(MeanColour()), tmp_path / "cache", told.append)
    assert [progress.done for progress in told] == list(range(1, 22))
    assert {progress.total for progress in told} == {21}


def _pixels(source: Source, sample: Sample) -> RGB:
    from visavis.images.decode import decode

    return decode(source.read(sample.entry), sample.entry.uri).pixels


def test_a_damaged_file_is_made_again(pictures: Path, tmp_path: Path) -> None:
    make = MeanColour()
    kept(pictures, make, tmp_path / "cache")
    (file,) = (tmp_path / "cache").glob("*.h5")
    for content in (b"", b"no HDF5", file.read_bytes()[:1500]):
        file.write_bytes(content)
        assert kept(pictures, make, tmp_path / "cache")[0].made == 21


@pytest.mark.skipif(sys.platform == "win32", reason="files have no limit there")
def test_a_full_disk_is_told_with_the_name_of_the_file(pictures: Path, tmp_path: Path) -> None:
    import resource

    cache = tmp_path / "cache"
    kept(pictures, MeanColour(), cache)
    (file,) = cache.glob("*.h5")
    file.unlink()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    for size in (100, 2100, 3000):  # when it is begun, at a row, when it is ended
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            with pytest.raises(OSError, match="is its disk full") as told:
                kept(pictures, MeanColour(), cache)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert told.value.filename == str(file)
        assert [path.suffix for path in cache.iterdir()] == [".lock"]


def test_a_disk_that_fills_up_under_the_rows_is_left_empty(
    pictures: Path, tiny_disk: Callable[[str], Path]
) -> None:
    cache = tiny_disk("1m") / "cache"
    source = open_source(pictures)
    samples = named(source, None).samples
    wide = Maker(
        "pixels", "wide", (1 << 14,), np.float32, None, lambda p: np.ones((len(p), 1 << 14), "f4")
    )
    with pytest.raises(OSError, match="is its disk full"):
        keep(samples, source, wide, cache)
    assert [path.suffix for path in cache.iterdir()] == [".lock"]
