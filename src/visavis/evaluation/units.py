"""What a sample is drawn of when an interval is made: queries, or whole groups of them.

Two photographs of one product are answered well together or badly together, so they are not two
independent queries. Where there are enough groups, whole ones are drawn, and an interval says how
far a figure would move for other objects; with a handful it would say nothing, and the groups are
taken as fixed.
"""

from collections.abc import Hashable, Sequence
from typing import Literal, NamedTuple

from visavis.evaluation.ground_truth import Question
from visavis.metrics import FEWEST

Unit = Literal["query", "value", "set", "original"]
_Node = tuple[bool, str]


class Units(NamedTuple):
    """What is drawn for intervals."""

    unit: Unit
    """A query by itself, or whole: a value of the field, a set of queries that share right answers,
    an original with its copies."""
    groups: int
    """How many values, sets or originals there are, drawn or not."""
    numbers: list[int] | None
    """Of each question its group; None where queries are drawn one by one."""


def by_value(questions: Sequence[Question]) -> Units:
    """Whole values of the field that right answers share."""
    return _enough("value", _numbered([question.group for question in questions]))


def by_answers(questions: Sequence[Question]) -> Units:
    """Whole sets of queries that right answers connect, directly or through one another."""
    parents: dict[_Node, _Node] = {}

    def root(node: _Node) -> _Node:
        parents.setdefault(node, node)
        while parents[node] != node:
            parents[node] = node = parents[parents[node]]
        return node

    for question in questions:
        for id in question.positives:
            parents[root((True, id))] = root(_node(question))
    numbers = _numbered([root(_node(question)) for question in questions])
    if len(set(numbers)) == len(numbers):
        return Units("query", len(numbers), None)
    return _enough("set", numbers)


def by_original(originals: Sequence[str]) -> Units:
    """Whole originals, each with all of its copies: they are always drawn."""
    numbers = _numbered(originals)
    return Units("original", len(set(numbers)), numbers)


def _node(question: Question) -> _Node:
    """The query as one of the gallery's records, or by itself, whatever its id reads like."""
    return question.itself or question.id in question.positives, question.id


def _numbered(keys: Sequence[Hashable]) -> list[int]:
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return [numbers[key] for key in keys]


def _enough(unit: Unit, numbers: list[int]) -> Units:
    groups = len(set(numbers))
    if groups < FEWEST:
        return Units("query", groups, None)
    return Units(unit, groups, numbers)
