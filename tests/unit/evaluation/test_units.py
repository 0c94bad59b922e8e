"""What is drawn for an interval: whole groups where there are enough of them."""

import numpy as np
import pytest

from visavis import metrics
from visavis.evaluation.compare import compare
from visavis.evaluation.gallery import Gallery
from visavis.evaluation.ground_truth import Question
from visavis.evaluation.measures import measure
from visavis.evaluation.runs import BINS, QueryAnswer, Run
from visavis.evaluation.tasks import Task
from visavis.evaluation.units import Units, by_answers, by_original, by_value
from visavis.types import ImageRecord

NONE = np.zeros(BINS, np.int64)


def views(objects: int, each: int) -> tuple[Question, ...]:
    """Every view of an object asks for the others."""
    ids = {o: frozenset(f"{o}-{view}" for view in range(each)) for o in range(objects)}
    return tuple(
        Question(id, own, itself=True, group=str(o)) for o, own in ids.items() for id in sorted(own)
    )


def test_values_are_drawn_whole_where_there_are_enough() -> None:
    few, many = by_value(views(metrics.FEWEST - 1, 2)), by_value(views(metrics.FEWEST, 2))
    assert few == Units("query", metrics.FEWEST - 1, None)
    assert many == Units("value", metrics.FEWEST, [n // 2 for n in range(2 * metrics.FEWEST)])


def test_queries_belong_together_that_right_answers_connect() -> None:
    """b is an answer to a and asks itself; two queries of other pictures share an answer."""
    asked = [Question(f"lone-{n}", frozenset({f"its-{n}"})) for n in range(metrics.FEWEST)]
    asked += [
        Question("a", frozenset("b"), itself=True),
        Question("b", frozenset("c"), itself=True),
        Question("x", frozenset("z")),
        Question("y", frozenset("z")),
    ]
    found = by_answers(asked)
    assert (found.unit, found.groups) == ("set", metrics.FEWEST + 2)
    assert found.numbers is not None
    *alone, a, b, x, y = found.numbers
    assert a == b != x == y
    assert alone == [*range(metrics.FEWEST)]


def test_a_query_from_elsewhere_is_no_record_that_has_its_id() -> None:
    """The query a is another picture than the record a, which is an answer to b."""
    asked = [Question(f"lone-{n}", frozenset({f"its-{n}"})) for n in range(metrics.FEWEST)]
    elsewhere = [Question("a", frozenset("c")), Question("b", frozenset("a"))]
    assert by_answers([*asked, *elsewhere]) == Units("query", metrics.FEWEST + 2, None)
    inside = [Question("a", frozenset({"a", "c"})), Question("b", frozenset("a"))]
    assert by_answers([*asked, *inside]).groups == metrics.FEWEST + 1  # named among its own


def test_originals_are_always_drawn_whole() -> None:
    assert by_original(["a", "b", "a"]) == Units("original", 2, [0, 1, 0])


@pytest.mark.parametrize("kind", ["same", "truth"])
def test_intervals_and_differences_go_by_objects(kind: str) -> None:
    """Objects are found or not found, with all their views: so many opinions there are."""
    questions = views(2 * metrics.FEWEST, 5)
    right = [int(question.group or 0) % 2 == 0 for question in questions]
    run, task = answered(kind, questions, right)
    found = measure(task, run, [1])
    values = np.array(right[::5], np.float64)
    alone = metrics.bootstrap_interval(values)
    assert found.intervals["recall@1"] == pytest.approx(alone, abs=1e-9)
    width = alone.high - alone.low
    single = metrics.bootstrap_interval(np.repeat(values, 5))
    assert single.high - single.low < width / 2  # what it would be by query
    ours, theirs = (
        {
            "protocol": {},
            "data": {"hash": ""},
            "per_query": {
                "ids": [q.id for q in questions],
                "values": {"recall@1": [float(one) for one in column]},
                "groups": task.units.numbers,
            },
        }
        for column in (right, [False] * len(right))
    )
    [difference] = compare(ours, theirs, "other")
    assert (difference.low, difference.high) == pytest.approx(alone, abs=1e-9)


def answered(kind: str, questions: tuple[Question, ...], right: list[bool]) -> tuple[Run, Task]:
    ranks = [np.array([1, 2, 3, 4] if found else [11, 12, 13, 14], np.int64) for found in right]
    answers = tuple(QueryAnswer(q, r, ()) for q, r in zip(questions, ranks, strict=True))
    queries = tuple(ImageRecord(q.id, "", 1, 0.0, "", 8, 8, {}) for q in questions)
    nothing = np.zeros((0, 2), np.float32)
    assert kind in ("same", "truth")
    task = Task(kind, {}, Gallery((), nothing), questions, queries, nothing, "")  # type: ignore[arg-type]
    return Run(answers, NONE, NONE), task
