"""docs/results.md from reports: no figure in it is typed by hand."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from benchmarks.training_table import training_section
from benchmarks.words_table import words_section

Report = dict[str, Any]


class Column(NamedTuple):
    title: str
    set: str
    measure: str


COLUMNS = (
    Column("ukbench: top-4 accuracy", "ukbench", "top4_accuracy"),
    Column("pascal: P@10", "pascal", "precision@10"),
    Column("clothing: P@10", "clothing", "precision@10"),
    Column("grocery: P@10", "grocery", "precision@10"),
    Column("grocery, natural → iconic: recall@5", "grocery-iconic", "recall@5"),
    Column("copies: recall@1, mean", "copies", "recall@1"),
)
_ORDER = ("classic", "visavis-s", "mobilenet-v2")
_HEAD = """# Results

On this page you find how well each model finds, measured on public sets of pictures.

`python -m benchmarks.quality` makes this page from the reports in `benchmarks/results`. Below every
figure stands its 95 % interval (bootstrap over queries; over originals for copies). The whole set
is the gallery, and a query is left out of its own ranking; [Measure an index](how-to/evaluate.md)
says what the measures mean. That two intervals overlap does not say that two models are equal:
they answered the same queries, and `visavis evaluate --against` compares them query by query.

*fastdup* is the network that comes with that program, measured as a peer; it is no part of visavis.
"""
_SETS = """
## The sets

Pictures of public data sets at 224 to 320 pixels. None was used to train a model of ours, but for
the distractors among the copies: they come from the pictures that visavis-s is trained on.

| set | pictures searched | queries | right answers |
|---|--:|--:|---|
"""
_COPIES = """
## Copies, edit by edit

Edited copies of 300 photographs are traced to their originals among {records:,} pictures, most of
them small distractors. Edits of {strangers} more photographs, which are not in the gallery, count
against µAP when they score high. The share of copies whose original comes first, and µAP below it:

"""


def table(
    reports: Sequence[Report], words: Sequence[Report] = (), trained: Sequence[Report] = ()
) -> str:
    """The page; `words` are the reports of quality_words.py, `trained` of training_quality.py."""
    by_set: dict[str, dict[str, Report]] = defaultdict(dict)
    for report in reports:
        by_set[report["set"]][report["model"]["name"]] = report
    models = sorted({r["model"]["name"] for r in reports}, key=_place)
    parts = [_HEAD, _main_table(by_set, models), _SETS, _sets(by_set)]
    if by_set["copies"]:
        one = next(iter(by_set["copies"].values()))
        facts = {"records": one["data"]["records"], "strangers": one["protocol"]["strangers"]}
        parts += [_COPIES.format(**facts), _edits(by_set["copies"], models)]
    return "".join([*parts, words_section(words), training_section(trained)])


def worst_edit(report: Report) -> tuple[str, float]:
    """The edit after which the fewest originals come first, flips left out, and the share."""
    edits = report["by_class"]
    name = min((edit for edit in edits if edit != "flip"), key=lambda e: edits[e]["recall@1"])
    return name, edits[name]["recall@1"]


def _place(name: str) -> tuple[int, str]:
    return (_ORDER.index(name) if name in _ORDER else len(_ORDER) + (name == "fastdup"), name)


def _main_table(by_set: dict[str, dict[str, Report]], models: Sequence[str]) -> str:
    heads = [column.title for column in COLUMNS] + ["copies: worst edit but flip"]
    lines = ["", _row(["model", *heads]), _row(["---", *["--:"] * len(heads)])]
    for model in models:
        cells = [_cell(by_set[column.set].get(model), column.measure) for column in COLUMNS]
        copies = by_set["copies"].get(model)
        cells.append("–" if copies is None else _worst(copies))
        lines.append(_row([f"**{model}**", *cells]))
    return "\n".join(lines) + "\n"


def _worst(report: Report) -> str:
    name, value = worst_edit(report)
    figures = report["by_class"][name]
    return f"{value:.3f} ({name})<br>{figures['recall@1_low']:.3f} … {figures['recall@1_high']:.3f}"


def _cell(report: Report | None, measure: str) -> str:
    if report is None:
        return "–"
    low, high = report["intervals"][measure]
    return f"{report['metrics'][measure]:.3f}<br>{low:.3f} … {high:.3f}"


def _sets(by_set: dict[str, dict[str, Report]]) -> str:
    lines = []
    for name in dict.fromkeys(column.set for column in COLUMNS):
        if not by_set[name]:
            continue
        report = next(iter(by_set[name].values()))
        data, protocol = report["data"], report["protocol"]
        answer = "the original" if protocol["kind"] == "copies" else f"same `{protocol['field']}`"
        cells = [name, f"{data['records']:,}", f"{data['queries']:,}", answer]
        lines.append(_row(cells))
    return "\n".join(lines) + "\n"


def _edits(reports: dict[str, Report], models: Sequence[str]) -> str:
    known = [model for model in models if model in reports]
    edits = sorted(reports[known[0]]["by_class"])
    lines = [_row(["edit", *known]), _row(["---", *["--:"] * len(known)])]
    for edit in edits:
        cells = [reports[model]["by_class"][edit] for model in known]
        shown = [f"{c['recall@1']:.3f}<br>{c['micro_ap']:.3f}" for c in cells]
        lines.append(_row([edit, *shown]))
    every = [reports[model]["metrics"] for model in known]
    lines.append(_row(["**all**", *(f"{m['recall@1']:.3f}<br>{m['micro_ap']:.3f}" for m in every)]))
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
