"""Two reports on the same questions: "A is better than B" as a statement with an interval."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from visavis.errors import UsageError
from visavis.evaluation.measures import span
from visavis.evaluation.report import Report
from visavis.metrics import paired_difference

Verdict = Literal["better", "worse", "no clear difference"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One measure of two reports: ours minus theirs, with the 95 % interval of the difference."""

    measure: str
    ours: float
    theirs: float
    difference: float
    low: float
    high: float

    @property
    def verdict(self) -> Verdict:
        """Better or worse when the whole interval is on one side of zero."""
        if self.low > 0:
            return "better"
        return "worse" if self.high < 0 else "no clear difference"

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape of a difference."""
        shape = {"ours": self.ours, "theirs": self.theirs, "difference": self.difference}
        rounded: dict[str, Any] = {key: round(value, 6) for key, value in shape.items()}
        interval = [round(self.low, 6), round(self.high, 6)]
        return rounded | {"interval": interval, "verdict": self.verdict}


def compare(ours: Report, theirs: Report, name: str) -> list[Difference]:
    """The differences of all measures that are means over queries and that both reports have.

    A paired bootstrap: both are measured on each drawn sample of the same queries. µAP is no mean
    over queries and is left out. `name` is what messages call the other report. Raises UsageError
    when the reports are about other data or another protocol, or one lacks its single values.
    """
    _check_comparable(ours, theirs, name)
    mine, other = ours["per_query"], theirs["per_query"]
    groups = mine.get("groups")
    found = []
    for measure, values in mine["values"].items():
        if measure not in other["values"]:
            continue
        pair = np.array(values, np.float64), np.array(other["values"][measure], np.float64)
        difference, (low, high) = paired_difference(*pair, groups=groups, span=span(measure))
        means = float(pair[0].mean()), float(pair[1].mean())
        found.append(Difference(measure, *means, difference, low, high))
    return found


def _check_comparable(ours: Report, theirs: Report, name: str) -> None:
    if ours["protocol"] != theirs["protocol"]:
        keys = ours["protocol"].keys() | theirs["protocol"].keys()
        told = ", ".join(
            f"{key} {theirs['protocol'].get(key)!r} there and {ours['protocol'].get(key)!r} here"
            for key in sorted(keys)
            if ours["protocol"].get(key) != theirs["protocol"].get(key)
        )
        raise UsageError(f"{name}: it was made by another protocol ({told}); nothing was compared")
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
