"""docs/results.md from reports: no figure in it is typed by hand."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from benchmarks.anywhere_table import anywhere_section
from benchmarks.marks_table import marks_section
from benchmarks.relations_table import relations_section
from benchmarks.subjects_table import subjects_section
from benchmarks.training_table import training_section
from benchmarks.words_table import words_section
from visavis.evaluation.edits import ELEVEN

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
    Column("copies, eleven edits: recall@1, mean", "copies-eleven", "recall@1"),
    Column("copies, nineteen edits: recall@1, mean", "copies", "recall@1"),
)
_WORST = {
    "copies-eleven": "copies, eleven edits: worst but flip",
    "copies": "copies, nineteen edits: worst but flip",
}
OURS = "visavis-s"
_ORDER = ("classic", OURS, "mobilenet-v2")
_BELOW = f"They are compared query by query [below](#{OURS}-against-the-others)."
_HEAD = """# Results

How well each model finds, measured on public sets of pictures.

`python -m benchmarks.quality` makes this page from the reports in `benchmarks/results`. Below every
figure stands its 95 % interval. The whole set is the gallery, and a query is left out of its own
ranking; [Measure an index](how-to/evaluate.md) says what the measures mean.

Intervals are those of a bootstrap over {wholes}originals for copies, and elsewhere
over single queries: a few classes are taken as fixed, and for others the figures would differ by
more.{wider}
That two intervals overlap does not say that two models are equal: they answered the same queries.
{below}

*fastdup* is the network that comes with that program, measured as a peer; it is no part of visavis.

Under words (ConSE, joint), classes and training, *visavis-s* is the built-in model as it was
before, distilled from mobilenet-v2: those have not been measured again.
"""
_AGAINST = """
## {model} against the others

The figure of {model} less that of the other model, on the same queries, and the 95 % interval of
the difference (paired bootstrap, over the same groups). **Bold**: the whole interval is on one side
of zero, and a randomization test agrees, corrected for all measures of the set.

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
against µAP when they score high. The first eleven edits are those that were measured before there
were nineteen. Strengths are fixed: a third of the sides or 64 pixels, half or a quarter of the
area, 8 or 90 degrees, blurs of 0.8 and 1.2 % of the longer side, JPEG quality 10, 40 % of light;
what the others do says [Measure an index](how-to/evaluate.md). A stronger edit of the same kind is
found less often. The share of copies whose original comes first, and µAP below it:

"""


def table(
    reports: Sequence[Report],
    words: Sequence[Report] = (),
    trained: Sequence[Report] = (),
    related: Sequence[Report] = (),
    marked: Sequence[Report] = (),
    anywhere: Sequence[Report] = (),
    subjects: Sequence[Report] = (),
) -> str:
    """The page; `words` are the reports of quality_words.py, `trained` of training_quality.py,
    `related` of relations.py, `marked` of marks.py,
    `anywhere` of anywhere.py, `subjects` of subjects.py."""
    by_set: dict[str, dict[str, Report]] = defaultdict(dict)
    for report in reports:
        by_set[report["set"]][report["model"]["name"]] = report
    models = sorted({r["model"]["name"] for r in reports}, key=_place)
    against = _against(by_set, models)
    below = _BELOW if against else "`visavis evaluate --against` compares them query by query."
    head = _HEAD.format(wholes=_wholes(by_set), wider=_wider(by_set), below=below)
    parts = [head, _main_table(by_set, models), against, _SETS, _sets(by_set)]
    of_copies = [*by_set["copies"].values(), *by_set["copies-eleven"].values()]
    if of_copies:
        data, protocol = of_copies[0]["data"], of_copies[0]["protocol"]
        facts = {"records": data["records"], "strangers": protocol["strangers"]}
        parts += [_COPIES.format(**facts), _edits(by_set, models)]
    sections = (
        relations_section(related),
        anywhere_section(anywhere),
        subjects_section(subjects),
        marks_section(marked),
        words_section(words),
        training_section(trained),
    )
    return "".join([*parts, *sections])


def worst_edit(report: Report) -> tuple[str, float]:
    """The edit after which the fewest originals come first, flips left out, and the share."""
    edits = report["by_class"]
    name = min((edit for edit in edits if edit != "flip"), key=lambda e: edits[e]["recall@1"])
    return name, edits[name]["recall@1"]


def _place(name: str) -> tuple[int, str]:
    return (_ORDER.index(name) if name in _ORDER else len(_ORDER) + (name == "fastdup"), name)


def _main_table(by_set: dict[str, dict[str, Report]], models: Sequence[str]) -> str:
    heads = [*(column.title for column in COLUMNS), *_WORST.values()]
    lines = ["", _row(["model", *heads]), _row(["---", *["--:"] * len(heads)])]
    for model in models:
        cells = [_cell(by_set[column.set].get(model), column.measure) for column in COLUMNS]
        cells += [_worst(by_set[name].get(model)) for name in _WORST]
        lines.append(_row([f"**{model}**", *cells]))
    return "\n".join(lines) + "\n"


def _wholes(by_set: dict[str, dict[str, Report]]) -> str:
    """The sets whose objects or products are drawn whole, and how many there are."""
    told = []
    for name in dict.fromkeys(column.set for column in COLUMNS):
        drawn = next(iter(by_set[name].values()), {}).get("drawn", {})
        if drawn.get("unit") == "value":
            told.append(f"{drawn['groups']} in {name}")
    return f"whole objects or products ({', '.join(told)}), over\n" if told else ""


def _wider(by_set: dict[str, dict[str, Report]]) -> str:
    """How much wider intervals are when whole objects or classes are drawn; as measured."""
    told = []
    for column in COLUMNS:
        ratios = [
            _width(report["intervals_by_value"][column.measure])
            / _width(report["intervals"][column.measure])
            for report in by_set[column.set].values()
            if "intervals_by_value" in report
        ]
        if ratios:
            least, most = f"{min(ratios):.1f}", f"{max(ratios):.1f}"
            span = least if least == most else f"{least} to {most}"
            told.append(f"{column.set}'s {span} times as wide")
    return f"\nDrawn by whole ones, intervals would be wider: {', '.join(told)}." if told else ""


def _width(interval: Sequence[float]) -> float:
    return interval[1] - interval[0]


def _against(by_set: dict[str, dict[str, Report]], models: Sequence[str]) -> str:
    """Our model less every other, where both were measured in the same run."""
    lines = []
    for other in models:
        ours = [by_set[column.set].get(OURS) for column in COLUMNS]
        pairs = zip(ours, COLUMNS, strict=True)
        cells = [_difference(report, other, column.measure) for report, column in pairs]
        if any(cell != "–" for cell in cells):
            lines.append(_row([f"**{other}**", *cells]))
    if not lines:
        return ""
    heads = ["other model", *(column.title for column in COLUMNS)]
    rule = _row(["---", *["--:"] * len(COLUMNS)])
    return "\n".join([_AGAINST.format(model=OURS) + _row(heads), rule, *lines]) + "\n"


def _difference(report: Report | None, other: str, measure: str) -> str:
    found = (report or {}).get("against", {}).get(other, {}).get(measure)
    if found is None:
        return "–"
    value, (low, high) = f"{found['difference']:+.3f}", found["interval"]
    shown = value if found["verdict"] == "no clear difference" else f"**{value}**"
    return f"{shown}<br>{low:+.3f} … {high:+.3f}"


def _worst(report: Report | None) -> str:
    if report is None:
        return "–"
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


def _edits(by_set: dict[str, dict[str, Report]], models: Sequence[str]) -> str:
    """By edit, the first eleven first; then the means over them and over all."""
    eleven, every = by_set["copies-eleven"], by_set["copies"]
    known = [model for model in models if model in eleven or model in every]
    figures = {model: _by_edit(eleven.get(model)) | _by_edit(every.get(model)) for model in known}
    edits = sorted({edit for found in figures.values() for edit in found}, key=_edit_place)
    lines = [_row(["edit", *known]), _row(["---", *["--:"] * len(known)])]
    lines += [_row([edit, *(_both(figures[m].get(edit)) for m in known)]) for edit in edits]
    for title, reports in (("**eleven**", eleven), ("**nineteen**", every)):
        if reports:
            means = [reports[m]["metrics"] if m in reports else None for m in known]
            lines.append(_row([title, *map(_both, means)]))
    return "\n".join(lines) + "\n"


def _by_edit(report: Report | None) -> Report:
    return {} if report is None else report["by_class"]


def _edit_place(name: str) -> tuple[bool, str]:
    return name not in ELEVEN, name


def _both(figures: Report | None) -> str:
    if figures is None:
        return "–"
    return f"{figures['recall@1']:.3f}<br>{figures['micro_ap']:.3f}"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
