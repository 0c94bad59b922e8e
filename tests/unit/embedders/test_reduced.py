"""Vectors in fewer dimensions, with numpy's singular values as the oracle."""

from pathlib import Path

import numpy as np
import pytest
from labelled import draw_labelled, write_base

from visavis.embedders.base import unit_rows
from visavis.embedders.classic import ClassicEmbedder
from visavis.embedders.reduced import ReducedEmbedder, fit
from visavis.errors import IndexDamagedError, UsageError
from visavis.image_index import ImageIndex
from visavis.images.decode import decode
from visavis.sources.base import open_source


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return draw_labelled(tmp_path / "pictures", labels=8, each=6)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A layer of 24 maps, laid in a row."""
    return write_base(tmp_path / "wide", channels=24, output="map", dim=24 * 16)


def made(pictures: Path, base: Path, folder: Path, dim: int) -> ImageIndex:
    source = open_source(pictures)
    index = ImageIndex.create(folder, str(base), reduce=dim, sources=[source], jobs=1)
    index.add(source)
    return index


def test_the_axes_are_the_principal_components() -> None:
    rng = np.random.default_rng(1)
    rows = unit_rows(rng.normal(size=(40, 6)) @ rng.normal(size=(6, 90)) + 1)
    base = ClassicEmbedder()
    kept = fit(base, rows, 5)
    _, _, axes = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
    cosines = np.abs((kept._axes * axes[:5]).sum(axis=1))
    assert np.allclose(cosines, 1, atol=1e-3)
    assert np.allclose(np.linalg.norm(kept._axes, axis=1), 1, atol=1e-3)
    with pytest.raises(UsageError, match="40 pictures are too few to choose 9 dimensions by"):
        fit(base, rows, 9)


def test_an_index_keeps_its_reduction_and_finds_the_same_pictures(
    pictures: Path, base: Path, tmp_path: Path
) -> None:
    with ImageIndex.create(tmp_path / "whole.index", str(base), jobs=1) as whole:
        whole.add(pictures)
        query = next(iter(whole.records())).uri
        wanted = {match.record.id for match in whole.search(query, limit=6).matches}
    with made(pictures, base, tmp_path / "small.index", 12) as index:
        assert index.vectors().shape == (48, 12)
        assert index.info().model == "wide-pca12"
    moved = (tmp_path / "small.index").rename(tmp_path / "moved.index")
    with ImageIndex.open(moved) as again:
        found = [match.record.id for match in again.search(query, limit=6).matches]
        assert query.endswith(found[0])
        assert len(wanted & set(found)) >= 4
        pixels = decode(Path(query).read_bytes(), query).pixels
        assert np.allclose(
            again.embedder().embed_images([pixels])[0], next(again.rows())[1], atol=1e-3
        )
    with ImageIndex.create(moved, str(base)) as known:  # the same model by name is no other one
        assert known.add(pictures).added == 0


def test_a_rebuild_keeps_the_dimensions_unless_another_model_is_named(
    pictures: Path, base: Path, tmp_path: Path
) -> None:
    with made(pictures, base, tmp_path / "small.index", 8) as index:
        index.rebuild()
        assert index.vectors().shape == (48, 8)
        assert len([*index.path.glob("reduction-*")]) == 1
        index.rebuild("classic")
        assert index.info().model == "classic"
        assert not [*index.path.glob("reduction-*")]


def test_what_makes_no_sense_is_refused(pictures: Path, base: Path, tmp_path: Path) -> None:
    for dim, told in ((384, "below the 384 of wide"), (60, "48 pictures are too few")):
        with pytest.raises(UsageError, match=told):
            made(pictures, base, tmp_path / "none.index", dim)
        assert not (tmp_path / "none.index").exists()
    with pytest.raises(UsageError, match="visavis-s reads words"):
        made(pictures, Path("visavis-s"), tmp_path / "none.index", 60)
    with made(pictures, base, tmp_path / "small.index", 8) as index:
        with pytest.raises(UsageError, match="is there already; --reduce is for a new one"):
            made(pictures, base, tmp_path / "small.index", 8)
        (kept,) = index.path.glob("reduction-*")
    kept.write_bytes(b"no map")
    with ImageIndex.open(tmp_path / "small.index") as index, pytest.raises(IndexDamagedError):
        index.embedder()


def test_a_reduced_model_is_an_embedder_like_others(pictures: Path, base: Path) -> None:
    shown = [decode(p.read_bytes(), str(p)).pixels for p in sorted(pictures.rglob("*.png"))[:9]]
    whole = ClassicEmbedder()
    small = fit(whole, whole.embed_images(shown), 4)
    assert isinstance(small, ReducedEmbedder)
    assert np.allclose(np.linalg.norm(small.embed_images(shown), axis=1), 1, atol=1e-5)
    assert small.embed_images([]).shape == (0, 4)
