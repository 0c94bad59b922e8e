"""The part of docs/results.md about words, tags and classes."""

from collections.abc import Sequence
from typing import Any

Report = dict[str, Any]

_WORDS = """
## By words

Models that read words, asked in words. On pascal every class's name is a query, *dog* or
*tvmonitor*, among the {pascal} test pictures, a fifth of each class; tags are the first ten words
of the model's own vocabulary. On flickr each of five captions is a query for its picture among
{flickr}. Below every figure stands its 95 % interval (bootstrap over classes, over pictures, and
over pictures with their captions).

"""
_CLASSES = """
## By class

What `--class` does, on {pictures} pictures of pascal with the ImageNet class nearest to each of its
classes. Asked alone: the share of the right pictures among the first ten. Added to a picture of
another class: the share of the class, and the mean similarity of the ten to the picture, without it
and with weights 0.5 and 1.

"""
_COLUMNS = (
    ("class word: P@5", "pascal", "precision@5"),
    ("class word: R-precision", "pascal", "r_precision"),
    ("own word among 10 tags", "pascal", "own word in 10 tags"),
    ("caption: recall@10", "flickr", "recall@10"),
)


def words_section(reports: Sequence[Report]) -> str:
    """The sections on words and on classes; nothing without reports."""
    by_set: dict[str, dict[str, Report]] = {}
    for report in reports:
        by_set.setdefault(report["set"], {})[report["model"]["name"]] = report
    parts = []
    if "pascal" in by_set:
        parts.append(_by_words(by_set))
    if "classes" in by_set:
        parts.append(_by_class(by_set["classes"]))
    return "".join(parts)


def _by_words(by_set: dict[str, dict[str, Report]]) -> str:
    pictures = {
        name: next(iter(by_set[name].values()))["data"]["pictures"] if name in by_set else 0
        for name in ("pascal", "flickr")
    }
    lines = [_row(["model", *(title for title, _, _ in _COLUMNS), "trained on"])]
    lines.append(_row(["---", *["--:"] * len(_COLUMNS), "---"]))
    for model in sorted({model for reports in by_set.values() for model in reports}):
        if model not in by_set["pascal"]:
            continue
        cells = [
            _cell(by_set.get(set_name, {}).get(model), measure) for _, set_name, measure in _COLUMNS
        ]
        lines.append(_row([f"**{model}**", *cells, by_set["pascal"][model]["trained_on"] or "–"]))
    notes = [
        f"{model}: {note}."
        for model, report in sorted(by_set["pascal"].items())
        for note in report["notes"]
    ]
    return _WORDS.format(**pictures) + "\n".join([*lines, "", *notes]).rstrip() + "\n"


def _by_class(reports: dict[str, Report]) -> str:
    weights = ("0", "0.5", "1")
    heads = ["alone: P@10"]
    heads += [f"{what}, weight {w}" for w in weights for what in ("class", "similarity")]
    lines = [_row(["model", *heads]), _row(["---", *["--:"] * len(heads)])]
    for model, report in sorted(reports.items()):
        measures = ["class alone", *heads[1:]]
        lines.append(_row([f"**{model}**", *(_cell(report, measure) for measure in measures)]))
    pictures = next(iter(reports.values()))["data"]["pictures"]
    return _CLASSES.format(pictures=pictures) + "\n".join(lines) + "\n"


def _cell(report: Report | None, measure: str) -> str:
    if report is None or measure not in report["metrics"]:
        return "–"
    low, high = report["intervals"][measure]
    return f"{report['metrics'][measure]:.3f}<br>{low:.3f} … {high:.3f}"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
