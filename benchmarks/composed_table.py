"""The part of docs/results.md about "the same, but …": a picture with a colour or with words."""

from collections.abc import Iterable
from typing import Any

Report = dict[str, Any]

_INTRODUCTION = """
## The same, but …

A picture together with a colour or a word (`python -m benchmarks.composed`, which has the
protocol). Right are pictures of its kind in that colour, or with what the word says. P@10 is the
share of right ones among the first ten, mAP the mean average precision over all pictures of the
set. *Sum* is one vector for both; the name of a colour has none. Settings were chosen on one half
of the questions, and the other half is reported. Below every figure stands its 95 % interval; the
gain is that of *both* over the better of the others, with the interval of the difference by
question (bootstrap over kinds of pictures with all their questions). For words that are no colours
chance explains the gain, so they and a picture are asked as the sum; their row is from before.

"""
_MEASURES = {
    "colour by value": "colour by its name, P@10",
    "colour of another picture": "colour of another picture, P@10",
    "colour alone": "colour alone, P@10",
    "picture and colour word": "colour word, mAP",
    "the same among photographs": "colour word among photographs, mAP",
    "picture and scene word": "scene word among photographs, mAP",
}
_WAYS = ("picture alone", "sum", "both")


def composed_section(reports: dict[str, Report]) -> str:
    """The section; `reports` are by their models' names."""
    lines = [_row(["asked with", "questions", "kinds", *_WAYS, "gain"])]
    lines.append(_row(["---", "--:", "--:", *["--:"] * len(_WAYS), "--:"]))
    for model, report in sorted(reports.items()):
        for kind, measures in report["measures"].items():
            title = f"**{model}**: {_MEASURES[kind]}"
            counts = [str(measures["questions"]), str(measures["groups"])]
            lines.append(
                _row([title, *counts, *(_cell(measures, way) for way in _WAYS), _gain(measures)])
            )
    return _INTRODUCTION + "\n".join(lines) + "\n"


def _cell(measures: dict[str, Any], way: str) -> str:
    if way not in measures["mean"]:
        return ""
    low, high = measures["interval"][way]
    return f"{measures['mean'][way]:.3f}<br>{low:.3f} … {high:.3f}"


def _gain(measures: dict[str, Any]) -> str:
    """Over the better of the other ways."""
    others = {way: mean for way, mean in measures["mean"].items() if way != "both"}
    if not others:
        return ""
    best = max(others, key=lambda way: others[way])
    low, high = measures["gain"][best]
    share = measures["mean"]["both"] / others[best] - 1
    return f"{share:+.0%}<br>{low:+.3f} … {high:+.3f}"


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
