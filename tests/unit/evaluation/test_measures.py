"""Figures of hand-made answers, worked by hand."""

import numpy as np
import pytest

from visavis.evaluation.edits import EDITS
from visavis.evaluation.gallery import Gallery
from visavis.evaluation.ground_truth import Question
from visavis.evaluation.measures import RECALL_LEVELS, curves, measure
from visavis.evaluation.runs import BINS, QueryAnswer, Run
from visavis.evaluation.tasks import Task
from visavis.types import ImageRecord

NONE = np.zeros(BINS, np.int64)


def answered(ranks: list[int], sought: int, group: str | None = None, id: str = "q") -> QueryAnswer:
    """An answer that lists right ones at their ranks."""
    positives = frozenset(f"right-{n}" for n in range(sought))
    return QueryAnswer(Question(id, positives, group=group), np.array(ranks, np.int64), ())


def copy(edit: str, original: str, *top: tuple[float, bool]) -> QueryAnswer:
    """A copy of an original with its best answers' scores; of a stranger nothing is right."""
    positives = frozenset() if original == "stranger" else frozenset({original})
    ranks = [rank for rank, (_, right) in enumerate(top, 1) if right]
    listed = tuple(("", score, right) for score, right in top)
    question = Question(f"{edit}/{original}", positives, group=edit)
    return QueryAnswer(question, np.array(ranks, np.int64), listed)


def copies_of(answers: list[QueryAnswer]) -> tuple[Task, Run]:
    queries = tuple(
        ImageRecord(
            a.question.id, "", 1, 0.0, "", 8, 8, {"original": a.question.id.partition("/")[2]}
        )
        for a in answers
    )
    nothing = np.zeros((0, 2), np.float32)
    questions = tuple(a.question for a in answers)
    task = Task("copies", {}, Gallery((), nothing), questions, queries, nothing, "")
    return task, Run(tuple(answers), NONE, NONE)


def test_recall_at_k_counts_from_the_first_place() -> None:
    run = Run(
        (answered([1, 9], 2), answered([2], 1), answered([4], 1), answered([], 1)), NONE, NONE
    )
    recall = curves(run)["recall_at"]
    assert recall[:5] == [0.25, 0.5, 0.5, 0.75, 0.75]
    assert len(recall) == 25
    assert recall[-1] == 0.75


def test_precision_is_the_best_at_each_level_of_recall_or_later() -> None:
    """Ranks 2 and 3 of two: precision 1/2, then 2/3, which is better and reached later."""
    one = dict(curves(Run((answered([2, 3], 2),), NONE, NONE))["precision_recall"])
    assert one == pytest.approx(dict.fromkeys(RECALL_LEVELS.round(2), 2 / 3), abs=1e-5)
    several = dict(
        curves(Run((answered([1, 4], 3), answered([2], 1)), NONE, NONE))["precision_recall"]
    )
    levels = {0.0: 1.0, 0.3: 1.0, 0.35: 0.5, 0.65: 0.5, 0.7: 0.0, 1.0: 0.0}
    for level, first in levels.items():
        assert several[level] == pytest.approx((first + 0.5) / 2), level


def test_an_edits_figures_are_of_its_own_copies_alone() -> None:
    answers = [
        copy("blur", "a", (0.9, True), (0.2, False)),
        copy("blur", "b", (0.8, False), (0.7, True)),
        copy("blur", "stranger", (0.3, False)),
        copy("grey", "a", (0.95, False), (0.1, True)),
        copy("grey", "b", (0.5, False)),
        copy("grey", "stranger", (0.99, False)),
    ]
    found = measure(*copies_of(answers), [1])
    assert found.by_class["blur"]["recall@1"] == 0.5
    assert found.by_class["grey"]["recall@1"] == 0.0
    # blur in order of scores: right (1/1), wrong, right (2/3), …; two true pairs
    assert found.by_class["blur"]["micro_ap"] == pytest.approx((1 + 2 / 3) / 2)
    # grey: .99 wrong, .95 wrong, .5 wrong, .1 right at place 4; b is never named
    assert found.by_class["grey"]["micro_ap"] == pytest.approx((1 / 4) / 2)
    # together: .99 .95 wrong, .9 right (1/3), .8 wrong, .7 right (2/5), .5 .3 .2 wrong, .1 right
    # (3/9); four true pairs
    assert found.means["micro_ap"] == pytest.approx((1 / 3 + 2 / 5 + 3 / 9) / 4)


def test_recall_at_1_is_told_of_copies_whatever_the_depths() -> None:
    answers = [copy(edit, "a", (0.9, True)) for edit in EDITS]
    found = measure(*copies_of(answers), [5])
    assert list(found.means) == ["recall@1", "recall@5", "map", "micro_ap"]
    assert found.by_class["blur"]["recall@1"] == 1.0


def test_figures_of_1_and_0_have_an_interval_with_a_width() -> None:
    every = [copy("blur", str(n), (0.9, True)) for n in range(50)]
    every += [copy("grey", str(n), (0.9, False)) for n in range(50)]
    found = measure(*copies_of(every), [1]).by_class
    assert found["blur"]["recall@1_low"] == pytest.approx(50 / (50 + 1.96**2), abs=1e-4)
    assert found["blur"]["micro_ap_low"] == pytest.approx(50 / (50 + 1.96**2), abs=1e-4)
    assert found["blur"]["recall@1_high"] == found["blur"]["micro_ap_high"] == 1.0
    assert found["grey"]["recall@1_low"] == found["grey"]["micro_ap_low"] == 0.0
    assert found["grey"]["recall@1_high"] == pytest.approx(1.96**2 / (50 + 1.96**2), abs=1e-4)
