import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from labelled import draw_labelled
from numpy.typing import NDArray

from visavis.images.sources import Source, open_source
from visavis.training.kept import Kept, Maker, keep
from visavis.training.progress import Progress
from visavis.training.samples import Sample, named
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
    make = MeanColour()
    for _ in range(2):
        found, samples, _ = kept(pictures, make, tmp_path / "cache")
        assert len(found) == 20
        assert len(samples) == 21
        assert [failure.uri for failure in found.failed] == [str(pictures / "label-1" / "2.png")]
    assert make.made == 20


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


def test_a_run_that_breaks_off_leaves_nothing_half_done(pictures: Path, tmp_path: Path) -> None:
    class Breaks(MeanColour):
        def __call__(self, pictures: Sequence[RGB]) -> NDArray[np.float32]:
            if self.made:
                raise KeyboardInterrupt
            return super().__call__(pictures)

    with pytest.raises(KeyboardInterrupt):
        kept(pictures, Breaks(), tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("*.h5"))
    assert not list((tmp_path / "cache").glob("*.partial"))


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


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full disk to write to")
def test_a_full_disk_is_told_with_the_name_of_the_file(pictures: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    kept(pictures, MeanColour(), cache)
    (file,) = cache.glob("*.h5")
    file.unlink()
    file.with_suffix(f".{os.getpid()}.partial").symlink_to("/dev/full")
    with pytest.raises(OSError, match="is its disk full") as told:
        kept(pictures, MeanColour(), cache)
    assert told.value.filename == str(file)
