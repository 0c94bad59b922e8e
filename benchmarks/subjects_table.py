"""The part of docs/results.md about the subjects of pictures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results" / "subjects"
Report = dict[str, Any]

_INTRODUCTION = """
## Subjects of pictures

Boxes around what a picture seems to be about (`python -m benchmarks.subjects`, which has the
protocol), by {model}: products of fashion, pasted on a ground. A box is right where it overlaps a
true one by half or more (intersection over union). Photographs have subjects of their own, which
count as wrong here. Below every share stands its 95 % interval.

| picture | pictures | first box right | true boxes found | mean overlap | boxes | none proposed |
| --- | --: | --: | --: | --: | --: | --: |
"""
_TIME = """
A picture takes {ms:.0f} ms of a processor, decoding left out.
"""


def subjects_section(reports: Sequence[Report]) -> str:
    """The section."""
    return "".join(_of(report) for report in reports)


def _of(report: Report) -> str:
    rows = []
    for name, kind in report["kinds"].items():
        shares = [_share(kind.get(one)) for one in ("first", "three")]
        overlap = f"{kind['overlap']:.2f}" if "overlap" in kind else "–"
        cells = [name, str(kind["pictures"]), *shares, overlap, f"{kind['boxes']:.1f}"]
        rows.append(f"| {' | '.join([*cells, _share(kind['none'])])} |\n")
    ms = sum(kind["ms"] * kind["pictures"] for kind in report["kinds"].values())
    ms /= sum(kind["pictures"] for kind in report["kinds"].values())
    return _INTRODUCTION.format(model=report["model"]) + "".join(rows) + _TIME.format(ms=ms)


def _share(interval: Sequence[float] | None) -> str:
    if interval is None:
        return "–"
    mean, low, high = interval
    return f"{mean:.3f}<br>{low:.3f} … {high:.3f}"
