"""The section of docs/results.md about parts of pictures, from its reports."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results" / "anywhere"

_HEAD = """
## Anywhere

How often a crop finds its original, and a picture within another one is found, among {pictures:,}
pictures with `--anywhere` ([how](how-to/find-it-anywhere.md)): `python -m benchmarks.anywhere`.
Thresholds were chosen on other pictures; without the extra `dups`. R@1 of a collage: one of its
four pictures comes first; R@4: how many of them are among the first four. The box is right where it
covers the true one with an IoU of .5 or more.

| asked with | asked | R@1 | R@4 | R@10 | box right |
| --- | --: | --: | --: | --: | --: |
"""
_NAMES = {
    "crops 9": "a ninth of a picture",
    "crops 16": "a sixteenth",
    "collages": "a collage of four",
    "inset half": "a picture in another, at half of its sides",
    "inset a third": "the same at a third",
}


def anywhere_section(reports: Sequence[dict[str, Any]]) -> str:
    """The section, or nothing without a report."""
    return "".join(_section(report) for report in reports)


def _section(report: dict[str, Any]) -> str:
    rows = [
        f"| {named} | {report[name]['asked']} | "
        + " | ".join(
            _cell(report[name].get(measure))
            for measure in ("recall@1", "recall@4", "recall@10", "box")
        )
        + " |"
        for name, named in _NAMES.items()
    ]
    called = ", ".join(
        f"{report[name]['called copies']['mean']:.2f} of {_NAMES[name]}"
        f" ({report[name]['of these wrong']} of them wrongly)"
        for name in ("crops 9", "crops 16")
    )
    return (
        _HEAD.format(**report)
        + "\n".join(rows)
        + f"\n\nCalled near duplicates, as the pixels agree: {called}. To count the bits of 100,000"
        f" records of fourteen codes took {1000 * report['scan_seconds']:.0f} ms on one core.\n"
    )


def _cell(figure: dict[str, Any] | None) -> str:
    if figure is None:
        return "–"
    low, high = figure["interval"]
    return f"{figure['mean']:.3f}<br>{low:.3f} … {high:.3f}"
