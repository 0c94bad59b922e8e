"""Vectors of windows: by one look where the network allows it, and by window where not."""

from typing import Any

import numpy as np
import pytest
from visavis_fake import FakeEmbedder

from visavis.embedders.base import unit_rows
from visavis.embedders.blocks import visual_part
from visavis.embedders.parts.codes import BITS, codes, cosines
from visavis.embedders.parts.looking import PartsEmbedder
from visavis.embedders.parts.windows import WINDOWS, shares
from visavis.embedders.registry import load_embedder
from visavis.images.decode import crop
from visavis.types import RGB


@pytest.fixture(scope="module")
def picture() -> RGB:
    """Four patterns in one picture, each in colours of its own: stripes, a disk, checks, rings."""
    places = np.arange(200) / 200
    rows, columns = np.meshgrid(places, places, indexing="ij")
    far = np.hypot(rows - 0.5, columns - 0.5)
    waves: list[Any] = [columns * 8 % 1, far + 0.2, (rows * 5 % 1 - 0.5) * columns, far * 9 % 1]
    patterns = [np.asarray(wave > 0.5, bool) for wave in waves]
    colours = [(220, 30, 30), (30, 160, 60), (30, 60, 220), (230, 190, 40)]
    drawn = [
        np.where(pattern[..., None], np.array(colour), 245).astype(np.uint8)
        for pattern, colour in zip(patterns, colours, strict=True)
    ]
    return np.vstack([np.hstack(drawn[:2]), np.hstack(drawn[2:])])


def test_fourteen_windows_cover_the_picture_and_lie_in_it() -> None:
    assert [len(box) for box in WINDOWS] == [4] * 14
    assert WINDOWS[0] == pytest.approx((0, 0, 1, 1))
    edges = np.array(WINDOWS)
    assert edges.min() == 0
    assert edges.max() == pytest.approx(1)
    assert sorted({round(right - left, 2) for left, _, right, _ in WINDOWS}) == [0.45, 0.62, 1.0]


def test_the_share_of_a_cell_is_the_area_in_the_window() -> None:
    """Of four columns, a window up to .62 covers two, and .48 of the third."""
    row = shares(1, 4)[1]
    assert row == pytest.approx(np.array([1, 1, 0.48, 0]) / 2.48, abs=1e-6)
    assert shares(7, 9).sum(axis=1) == pytest.approx(np.ones(14), abs=1e-5)


def test_one_look_at_the_picture_says_what_looks_at_its_windows_say(picture: RGB) -> None:
    """A network sees around a window: both are alike, not equal, and other windows less so."""
    model = load_embedder(threads=1)
    looking = PartsEmbedder(model)
    assert looking.network is not None
    one_look = looking.vectors(picture)
    singly = visual_part(model, model.embed_images([crop(picture, box) for box in WINDOWS]))
    assert one_look.shape == (14, model.dim)
    alike = one_look @ singly.T
    same, other = np.diag(alike), alike[~np.eye(14, dtype=bool)]
    assert same.mean() > 0.7
    assert same.mean() > other.mean() + 0.2


def test_a_model_without_a_map_is_asked_window_by_window(picture: RGB) -> None:
    model = FakeEmbedder()
    looking = PartsEmbedder(model)
    assert looking.network is None
    wanted = unit_rows(np.array([crop(picture, box).mean(axis=(0, 1)) for box in WINDOWS]))
    assert looking.vectors(picture) == pytest.approx(wanted, abs=1e-5)
    assert model.embedded == 14
    assert looking.made_by != PartsEmbedder(load_embedder(threads=1)).made_by


def test_codes_count_the_planes_between_two_vectors() -> None:
    random = np.random.default_rng(1)
    first = unit_rows(random.standard_normal((50, 384)))
    second = unit_rows(first + 0.8 * unit_rows(random.standard_normal((50, 384))))
    one, other = codes(first), codes(second)
    assert one.shape == (50, BITS // 8)
    differing = np.unpackbits(one ^ other, axis=1).sum(axis=1)
    true = np.einsum("ij,ij->i", first, second)
    assert cosines(differing).mean() == pytest.approx(true.mean(), abs=0.03)
    assert np.abs(cosines(differing) - true).max() < 0.2
    assert (codes(first[:1]) == one[:1]).all()


def test_codes_of_short_vectors_have_as_many_bits() -> None:
    assert codes(np.eye(3, dtype=np.float32)).shape == (3, 32)
