"""The report of an evaluation as one HTML page: figures, charts, and pictures of single queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from visavis.errors import UsageError
from visavis.evaluation.compare import Difference
from visavis.evaluation.report import Report, check_place
from visavis.pages import charts
from visavis.pages.cards import Row
from visavis.pages.sheet_html import STYLE, row_html
from visavis.pages.skeleton import page

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
    check_place(path)


def render_page(report: Report, rows: Rows, comparison: Comparison | None = None) -> str:
    """The page, complete in itself; every text in it is escaped."""
    model = report["model"]["name"]
    parts = [_headline(report), _comparison(comparison), _charts(report), _classes(report)]
    parts += [
        _pictures("Where it fails", "The queries with the lowest average precision.", rows.worst),
        _pictures("Where it shines", "Queries that were answered best.", rows.best),
        _about(report),
    ]
    body = "\n".join(part for part in parts if part)
    return page(f"How well {model} finds", described(report), STYLE + _STYLE, "report", body)


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
    match report["protocol"]["kind"]:
        case "copies":
            return (
                "Intervals: how far a figure moves when other originals are drawn from these, each "
                "with all of its copies. The pictures searched are taken as fixed."
            )
        case "same":
            field = escape(report["protocol"]["field"])
            fixed, others = f"The values of {field} and the pictures searched", "other values"
        case _:
            fixed, others = "The right answers and the pictures searched", "others"
    return (
        "Intervals: how far a figure moves when other queries are drawn from these, one by one. "
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


def _headline(report: Report) -> str:
    tiles = "".join(
        f'<div class="figure"><span class="name">{shown(name)}</span>'
        f"<b>{report['metrics'][name]:.3f}</b>"
        f'<span class="range">{_range(report["intervals"][name])}</span>'
        f'<span class="what">{explained(name)}</span></div>'
        for name in main_measures(report)
    )
    rows = "".join(
        f'<tr><th>{shown(name)}<span class="says">{explained(name)}</span></th><td>{value:.3f}</td>'
        f"<td>{_range(report['intervals'][name])}</td>"
        f'<td class="says">{explained(name)}</td></tr>'
        for name, value in report["metrics"].items()
    )
    return (
        f'<section class="top"><div class="figures">{tiles}</div>'
        "<details><summary>All measures</summary>"
        '<div class="wide"><table><thead><tr><th>measure</th><th>value</th>'
        '<th>95 % interval</th><th class="says">what it says</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div></details>"
        f'<p class="lead">{drawn(report)}</p></section>'
    )


def _range(interval: Sequence[float]) -> str:
    return f"{interval[0]:.3f} to {interval[1]:.3f}"


def _comparison(comparison: Comparison | None) -> str:
    if comparison is None:
        return ""
    rows = "".join(
        f'<tr class="{d.verdict.split()[0]}"><th>{shown(d.measure)}'
        f'<span class="says">{d.verdict}</span></th><td>{d.ours:.3f}</td>'
        f"<td>{d.theirs:.3f}</td><td>{d.difference:+.3f}</td>"
        f'<td>{d.low:+.3f} to {d.high:+.3f}</td><td class="says">{d.verdict}</td></tr>'
        for d in comparison.differences
    )
    return (
        f"<section><h2>Against {escape(comparison.other)}</h2>"
        '<p class="lead">The same queries put to both. "Better" and "worse" are said when the '
        "whole 95 % interval of the difference lies on one side of zero, and it is no chance when "
        "all measures are looked at together (Holm's correction).</p>"
        '<div class="wide"><table class="against"><thead><tr><th>measure</th><th>this</th>'
        '<th>other</th><th>difference</th><th>95 % interval</th><th class="says"></th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div></section>"
    )


def _charts(report: Report) -> str:
    figures = [_chart("How early a right answer comes", charts.recall_curve(report))]
    if report["protocol"]["kind"] != "copies":
        figures.append(_chart("Precision and recall", charts.precision_recall(report)))
    legend = '<span class="key positive">right pairs</span><span class="key negative">wrong</span>'
    note = "Where the two overlap, no threshold can tell them apart."
    figures.append(_chart("Scores", charts.score_histogram(report), legend, note))
    return f'<section><h2>Curves</h2><div class="charts">{"".join(figures)}</div></section>'


def _chart(title: str, svg: str, legend: str = "", note: str = "") -> str:
    below = f"<p>{note}</p>" if note else ""
    return f'<figure class="chart"><h3>{title}</h3>{legend}{svg}{below}</figure>'


def _classes(report: Report) -> str:
    classes = report["by_class"]
    if not classes:
        return ""
    if report["protocol"]["kind"] == "copies":
        return _edits(report)
    ordered = sorted(classes, key=lambda key: (classes[key]["map"], key))
    if len(ordered) > 2 * _CLASSES:
        ordered, title = ordered[: 2 * _CLASSES], "Lowest mAP"
    else:
        ordered, title = ordered[::-1], "mAP"
    half = len(ordered) if len(ordered) <= _CLASSES else -(-len(ordered) // 2)
    parts = {title: ordered[:half], f"{title}, continued": ordered[half:]}
    perfect = sum(figures["map"] == 1 for figures in classes.values())
    faultless = f"; {perfect:,} of them are found without a fault" if perfect else ""
    inside = "".join(_bars_of(title, keys, classes) for title, keys in parts.items() if keys)
    field = escape(report["protocol"].get("field", "class"))
    return (
        f'<section><h2>By {field}</h2><p class="lead">{len(classes):,} values{faultless}.</p>'
        f'<div class="charts">{inside}</div></section>'
    )


def _bars_of(title: str, keys: Sequence[str], classes: Report) -> str:
    rows = [(key, *[classes[key]["map"]] * 3) for key in keys]
    return _chart(title, charts.bars(f"{title} by class", rows))


def _edits(report: Report) -> str:
    figures = []
    for measure, title in (("recall@1", "The original comes first"), ("micro_ap", "µAP")):
        rows = [
            (edit, found[measure], found[f"{measure}_low"], found[f"{measure}_high"])
            for edit, found in sorted(
                report["by_class"].items(), key=lambda pair: -pair[1][measure]
            )
        ]
        figures.append(_chart(title, charts.bars(f"{title}, by edit", rows)))
    return (
        '<section><h2>By edit</h2><p class="lead">The line in a bar is the 95 % interval.</p>'
        f'<div class="charts">{"".join(figures)}</div></section>'
    )


def _pictures(title: str, lead: str, rows: Sequence[Row]) -> str:
    if not rows:
        return ""
    inside = "\n".join(row_html(row) for row in rows)
    return (
        f'<section><h2>{title}</h2><p class="lead">{lead} ✓ marks right answers, ✗ wrong ones.</p>'
        f'<div class="several">{inside}</div></section>'
    )


def _about(report: Report) -> str:
    latency, data = report["latency"], report["data"]
    machine = report["machine"]
    facts = {
        "Model": f"{report['model']['name']}, {report['model']['dim']} numbers",
        "Fingerprint": report["model"]["fingerprint"],
        "Search": f"{latency['search_ms']:.2f} ms (95 % below {latency['search_p95_ms']:.2f} ms)",
    }
    if "picture_ms" in latency:
        facts["From a picture file"] = (
            f"{latency['picture_ms']:.1f} ms (95 % below {latency['picture_p95_ms']:.1f} ms)"
        )
    facts |= {
        "Data": data["hash"],
        "Machine": f"{machine['system']}, {machine['processor']}, {machine['cores']} cores",
        "Made by": f"visavis {report['visavis']}, {report['time']}",
    }
    listed = "".join(f"<dt>{key}</dt><dd>{escape(str(value))}</dd>" for key, value in facts.items())
    notes = "".join(f"<li>{escape(note)}</li>" for note in report["notes"])
    told = f"<ul>{notes}</ul>" if notes else ""
    return f'<section><h2>About this run</h2><dl class="facts">{listed}</dl>{told}</section>'


_STYLE = """
body.report { max-width: 1280px; }
.report h2 { font-size: 22px; letter-spacing: -0.01em; margin-bottom: 6px; }
.report h3 { margin: 0 0 8px; font-size: 15px; }
.lead { margin: 0 0 18px; color: var(--muted); max-width: 70ch; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(200px, 1fr)); gap: 16px; }
.figure, .chart {
  margin: 0; padding: 18px 20px; border-radius: 16px; background: var(--card);
  box-shadow: var(--shadow), 0 0 0 1px var(--line);
}
.figure { display: grid; gap: 2px; align-content: start; }
.figure .name { color: var(--accent); font-weight: 700; }
.figure b { font-size: 40px; line-height: 1.1; letter-spacing: -0.03em;
  font-variant-numeric: tabular-nums; }
.figure .range { color: var(--muted); font-size: 13px; font-variant-numeric: tabular-nums; }
.figure .what { margin-top: 8px; font-size: 14px; }
details { margin-top: 18px; }
summary { cursor: pointer; color: var(--accent); font-weight: 600; width: fit-content; }
summary:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px; }
.top .lead { margin: 14px 0 0; font-size: 13px; }
th .says { display: none; }
.wide { overflow-x: auto; margin-top: 10px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: 7px 18px 7px 0; text-align: left; border-bottom: 1px solid var(--line);
  vertical-align: top; }
thead th { color: var(--muted); font-size: 13px; font-weight: 500; }
td:not(:last-child) { white-space: nowrap; }
tr.better .says { color: var(--good); font-weight: 600; }
tr.worse .says { color: var(--bad); font-weight: 600; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(360px, 100%), 1fr));
  gap: 20px; align-items: start; }
.chart p { margin: 6px 0 0; color: var(--muted); font-size: 13px; }
svg { display: block; width: 100%; height: auto; }
.axis { stroke: var(--line); stroke-width: 1; fill: none; }
.tick { fill: var(--muted); font-size: 12px; font-variant-numeric: tabular-nums; }
.tick.name { font-style: italic; }
.tick.strong { fill: var(--ink); font-weight: 600; }
.line { fill: none; stroke: var(--accent); stroke-width: 2.5; stroke-linejoin: round; }
.under { fill: var(--accent); opacity: 0.1; }
.dot { fill: var(--accent); }
polygon.positive { fill: var(--good); opacity: 0.65; }
polygon.negative { fill: var(--bad); opacity: 0.45; }
.key { display: inline-block; margin: 0 14px 8px 0; color: var(--muted); font-size: 13px; }
.key::before { content: ""; display: inline-block; width: 11px; height: 11px; margin-right: 6px;
  border-radius: 3px; vertical-align: -1px; }
.key.positive::before { background: var(--good); opacity: 0.65; }
.key.negative::before { background: var(--bad); opacity: 0.45; }
.track { fill: var(--tile); }
rect.share { fill: var(--accent); opacity: 0.75; }
.whisker { stroke: var(--ink); stroke-width: 2; }
.several section + section { margin-top: 22px; padding-top: 0; border-top: 0; }
.several .row { grid-template-columns: 136px 1fr; gap: 20px; }
.several .matches { grid-template-columns: repeat(8, minmax(0, 1fr)); gap: 10px; }
.several figcaption { padding: 8px 9px 9px; }
.several .caption { font-size: 12px; -webkit-line-clamp: 1; }
.several .detail, .several .bar { display: none; }
.several h2 { margin: 0 0 8px; font-size: 14px; font-weight: 500; color: var(--muted); }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: 6px 20px; margin: 0; }
.facts dt { color: var(--muted); }
.facts dd { margin: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
@media (max-width: 760px) {
  .several .row { grid-template-columns: minmax(0, 1fr); gap: 10px; }
  .several .matches { grid-template-columns: repeat(4, minmax(0, 1fr)); gap: 8px; }
  .several .matches figcaption { padding: 5px 6px 6px; font-size: 12px; }
  .several .matches .caption { display: none; }
  .several .query .card, .several .query .card:only-child { flex-basis: 34%; }
  .facts { grid-template-columns: 1fr; gap: 0; }
  .facts dd { margin-bottom: 8px; }
  .figures { grid-template-columns: 1fr 1fr; gap: 12px; }
  .figure { padding: 14px; }
  .figure b { font-size: 30px; }
  .tick { font-size: 14px; }
  td.says, thead .says { display: none; }
  th .says { display: block; font-size: 13px; }
  tr:not(.better, .worse) th .says { color: var(--muted); font-weight: 400; }
  th, td { padding-right: 12px; }
  .against td:not(:last-child) { white-space: normal; }
  .against :is(td, th) { padding-right: 8px; font-size: 14px; }
}
"""
