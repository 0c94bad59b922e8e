"""The section of docs/results.md about relations, from its reports."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results" / "relations"

_HEAD = """
## Relations

How often a picture is called what it is ([what that means](relations.md)):
`python -m benchmarks.relations`. {originals} originals, other ones than the thresholds were chosen
on, in nineteen edits, are asked for among {pictures:,} pictures. A copy is found when its original
comes first and is called exact or near_duplicate, with the extra `dups` and in the core alone:

| edit | with `dups` | core alone |
| --- | --: | --: |
"""


def relations_section(reports: Sequence[dict[str, Any]]) -> str:
    """The section, or nothing without a report."""
    return "".join(_section(report) for report in reports)


def _section(report: dict[str, Any]) -> str:
    dups, core = report["copies"]["dups"], report["copies"]["core"]
    rows = [
        f"| {edit} | {dups['recall'][edit]:.2f} | {core['recall'][edit]:.2f} |"
        for edit in dups["recall"]
    ]
    rows.append(f"| **mean** | **{dups['mean']:.3f}** | **{core['mean']:.3f}** |")
    rows.append(f"| called copies, of these wrong | {_wrong(dups)} | {_wrong(core)} |")
    alike = report["look_alikes"]
    likes = [
        f"| {name} | {found['asked']} | {found['near_duplicate']} | {found['variant']} |"
        for name, found in alike.items()
    ]
    coloured = report["recoloured"]
    told = [f"{name} {share:.2f}" for name, share in coloured.items() if name != "asked"]
    false = [
        f"| {name} | {found['cut']:.3f} | {found['1']:.4f} | {found['0.5']:.4f} | "
        f"{found['0.1']:.4f} |"
        for name, found in report["false_match"].items()
    ]
    return (
        _HEAD.format(**report)
        + "\n".join(rows)
        + "\n\nLook-alikes: records asked without themselves, and how many are called a copy or a "
        "variant of another one (files that are equal byte for byte are left out):\n\n"
        "| set | asked | near_duplicate | variant |\n| --- | --: | --: | --: |\n"
        + "\n".join(likes)
        + f"\n\nProducts recoloured by turning their hue ({coloured['asked']}): "
        + ", ".join(told)
        + ".\n\nThe cut of *similar*, where one false match in a hundred questions is asked for: "
        "the share of records that find something similar among unrelated ones, of all, of a half "
        "and of a tenth of the records.\n\n"
        "| set | cut | all | a half | a tenth |\n| --- | --: | --: | --: | --: |\n"
        + "\n".join(false)
        + "\n"
    )


def _wrong(found: dict[str, Any]) -> str:
    return f"{found['called']:,}, {found['wrong']}"
