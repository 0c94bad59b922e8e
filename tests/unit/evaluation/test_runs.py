import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from visavis.evaluation import runs
from visavis.evaluation.gallery import Gallery
from visavis.evaluation.ground_truth import Question
from visavis.metrics import positive_ranks
from visavis.types import ImageRecord, Vectors


def made(vectors: Vectors) -> Gallery:
    names = [f"{number:03}" for number in range(len(vectors))]
    return Gallery(tuple(ImageRecord(n, n, 1, 0.0, n, 8, 8) for n in names), vectors)


def units(*degrees: float) -> Vectors:
    angles = np.deg2rad(np.array(degrees))
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 6), min_size=6, max_size=30),
    st.data(),
)
def test_ranks_and_best_answers_equal_those_of_a_sorted_list(
    places: list[int], data: st.DataObject
) -> None:
    """Vectors on a few directions: most scores are tied, and ties go by id."""
    gallery = made(units(*(10.0 * place for place in places)))
    ids = [record.id for record in gallery.records]
    at = data.draw(st.integers(0, len(ids) - 1))
    positives = frozenset(data.draw(st.sets(st.sampled_from(ids), min_size=1)))
    junk = frozenset(data.draw(st.sets(st.sampled_from(ids)))) - positives
    itself = data.draw(st.booleans())
    question = Question(ids[at], positives, junk, itself)
    vector = gallery.vectors[at : at + 1]
    run = runs.run_all(gallery, [question], vector)
    scores = (vector @ gallery.vectors.T)[0]
    out = junk | ({ids[at]} if itself else set())
    ranked = [ids[row] for row in sorted(range(len(ids)), key=lambda r: (-scores[r], ids[r]))]
    expected = positive_ranks(ranked, positives - out, out)
    assert run.answers[0].ranks.tolist() == expected.tolist()
    kept = [id for id in ranked if id not in out][: runs.DEPTH]
    assert [id for id, _, _ in run.answers[0].top] == kept
    assert [right for _, _, right in run.answers[0].top] == [id in positives for id in kept]


def test_a_gallery_in_many_blocks_gives_the_same_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = np.random.default_rng(2)
    vectors = chance.normal(size=(60, 5)).astype(np.float32)
    gallery = made(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    questions = [
        Question(r.id, frozenset({gallery.records[n - 1].id}), itself=True)
        for n, r in enumerate(gallery.records)
    ]
    whole = runs.run_all(gallery, questions, gallery.vectors)
    monkeypatch.setattr(runs, "_BLOCK_SCORES", 7 * 60)
    parts = runs.run_all(gallery, questions, gallery.vectors)
    assert [a.ranks.tolist() for a in whole.answers] == [a.ranks.tolist() for a in parts.answers]
    assert whole.negative_scores.tolist() == parts.negative_scores.tolist()


def test_the_histogram_counts_every_pair_once() -> None:
    gallery = made(units(0, 1, 60, 90))
    question = Question("000", frozenset({"000", "001"}), frozenset({"003"}), itself=True)
    run = runs.run_all(gallery, [question], gallery.vectors[:1])
    assert run.positive_scores.sum() == 1
    assert run.negative_scores.sum() == 1
    assert run.positive_scores[-1] == 1  # a cosine near 1
    assert run.negative_scores[149:151].sum() == 1  # a cosine of a half
