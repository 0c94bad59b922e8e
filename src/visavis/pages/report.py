"""The report of an evaluation as one HTML page: figures, charts, and pictures of single queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from visavis.disk import check_place
from visavis.errors import UsageError
from visavis.evaluation.compare import Difference
from visavis.evaluation.report import Report
from visavis.pages import charts
from visavis.pages.cards import Row
from visavis.pages.render import render

_CLASSES = 12  # bars in one chart; of more than two charts' worth, the lowest


@dataclass(frozen=True, slots=True)
class Rows:
    """Pictures of single queries."""

    worst: Sequence[Row]
    best: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What another report's model is called, and the differences to it."""

    other: str
    differences: Sequence[Difference]


def check_page_path(path: Path) -> None:
    """Raise UsageError when no page can be written under that name; before any work is done."""
    if path.suffix.lower() != ".html":
        raise UsageError(f"cannot write a report named {path}: the name must end in .html")
    check_place(path, "report")


def render_page(report: Report, rows: Rows, comparison: Comparison | None = None) -> str:
    """The page, complete in itself."""
    copies = report["protocol"]["kind"] == "copies"
    return render(
        "report.html",
        title=f"How well {report['model']['name']} finds",
        subtitle=described(report),
        kind="report",
        report=report,
        figures=[(name, report["metrics"][name]) for name in main_measures(report)],
        measure=shown,
        explained=explained,
        drawn=drawn(report),
        comparison=comparison,
        recall_curve=charts.recall_curve(report),
        precision_recall=None if copies else charts.precision_recall(report),
        score_histogram=charts.score_histogram(report),
        groups=_edits(report) if copies else _classes(report),
        worst=rows.worst,
        best=rows.best,
    )


def described(report: Report) -> str:
    """What was measured, in one line."""
    data, protocol = report["data"], report["protocol"]
    match protocol["kind"]:
        case "same":
            how = f"right answers share {protocol['field']}"
        case "truth":
            how = f"right answers from {protocol['file']}"
        case _:
            how = f"edited copies of {protocol['originals']:,} pictures"
    asked = f" ({protocol['queries']})" if protocol["queries"] else ""
    where = f" with {' and '.join(protocol['where'])}" if protocol["where"] else ""
    return (
        f"{data['source']} · {data['queries']:,} queries{asked} against {data['records']:,} "
        f"pictures{where} · {how}"
    )


def explained(name: str) -> str:
    """What a measure says, in a few plain words."""
    kind, _, k = name.partition("@")
    first = "the first answer" if k == "1" else f"one of the first {k} answers"
    return {
        "recall": f"{first} is right",
        "precision": f"share of right ones among the first {k}",
        "coverage": f"share of all right ones found among the first {k}",
        "ndcg": f"gain of the first {k}, earlier ranks counting more",
        "map": "mean average precision: right ones first, all ranks counted",
        "map_trapezoid": "mean average precision as Oxford, Paris and Holidays compute it",
        "r_precision": "precision at as many answers as there are right ones",
        "ns_score": "pictures of the same object among the first 4, the query counted (1 to 4)",
        "top4_accuracy": "the N-S score as a share of 4",
        "micro_ap": "average precision over all pairs, one threshold for every query",
    }[kind]


def shown(name: str) -> str:
    """A measure's name for people."""
    names = {"map": "mAP", "micro_ap": "µAP", "ns_score": "N-S score", "r_precision": "R-precision"}
    names |= {"top4_accuracy": "top-4 accuracy", "map_trapezoid": "mAP (trapezoid)"}
    return names.get(name, name.replace("ndcg", "nDCG"))


def drawn(report: Report) -> str:
    """What intervals speak of: what was drawn again for them, and what was taken as it is."""
    unit, groups = report["drawn"]["unit"], report["drawn"]["groups"]
    field, originals = report["protocol"].get("field"), report["protocol"].get("originals", 0)
    moved = "Intervals: how far a figure moves when"
    wholes = {
        "original": f"other originals are drawn from these {originals:,}, each with all its copies",
        "value": f"whole values of {field} are drawn from these {groups:,}, each with its queries",
        "set": f"whole sets of queries with common right answers are drawn from these {groups:,}",
    }
    if unit in wholes:
        return f"{moved} {wholes[unit]}. The pictures searched are taken as fixed."
    fixed, others = "The right answers and the pictures searched", "others"
    if field:
        values = f"{groups:,} values" if groups > 1 else "one value"
        fixed, others = f"The {values} of {field} and the pictures searched", "other values"
    return (
        f"{moved} other queries are drawn from these, one by one. "
        f"{fixed} are taken as fixed: for {others} the figures would differ by more."
    )


def main_measures(report: Report) -> list[str]:
    """The three or four figures that stand for all, whatever the depths were."""
    found = report["metrics"]
    if "top4_accuracy" in found:
        wanted = ["top4_accuracy", "ns_score", "recall", "map"]
    else:
        wanted = ["recall", "micro_ap", "precision", "map", "r_precision"]
    first = {name.partition("@")[0]: name for name in reversed(found)}
    return [first[kind] for kind in wanted if kind in first][:4]


def _classes(report: Report) -> dict[str, Any] | None:
    """Bars of the classes in two charts: all of them, best first, or the worst of very many."""
    maps = {key: found["map"] for key, found in (report["by_class"] or {}).items()}
    if not maps:
        return None
    ordered = sorted(maps, key=lambda key: (maps[key], key))
    many = len(ordered) > 2 * _CLASSES
    title = "Lowest mAP" if many else "mAP"
    ordered = ordered[: 2 * _CLASSES] if many else ordered[::-1]
    half = len(ordered) if len(ordered) <= _CLASSES else -(-len(ordered) // 2)
    parts = {title: ordered[:half], f"{title}, continued": ordered[half:]}
    perfect = sum(value == 1 for value in maps.values())
    faultless = f"; {perfect:,} of them are found without a fault" if perfect else ""
    bars = [(name, [(key, *[maps[key]] * 3) for key in keys]) for name, keys in parts.items()]
    return {
        "by": report["protocol"].get("field", "class"),
        "lead": f"{len(maps):,} values{faultless}.",
        "bars": [(name, rows) for name, rows in bars if rows],
    }


def _edits(report: Report) -> dict[str, Any]:
    """Bars of the edits, for the first place and for all pairs."""
    bars = []
    for name, title in {"recall@1": "The original comes first", "micro_ap": "µAP"}.items():
        rows = [
            (edit, found[name], found[f"{name}_low"], found[f"{name}_high"])
            for edit, found in report["by_class"].items()
        ]
        bars.append((title, sorted(rows, key=lambda row: -row[1])))
    return {"by": "edit", "lead": "The line in a bar is the 95 % interval.", "bars": bars}
