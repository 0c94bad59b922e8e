"""How far questions reach among vectors of two parts, and the visual part alone."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from semantic import SHARE, plain, write_semantic

from visavis.embedders.base import TextEmbedder, unit_rows
from visavis.embedders.blocks import blocks_of, reach, reaches, visual_part
from visavis.embedders.classic import ClassicEmbedder
from visavis.embedders.combined import CombinedEmbedder, Part, combined
from visavis.embedders.folder import OnnxEmbedder
from visavis.embedders.registry import load_embedder
from visavis.embedders.two_sided import TwoSidedEmbedder


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> TwoSidedEmbedder:
    found = load_embedder(write_semantic(tmp_path_factory.mktemp("models") / "small"))
    assert isinstance(found, TwoSidedEmbedder)
    return found


@pytest.fixture(scope="module")
def mix(small: TwoSidedEmbedder) -> CombinedEmbedder:
    return combined([Part(small, 0.7), Part(ClassicEmbedder(), 0.3)])


@given(seed=st.integers(0, 10**6), empty=st.sampled_from(["nothing", "visual", "semantic"]))
def test_no_picture_scores_above_the_reach_and_one_could(
    small: TwoSidedEmbedder, seed: int, empty: str
) -> None:
    random = np.random.default_rng(seed)
    query = random.normal(size=8)
    query[{"nothing": slice(0), "visual": slice(3), "semantic": slice(3, 8)}[empty]] = 0
    query /= np.linalg.norm(query)
    visual = unit_rows(random.normal(size=(200, 3))) * (1 - SHARE) ** 0.5
    semantic = unit_rows(random.normal(size=(200, 5))) * SHARE**0.5
    most = reach(small, query.astype(np.float32))
    assert (np.hstack([visual, semantic]) @ query).max() <= most + 1e-6
    best = [
        share**0.5 * part / max(np.linalg.norm(part), 1e-9)
        for share, part in ((1 - SHARE, query[:3]), (SHARE, query[3:]))
    ]
    assert np.concatenate(best) @ query == pytest.approx(most, abs=1e-6)


def test_a_picture_reaches_one_and_a_text_the_root_of_the_share(
    small: TwoSidedEmbedder, mix: CombinedEmbedder
) -> None:
    pictures = [plain(200, 30, 40), plain(9, 90, 200)]
    np.testing.assert_allclose(reaches(small, small.embed_images(pictures)), 1, atol=1e-5)
    np.testing.assert_allclose(reaches(mix, mix.embed_images(pictures)), 1, atol=1e-5)
    text = small.embed_texts(["cat", "red"])
    np.testing.assert_allclose(reaches(small, text), [SHARE**0.5, (1 - SHARE) ** 0.5], atol=1e-5)


def test_a_model_of_one_part_reaches_one_whatever_is_asked() -> None:
    classic = ClassicEmbedder()
    vectors = np.random.default_rng(1).normal(size=(3, classic.dim)).astype(np.float32)
    assert blocks_of(classic) == ()
    assert blocks_of(combined([Part(classic), Part(classic)])) == ()
    assert reaches(classic, vectors).tolist() == [1, 1, 1]
    assert visual_part(classic, vectors) is vectors


def test_a_mix_answers_words_on_the_scale_of_its_part(
    small: TwoSidedEmbedder, mix: CombinedEmbedder
) -> None:
    pictures = [plain(250, 10, 10), plain(5, 5, 5), plain(120, 120, 10)]
    for text in ("cat", "red", "red cat", "animal"):
        scores = []
        for model in (small, mix):
            assert isinstance(model, TextEmbedder)
            [query] = model.embed_texts([text])
            scores.append(model.embed_images(pictures) @ query / reach(model, query))
        np.testing.assert_allclose(scores[1], scores[0], atol=1e-5)


def test_the_visual_part_compares_pictures_as_if_there_were_no_other(
    small: TwoSidedEmbedder,
) -> None:
    pictures = [plain(250, 10, 10), plain(200, 80, 10), plain(5, 5, 90)]
    vectors = small.embed_images(pictures)
    queries = visual_part(small, vectors)
    np.testing.assert_allclose(np.linalg.norm(queries, axis=1), 1, atol=1e-6)
    alone = unit_rows(vectors[:, :3])
    scores = queries @ vectors.T / reaches(small, queries)[:, None]
    np.testing.assert_allclose(scores, alone @ alone.T, atol=1e-5)


def test_the_semantic_part_does_not_change_the_fingerprint(tmp_path: Path) -> None:
    whole = write_semantic(tmp_path / "small")
    plainer = write_semantic(tmp_path / "plainer", semantic=None, text=None)
    other = write_semantic(tmp_path / "other", dim=7)
    prints = [OnnxEmbedder(folder).fingerprint for folder in (whole, plainer, other)]
    assert prints[0] == prints[1] != prints[2]
