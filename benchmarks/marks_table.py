"""The section of docs/results.md about marks, from its reports."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results" / "marks"

_HEAD = """
## Marks

How much it helps to mark results ([how](how-to/teach-a-concept.md)): `python -m benchmarks.marks`.
Of the next ten records that are not marked yet, how many are right: by the query alone, by the sum
of terms, and by the concept, on classes that nothing was trained on or tuned by; both sets were
looked at once while the learner was chosen ([design](design.md)). In brackets the 95 % interval by
classes.

| set | marks | query | sum | concept | × query | × sum |
| --- | --: | --: | --: | --: | --: | --: |
"""

_CUT = """ What is easy has been found by the first marks: what is left is harder
from round to round, for the query as well.

What the concept's own cut makes of records that are not marked: how many of those above it are
such, how many of those that are such lie above, and what share of all others does.

| set | marks | right | found | others |
| --- | --: | --: | --: | --: |
"""


def marks_section(reports: Sequence[dict[str, Any]]) -> str:
    """The section, or nothing without a report."""
    return "".join(_section(report) for report in reports)


def _section(report: dict[str, Any]) -> str:
    rows, cuts, facts = [], [], []
    for name, found in report["sets"].items():
        rows.append(f"| {name} | 0 | {_told(found['at_first'])} | | | | |")
        facts.append(f"{name}: {found['queries']} queries of {found['classes']} classes")
        for after in found["after"]:
            figures = ("query", "sum", "concept", "times_query", "times_sum")
            cells = " | ".join(_told(after[figure]) for figure in figures)
            rows.append(f"| {name} | {after['marks']} | {cells} |")
            cut = after["cut"]
            cuts.append(
                f"| {name} | {after['marks']} | {cut['precision']:.2f} | {cut['recall']:.2f} | "
                f"{cut['others']:.4f} |"
            )
    cost = report["cost"]
    return (
        _HEAD
        + "\n".join(rows)
        + f"\n\n{'; '.join(facts)}."
        + _CUT
        + "\n".join(cuts)
        + f"\n\nAmong {cost['records']:,} records, a search by a concept takes "
        f"{cost['ms']['concept']:.1f} ms, one by a vector {cost['ms']['vector']:.1f} ms, one by a "
        f"record, whose matches are compared as pictures, {cost['ms']['record']:.1f} ms (medians "
        "in one run, taking turns). The first search after a mark took "
        f"{cost['first_ms']['small']:.0f} ms with 11 marks, and {cost['first_ms']['large']:.0f} ms "
        "with 1,000.\n"
    )


def _told(figure: Sequence[float]) -> str:
    value, low, high = figure
    return f"{value:.2f} ({low:.2f} … {high:.2f})"
