"""Two reports on the same questions: "A is better than B" as a statement with an interval."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from visavis.errors import UsageError
from visavis.evaluation.measures import span
from visavis.evaluation.report import Report
from visavis.evaluation.significance import LEVEL, holm, randomization
from visavis.metrics import paired_difference

Verdict = Literal["better", "worse", "no clear difference"]

_SAME_TEST = {"top4_accuracy": "ns_score"}  # a quarter of it


@dataclass(frozen=True, slots=True)
class Difference:
    """One measure of two reports: ours minus theirs, with the 95 % interval of the difference."""

    measure: str
    ours: float
    theirs: float
    difference: float
    low: float
    high: float
    p: float = 1.0
    """How often chance alone makes such a difference; see `significance`."""
    adjusted: float = 1.0
    """p, adjusted for how many differences are looked at with this one."""

    @property
    def verdict(self) -> Verdict:
        """Better or worse when the whole interval is on one side of zero, and the adjusted p at
        most `LEVEL`."""
        if self.adjusted > LEVEL:
            return "no clear difference"
        if self.low > 0:
            return "better"
        return "worse" if self.high < 0 else "no clear difference"

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape of a difference."""
        shape = {"ours": self.ours, "theirs": self.theirs, "difference": self.difference}
        rounded: dict[str, Any] = {key: round(value, 6) for key, value in shape.items()}
        interval = [round(self.low, 6), round(self.high, 6)]
        chance = {"p": float(f"{self.p:.4g}"), "p_holm": float(f"{self.adjusted:.4g}")}
        return rounded | {"interval": interval, **chance, "verdict": self.verdict}


def compare(ours: Report, theirs: Report, name: str) -> list[Difference]:
    """The differences of all measures that are means over queries and that both reports have.

    A paired bootstrap: both are measured on each drawn sample of the same queries. µAP is no mean
    over queries and is left out. The p-values are adjusted for how many measures there are; see
    `together`. `name` is what messages call the other report. Raises UsageError
    when the reports are about other data or another protocol, or one lacks its single values.
    """
    _check_comparable(ours, theirs, name)
    mine, other = ours["per_query"], theirs["per_query"]
    groups = mine.get("groups")
    measures = [measure for measure in mine["values"] if measure in other["values"]]
    pairs = [
        (np.array(mine["values"][name], np.float64), np.array(other["values"][name], np.float64))
        for name in measures
    ]
    if not pairs:
        return []
    chances = randomization(np.stack([a - b for a, b in pairs], axis=1), groups).tolist()
    found = []
    for measure, (a, b), p in zip(measures, pairs, chances, strict=True):
        difference, (low, high) = paired_difference(a, b, groups=groups, span=span(measure))
        means = float(a.mean()), float(b.mean())
        found.append(Difference(measure, *means, difference, low, high, p))
    return together([found])[0]


def together(every: Sequence[Sequence[Difference]]) -> list[list[Difference]]:
    """The differences of several pairs, with p adjusted for how many there are in all.

    The N-S score and its share of four are one test, and count once.
    """
    tests: dict[tuple[int, str], float] = {}
    for pair, differences in enumerate(every):
        for one in differences:
            tests.setdefault((pair, _test(one)), one.p)
    adjusted = dict(zip(tests, holm([*tests.values()]), strict=True))
    return [
        [replace(one, adjusted=adjusted[pair, _test(one)]) for one in differences]
        for pair, differences in enumerate(every)
    ]


def _test(difference: Difference) -> str:
    return _SAME_TEST.get(difference.measure, difference.measure)


def _check_comparable(ours: Report, theirs: Report, name: str) -> None:
    if ours["protocol"] != theirs["protocol"]:
        keys = ours["protocol"].keys() | theirs["protocol"].keys()
        changed = ", ".join(
            f"{key} {theirs['protocol'].get(key)!r} there and {ours['protocol'].get(key)!r} here"
            for key in sorted(keys)
            if ours["protocol"].get(key) != theirs["protocol"].get(key)
        )
        raise UsageError(
            f"{name}: it was made by another protocol ({changed}); nothing was compared"
        )
    if ours["data"]["hash"] != theirs["data"].get("hash"):
        raise UsageError(
            f"{name}: it is about other data ({theirs['data'].get('records')} records, "
            f"{theirs['data'].get('queries')} queries there; {ours['data']['records']} and "
            f"{ours['data']['queries']} here, or other pictures or answers); nothing was compared"
        )
    if "per_query" not in theirs or theirs["per_query"]["ids"] != ours["per_query"]["ids"]:
        raise UsageError(
            f"{name}: it lacks the values of the single queries; write it again with --out"
        )
