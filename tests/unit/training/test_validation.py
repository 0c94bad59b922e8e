import numpy as np
import pytest

from visavis.embedders.base import unit_rows
from visavis.training.validation import partners, retrieval_figures


def test_the_figures_are_those_of_scikit_learn() -> None:
    ranking = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(1)
    labels = np.repeat(np.arange(6), 5)
    vectors = unit_rows(rng.normal(size=(30, 8)) + np.eye(8)[labels] * 1.5)
    scores = vectors @ vectors.T
    others = ~np.eye(30, dtype=bool)
    precision = [
        ranking.average_precision_score(labels[others[i]] == labels[i], scores[i][others[i]])
        for i in range(30)
    ]
    first = [labels[others[i]][scores[i][others[i]].argmax()] == labels[i] for i in range(30)]
    found = retrieval_figures(vectors, labels)
    assert found["map"] == pytest.approx(np.mean(precision))
    assert found["recall@1"] == pytest.approx(np.mean(first))


def test_pictures_without_a_partner_are_searched_and_do_not_ask() -> None:
    vectors = unit_rows(np.array([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8]]))
    found = retrieval_figures(vectors, np.array([0, 0, 1]))
    assert found == {"map": 0.75, "recall@1": 0.5}


def test_of_many_pictures_some_ask_and_the_seed_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("visavis.training.validation.MOST_QUERIES", 10)
    rng = np.random.default_rng(1)
    vectors, labels = unit_rows(rng.normal(size=(60, 4))), np.arange(60) % 6
    first, again, other = (retrieval_figures(vectors, labels, seed) for seed in (1, 1, 2))
    assert first == again != other


def test_across_sides_only_pictures_of_other_sides_are_searched() -> None:
    vectors = unit_rows(np.array([[1.0, 0.0], [0.9, 0.1], [0.6, 0.8], [0.0, 1.0]]))
    labels, sides = np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1])
    # 0 and 1 find 2 before 3; 2 finds 1, then 0; 3 has nobody.
    assert retrieval_figures(vectors, labels, 0, sides) == {"map": 1.0, "recall@1": 1.0}
    assert partners(labels, sides).tolist() == [1, 1, 2, 0]
    assert partners(labels).tolist() == [2, 2, 2, 0]
