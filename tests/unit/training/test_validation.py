import numpy as np
import pytest

from visavis.embedders.base import unit_rows
from visavis.training.validation import gain_figures, partners, retrieval_figures, retrieval_values


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


def test_the_first_ones_ask_and_the_others_are_in_the_way() -> None:
    vectors = unit_rows(np.array([[1.0, 0.0], [0.8, 0.6], [0.9, 0.3], [0.0, 1.0]]))
    labels = np.array([0, 0, 1, 1])
    among_themselves = retrieval_figures(vectors[:2], labels[:2])
    assert among_themselves == {"map": 1.0, "recall@1": 1.0}
    # 0 meets 2 before 1, and 1 meets it before 0; 2 and 3 do not ask.
    assert retrieval_figures(vectors, labels, asks=2) == {"map": 0.5, "recall@1": 0.0}


def test_values_are_those_of_the_pictures_that_ask() -> None:
    vectors = unit_rows(np.array([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [0.0, 1.0]]))
    found = retrieval_values(vectors, np.array([0, 0, 1, 2]))
    assert found["map"].tolist() == [1.0, 0.5]  # 1 finds 2 before 0
    assert found["recall@1"].tolist() == [1.0, 0.0]


@pytest.mark.parametrize("by_label", [True, False])
def test_a_gain_has_the_interval_of_a_paired_bootstrap(by_label: bool) -> None:
    rng = np.random.default_rng(5)
    labels = np.repeat(np.arange(30), 5)
    theirs = unit_rows(rng.normal(size=(150, 24)) + np.eye(30, 24)[labels] * 3)
    ours = unit_rows(theirs + np.eye(30, 24)[labels] * 0.3)
    found = gain_figures(ours, theirs, labels, by_label=by_label)
    mine, other = retrieval_values(ours, labels), retrieval_values(theirs, labels)
    chance = np.random.default_rng(9)
    for name, gain in found.items():
        differences = mine[name] - other[name]
        assert gain["difference"] == pytest.approx(differences.mean())
        units = differences.reshape(30, 5) if by_label else differences[:, None]
        drawn = [units[chance.integers(0, len(units), len(units))].mean() for _ in range(2000)]
        wanted = np.percentile(drawn, [2.5, 97.5])
        assert gain["interval"] == pytest.approx(wanted, abs=0.02)


def test_two_labels_that_gained_do_not_say_that_others_will() -> None:
    rng = np.random.default_rng(5)
    labels = np.repeat([0, 1], 5)
    theirs = unit_rows(rng.normal(size=(10, 8)))
    ours = unit_rows(theirs + np.eye(2, 8)[labels] * [[1.0], [0.3]][0])
    gain = gain_figures(ours, theirs, labels, by_label=True)["map"]
    assert gain["difference"] > 0.1
    assert gain["interval"][0] < 0 < gain["interval"][1]


def test_of_many_pictures_a_gain_is_that_of_those_that_are_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("visavis.training.validation.MOST_QUERIES", 10)
    rng = np.random.default_rng(1)
    ours, theirs = (unit_rows(rng.normal(size=(60, 4))) for _ in range(2))
    labels = np.arange(60) % 6
    found = gain_figures(ours, theirs, labels, 3, by_label=True)["map"]["difference"]
    wanted = retrieval_figures(ours, labels, 3)["map"] - retrieval_figures(theirs, labels, 3)["map"]
    assert found == pytest.approx(wanted)
