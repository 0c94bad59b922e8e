"""From answers to figures: every measure of every query, means, intervals, classes, curves."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis import metrics
from visavis.evaluation.runs import BINS, QueryAnswer, Run
from visavis.evaluation.tasks import Task
from visavis.metrics import Floats, Interval

RECALL_LEVELS = np.linspace(0, 1, 21)
CURVE_DEPTH = 25
"""The recall@k curve goes from 1 to this."""

_SPANS = {"ns_score": (1.0, 4.0), "top4_accuracy": (0.25, 1.0)}


@dataclass(frozen=True, slots=True, eq=False)
class Figures:
    """What a run amounts to."""

    values: dict[str, Floats]
    """Measure → one value for each query that has positives."""
    means: dict[str, float]
    intervals: dict[str, Interval]
    by_class: dict[str, dict[str, float | int]]


def measure(task: Task, run: Run, ks: Sequence[int]) -> Figures:
    """All measures that the protocol calls for; queries without positives count in µAP alone."""
    answers = [answer for answer in run.answers if answer.question.sought]
    groups = task.units.numbers
    kept = None
    if groups is not None:
        kept = [group for group, a in zip(groups, run.answers, strict=True) if a.question.sought]
    values = {
        name: np.array([of(answer) for answer in answers], np.float64)
        for name, of in _measures(task, answers, ks).items()
    }
    means = {name: float(column.mean()) for name, column in values.items()}
    intervals = {
        name: metrics.bootstrap_interval(column, groups=kept, span=span(name))
        for name, column in values.items()
    }
    if task.kind == "copies" and groups is not None:
        means["micro_ap"], intervals["micro_ap"] = micro_ap(run.answers, groups)
    return Figures(values, means, intervals, _by_class(task, run, answers, values))


def span(measure: str) -> tuple[float, float]:
    """The least and the greatest value that a query can get."""
    return _SPANS.get(measure, (0.0, 1.0))


def _measures(
    task: Task, answers: Sequence[QueryAnswer], ks: Sequence[int]
) -> dict[str, Callable[[QueryAnswer], float]]:
    """The measures of one answer, by the names that reports use."""
    measures: dict[str, Callable[[QueryAnswer], float]] = {}
    first = {1} if task.kind == "copies" else set()  # what is reported of every edit
    for k in sorted(first | set(ks)):
        measures[f"recall@{k}"] = lambda a, k=k: metrics.recall_at(a.ranks, k)  # type: ignore[misc]
    most = max(ks)
    measures["map"] = lambda a: metrics.average_precision(a.ranks, a.question.sought)
    if max(answer.question.sought for answer in answers) == 1:
        return measures  # with one right answer the others say nothing new
    if task.kind == "truth":
        measures["map_trapezoid"] = lambda a: metrics.average_precision_trapezoid(
            a.ranks, a.question.sought
        )
    measures[f"precision@{most}"] = lambda a: metrics.precision_at(a.ranks, most)
    measures[f"coverage@{most}"] = lambda a: metrics.coverage_at(a.ranks, a.question.sought, most)
    measures["r_precision"] = lambda a: metrics.r_precision(a.ranks, a.question.sought)
    measures[f"ndcg@{most}"] = lambda a: metrics.ndcg_at(a.ranks, a.question.sought, most)
    if _in_fours(answers):
        measures["ns_score"] = lambda a: metrics.ns_score(a.ranks)
        measures["top4_accuracy"] = lambda a: metrics.top4_accuracy(a.ranks)
    return measures


def _in_fours(answers: Sequence[QueryAnswer]) -> bool:
    """Whether queries have three partners as a rule, so that the N-S score means something."""
    usual = float(np.median([answer.question.sought for answer in answers]))
    return usual == 3 and all(answer.question.itself for answer in answers)


def micro_ap(answers: Sequence[QueryAnswer], groups: Sequence[int]) -> tuple[float, Interval]:
    """µAP over the best answers of every query, and its interval with whole groups drawn.

    A right answer below the kept depth counts as missed, as in the image similarity challenge,
    where the number of pairs that may be named is bounded.
    """
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    pairs = [
        (score, right, numbers[group])
        for answer, group in zip(answers, groups, strict=True)
        for _, score, right in answer.top
    ]
    pairs.sort(key=lambda pair: -pair[0])  # sorting them again, once a sample, is then quick
    scores = np.array([pair[0] for pair in pairs])
    right = np.array([pair[1] for pair in pairs])
    members = np.array([pair[2] for pair in pairs])
    sought = np.zeros(len(numbers))
    for answer, group in zip(answers, groups, strict=True):
        sought[numbers[group]] += answer.question.sought

    def once(times: Floats) -> float:
        positives = int((sought * times).sum())
        if positives == 0:
            return 0.0
        return metrics.micro_average_precision(scores, right, positives, times[members])

    def drawn(chosen: NDArray[np.int64]) -> float:
        return once(np.bincount(chosen, minlength=len(numbers)).astype(np.float64))

    value, interval = once(np.ones(len(numbers))), metrics.resampled_interval(len(numbers), drawn)
    if interval.low == interval.high:  # every sample alike: not the same as being certain
        interval = metrics.interval_of_equals(value, len(numbers))
    return value, interval


def _by_class(
    task: Task, run: Run, answers: Sequence[QueryAnswer], values: dict[str, Floats]
) -> dict[str, dict[str, float | int]]:
    members: defaultdict[str, list[int]] = defaultdict(list)
    for at, answer in enumerate(answers):
        if answer.question.group is not None:
            members[answer.question.group].append(at)
    shape: dict[str, dict[str, float | int]] = {}
    for name, rows in members.items():
        shape[name] = {"queries": len(rows)}
        shape[name] |= {measure: float(column[rows].mean()) for measure, column in values.items()}
    if task.kind == "copies":
        _add_edits(task, run, answers, values, shape)
    return shape


def _add_edits(
    task: Task,
    run: Run,
    answers: Sequence[QueryAnswer],
    values: dict[str, Floats],
    shape: dict[str, dict[str, float | int]],
) -> None:
    """µAP by edit, and the intervals of both: the table that this protocol is about."""
    groups = task.units.numbers or []
    for name, figures in shape.items():
        pairs = [
            (answer, group)
            for answer, group in zip(run.answers, groups, strict=True)
            if answer.question.group == name
        ]
        mean, interval = micro_ap([pair[0] for pair in pairs], [pair[1] for pair in pairs])
        rows = [at for at, answer in enumerate(answers) if answer.question.group == name]
        recall = metrics.bootstrap_interval(values["recall@1"][rows])
        figures |= {"recall@1_low": recall.low, "recall@1_high": recall.high}
        figures |= {"micro_ap": mean, "micro_ap_low": interval.low, "micro_ap_high": interval.high}


def curves(run: Run) -> dict[str, Any]:
    """Precision over recall, recall@k over k, and the spread of right and wrong pairs' scores.

    Precision at a recall level is the best that is reached at this level or later (Manning et al.
    2008, chapter 8), averaged over queries.
    """
    answers = [answer for answer in run.answers if answer.question.sought]
    precision = np.mean([_interpolated(a) for a in answers], axis=0)
    first = np.array([a.ranks[0] if len(a.ranks) else np.inf for a in answers])
    recall = [float(np.mean(first <= k)) for k in range(1, CURVE_DEPTH + 1)]
    edges = np.linspace(-1, 1, BINS + 1)
    return {
        "precision_recall": [
            [round(float(level), 2), round(float(value), 5)]
            for level, value in zip(RECALL_LEVELS, precision, strict=True)
        ],
        "recall_at": [round(value, 5) for value in recall],
        "scores": {
            "low": float(edges[0]),
            "high": float(edges[-1]),
            "positives": run.positive_scores.tolist(),
            "negatives": run.negative_scores.tolist(),
        },
    }


def _interpolated(answer: QueryAnswer) -> Floats:
    ranks, sought = answer.ranks, answer.question.sought
    precision = np.arange(1, len(ranks) + 1) / ranks
    best = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0.0)
    needed = np.maximum(1, np.ceil(RECALL_LEVELS * sought - 1e-9)).astype(int)
    found: Floats = best[np.minimum(needed - 1, len(best) - 1)]
    return found
