"""How much marks help, whether the cut of a concept is right, and what a search by one takes.

    python -m benchmarks.marks --data ../shared/data

The protocol, by the built-in model, which was trained on neither set nor any of its classes:

sets      pascal (20 classes of 40) and grocery (the coarse classes with 40 pictures and more), each
          set an index of its own. Every other class, in the order of the names, was there to choose
          the classifier and the cut by; the figures are of the other half.
queries   records of these classes, 120 a set. A query is the first mark of a concept. Then, in
          rounds: the ten unmarked records that come first (by the query at first, by the concept
          afterwards) are marked by their class.
measured  after each round, on the records that are not marked: how many of the first ten are right,
          by the query alone, by the sum of terms (query and yes at 1, no at -0.5), and by the
          concept. Intervals are of 2,000 draws of whole classes: others may differ as these do.
          At the concept's own cut: how many of those above are right, how many of those that are
          right are above, and how many of all that are not such.
cost      100,000 drawn vectors; of the records nearest to one, every other one is such and the
          others are not: medians of searches by a record, by a vector and by a concept in
          turns, in one process, and of the first one by a concept of 11 and of 1,000 marks.

The report goes to benchmarks/results/marks, and docs/results.md is made again.
"""

import argparse
import csv
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.galleries import Clusters, GalleryIndex, Model, fill, record_id
from benchmarks.marks_table import RESULTS
from benchmarks.quality import write_page
from visavis import ImageIndex
from visavis.evaluation.report import machine
from visavis.flows.concepts.lessons import Lesson
from visavis.store.sqlite.store import SqliteStore
from visavis.types import ConceptTerm, RecordTerm, Term, VectorTerm

SETS = {"pascal": ("label", 40), "grocery": ("coarse_label", 40)}
"""The sets: the column of their classes, and how many pictures a class has at least."""
QUERIES, ROUNDS, MARKS = 120, 3, 10
AGAINST = -0.5
_SEED, _DRAWS = 17, 2_000
_RECORDS, _TURNS = 100_000, 60

Right = dict[str, list[list[float]]]
"""By what was asked: of each query, the share of right ones after each round."""


def main() -> None:
    """Measure, write the report, and make the page."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--tuned", action="store_true", help="Print the other half; keep nothing.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report: dict[str, Any] = {"machine": machine(), "sets": {}}
        for name in SETS:
            with ImageIndex.create(Path(folder) / name) as index:
                index.add(given.data / name / "labels.csv", image_column="path", id_column="path")
                report["model"] = index.info().model
                report["sets"][name] = _measured(index, name, given.data, tuned=given.tuned)
            print(name, json.dumps(report["sets"][name]), flush=True)
        if given.tuned:
            return
        report["cost"] = _cost(Path(folder) / "many")
        print(report["cost"], flush=True)
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{report['model']}.json"
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    write_page()


def _measured(index: ImageIndex, name: str, data: Path, *, tuned: bool) -> dict[str, Any]:
    column, least = SETS[name]
    with (data / name / "labels.csv").open(encoding="utf-8", newline="") as file:
        labels = {row["path"]: row[column] for row in csv.DictReader(file)}
    members: dict[str, list[str]] = {}
    for record in index.records():
        members.setdefault(labels[record.id], []).append(record.id)
    classes = sorted(label for label, ids in members.items() if len(ids) >= least)
    chosen = classes[0::2] if tuned else classes[1::2]
    chance = np.random.default_rng(_SEED)
    asked = [id for label in chosen for id in members[label]]
    asked = [asked[at] for at in chance.permutation(len(asked))[:QUERIES]]
    right: Right = {"query": [], "sum": [], "concept": []}
    cuts: list[list[list[float]]] = []
    for at, query in enumerate(asked):
        _ask(index, f"concept {at}", query, labels, right, cuts)
    groups = np.array([labels[query] for query in asked])
    return {
        "pictures": len(index),
        "classes": len(chosen),
        "queries": len(asked),
        "at_first": _interval(np.array(right["query"])[:, 0], groups),
        "after": [_round(right, cuts, groups, number) for number in range(1, ROUNDS + 1)],
    }


def _ask(
    index: ImageIndex,
    name: str,
    query: str,
    labels: dict[str, str],
    right: Right,
    cuts: list[list[list[float]]],
) -> None:
    """One query with its rounds."""
    concept = index.concept(name)
    concept.mark(query)
    yes, no = [query], list[str]()
    for shares in right.values():
        shares.append([])
    cuts.append([])
    alone = [VectorTerm(index.store.vector(query))]
    found = _first(index, alone, {query})
    right["query"][-1].append(_share(found, query, labels))
    for _ in range(ROUNDS):
        such = [id for id in found if labels[id] == labels[query]]
        others = [id for id in found if labels[id] != labels[query]]
        yes, no = yes + such, no + others
        concept.mark_all((such, True), (others, False))
        lesson = concept.lesson()
        summed = [*map(RecordTerm, yes), *(RecordTerm(id, AGAINST) for id in no)]
        asked: dict[str, Sequence[Term]] = {
            "query": alone,
            "sum": summed,
            "concept": [ConceptTerm(name)],
        }
        for kind, terms in asked.items():
            found = _first(index, terms, {*yes, *no})  # the concept's come last, and are marked
            right[kind][-1].append(_share(found, query, labels))
        cuts[-1].append(_at_the_cut(index, lesson, query, {*yes, *no}, labels))
    concept.remove()


def _first(index: ImageIndex, terms: Sequence[Term], marked: set[str]) -> list[str]:
    """The first ten that are not marked."""
    matches = index.search(terms, limit=MARKS + len(marked)).matches
    return [match.record.id for match in matches if match.record.id not in marked][:MARKS]


def _share(found: Sequence[str], query: str, labels: dict[str, str]) -> float:
    return sum(labels[id] == labels[query] for id in found) / MARKS


def _at_the_cut(
    index: ImageIndex, lesson: Lesson, query: str, marked: set[str], labels: dict[str, str]
) -> list[float]:
    """Precision, recall, and the share of others that passes, of what is not marked."""
    ids = [record.id for record in index.records()]
    scores = index.vectors() @ lesson.direction
    left = np.array([id not in marked for id in ids])
    such = np.array([labels[id] == labels[query] for id in ids])[left]
    above = scores[left] >= (1.0 if lesson.similar_from is None else lesson.similar_from)
    hits = float((above & such).sum())
    return [
        hits / above.sum() if above.any() else float("nan"),
        hits / such.sum() if such.any() else float("nan"),
        float((above & ~such).sum() / (~such).sum()),
    ]


def _round(
    right: Right, cuts: list[list[list[float]]], groups: NDArray[np.str_], number: int
) -> dict[str, Any]:
    by_query = np.array([one[number] for one in right["query"]])
    by_sum, learned = (np.array([one[number - 1] for one in right[n]]) for n in ("sum", "concept"))
    precision, recall, others = np.nanmean([one[number - 1] for one in cuts], axis=0)
    return {
        "marks": number * MARKS,
        "query": _interval(by_query, groups),
        "sum": _interval(by_sum, groups),
        "concept": _interval(learned, groups),
        "times_query": _interval(learned, groups, by_query),
        "times_sum": _interval(learned, groups, by_sum),
        "cut": {"precision": float(precision), "recall": float(recall), "others": float(others)},
    }


def _interval(
    values: NDArray[np.float64],
    groups: NDArray[np.str_],
    over: NDArray[np.float64] | None = None,
) -> list[float]:
    """The mean, or its ratio to another, and the 95 % interval by draws of whole groups."""

    def figure(rows: NDArray[np.int64]) -> float:
        below = 1.0 if over is None else max(float(over[rows].mean()), 1e-9)
        return float(values[rows].mean()) / below

    chance = np.random.default_rng(_SEED)
    names = sorted(set(groups))
    rows = {name: np.flatnonzero(groups == name) for name in names}
    draws = [
        figure(
            np.concatenate([rows[names[at]] for at in chance.integers(0, len(names), len(names))])
        )
        for _ in range(_DRAWS)
    ]
    low, high = np.quantile(draws, [0.025, 0.975])
    return [figure(np.arange(len(values))), float(low), float(high)]


def _cost(folder: Path) -> dict[str, Any]:
    fill(folder, Clusters(_RECORDS), Model.chosen())
    with GalleryIndex(SqliteStore(folder)) as index:
        vector = index.store.vector(record_id(7))
        nearest = [
            match.record.id for match in index.search([VectorTerm(vector)], limit=100).matches
        ]
        for name, marks in (("small", 11), ("large", 1_000)):
            yes, near = nearest[: marks + 1 : 2], nearest[1 : marks + 1 : 2]
            far = [record_id(50_000 + at) for at in range(marks - len(yes) - len(near))]
            index.concept(name).mark_all((yes, True), ([*near, *far], False))
        asked: dict[str, Callable[[], object]] = {
            "record": lambda: index.search("id:" + record_id(7)),
            "vector": lambda: index.search([VectorTerm(vector)]),
            "concept": lambda: index.search("concept:small"),
        }
        took: dict[str, list[float]] = {name: [] for name in asked}
        first = {
            name: _seconds(partial(index.search, f"concept:{name}")) for name in ("small", "large")
        }
        for ask in asked.values():
            ask()
        for turn in range(_TURNS):
            for name in list(asked)[:: 1 if turn % 2 else -1]:
                took[name].append(_seconds(asked[name]))
        medians = {name: statistics.median(times) for name, times in took.items()}
    return {
        "records": _RECORDS,
        "ms": {name: 1000 * value for name, value in medians.items()},
        "to_vector": medians["concept"] / medians["vector"],
        "to_record": medians["concept"] / medians["record"],
        "first_ms": {name: 1000 * value for name, value in first.items()},
    }


def _seconds(ask: Callable[[], object]) -> float:
    began = time.perf_counter()
    ask()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
