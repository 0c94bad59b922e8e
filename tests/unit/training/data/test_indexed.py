"""Trainings on an index: what it has is taken as it is."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from labelled import draw_labelled, write_base, write_catalogue
from word_files import write_text

from visavis.errors import ModelError, UsageError
from visavis.image_index import ImageIndex
from visavis.sources.base import open_source
from visavis.training.autoencoder.recipe import prepare as prepare_autoencoder
from visavis.training.autoencoder.settings import AutoencoderSettings
from visavis.training.data.samples import data_hash
from visavis.training.joint.recipe import prepare as prepare_joint
from visavis.training.joint.settings import JointSettings, WordFields
from visavis.training.loop.recipe import train
from visavis.training.settings import LoopSettings
from visavis.training.triplet.recipe import prepare
from visavis.training.triplet.settings import TripletSettings

TINY = TripletSettings(layers=(16, 8), p=4, k=3, validation=0.3)
LOOP = LoopSettings(epochs=2, device="cpu", precision="32", threads=1)


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    return write_catalogue(draw_labelled(tmp_path / "pictures", labels=10, each=4))


@pytest.fixture
def index(catalogue: Path, tmp_path: Path) -> Iterator[ImageIndex]:
    base = write_base(tmp_path / "a-base")
    with ImageIndex.create(tmp_path / "shop.index", str(base), jobs=1) as made:
        made.add(catalogue)
        yield made


def gone(catalogue: Path) -> None:
    for picture in catalogue.parent.rglob("*.png"):
        picture.unlink()


def test_labels_vectors_and_hashes_are_those_of_the_index(
    index: ImageIndex, catalogue: Path, tmp_path: Path
) -> None:
    made = prepare(open_source(catalogue), "label", str(tmp_path / "a-base"), TINY, cache=tmp_path)
    gone(catalogue)
    found = prepare(index, "label", None, TINY, cache=tmp_path / "none")
    assert found.data.labels == made.data.labels
    assert found.base == made.base
    ours, theirs = (data_hash(m.data.samples, m.data.sha256) for m in (found, made))
    assert ours == theirs
    numbers = np.array([7, 3, 31])
    rows = found.data.take(numbers)["rows"].numpy()
    assert np.allclose(rows, made.data.take(numbers)["rows"].numpy(), atol=1e-3)
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert not (tmp_path / "none").exists()


def test_a_head_is_trained_and_compared_though_no_picture_is_left(
    index: ImageIndex, catalogue: Path, tmp_path: Path
) -> None:
    gone(catalogue)
    result = train(prepare(index, "label", None, TINY), tmp_path / "mine", LOOP)
    assert result is not None
    assert result.metrics["graph"]["pictures"] == 0
    assert "drawn by chance" in result.notes[0]


def test_pictures_are_read_where_they_lie_where_they_are_looked_at(
    index: ImageIndex, catalogue: Path, tmp_path: Path
) -> None:
    (catalogue.parent / "label-2" / "1.png").unlink()
    made = prepare(index, "label", None, replace(TINY, pixels=True), cache=tmp_path / "cache")
    assert len(made.data) == 39
    assert made.notes[0].startswith("skipped ")
    taken = made.data.take(np.array([0]))
    assert taken.keys() == {"rows", "pictures"}
    assert [path.name.partition("-")[0] for path in (tmp_path / "cache").glob("*.sqlite")] == [
        "pixels"
    ]
    settings = AutoencoderSettings(side=32, dim=8, widths=(8,))
    drawn = prepare_autoencoder(index, settings, labels="label", cache=tmp_path / "cache")
    assert len(drawn.data) == 39


def test_words_are_learned_from_the_one_view_that_the_index_has(
    index: ImageIndex, catalogue: Path, tmp_path: Path
) -> None:
    rng = np.random.default_rng(1)
    words = {f"label-{n}": rng.normal(0, 1, 6).round(3).tolist() for n in range(10)}
    file = write_text(tmp_path / "vectors.txt", words)
    gone(catalogue)
    made = prepare_joint(index, WordFields(file, "label"), None, JointSettings(hidden=(8,)))
    assert made.settings.views == 1
    assert made.data.take(np.arange(5))["rows"].shape == (5, 1, made.on.dim)


def test_an_index_has_its_own_base(index: ImageIndex) -> None:
    with pytest.raises(UsageError, match="leave out the base visavis-s"):
        prepare(index, "label", "visavis-s", TINY)


def test_an_index_whose_model_is_no_network_is_refused(catalogue: Path, tmp_path: Path) -> None:
    with ImageIndex.create(tmp_path / "plain.index", "classic", jobs=1) as index:
        index.add(catalogue)
        with pytest.raises(ModelError, match="classic cannot be a base"):
            prepare(index, "label", None, TINY)
