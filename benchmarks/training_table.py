"""The part of docs/results.md that is about training, from reports."""

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Report = dict[str, Any]

RESULTS = Path(__file__).parent / "results" / "training"
_HEADS = (
    ("ukbench", "top4_accuracy", "ukbench: top-4 accuracy"),
    ("grocery-iconic", "recall@1", "grocery, natural → iconic: recall@1"),
    ("grocery-natural", "recall@1", "grocery, natural → natural: recall@1"),
)
_ROWS = {
    "mobilenet-v2": "**mobilenet-v2**, as it is",
    "head": "**a head** with the defaults",
    "head-mixed": "without `--across`",
    "head-pixels": "with `--pixels`",
    "head-multi-similarity": "with `--loss multi-similarity`",
    "head-arcface": "with `--loss arcface`",
    "linear": "with `--layers 0`: linear",
    "head-256": "with `--layers 512,512,256`",
    "dense-from-chance": "dense layers alone (512, 512, 256), from chance",
    "visavis-s": "**visavis-s**, as it is",
    "visavis-s-head": "**a head** with the defaults",
    "visavis-s-head-pixels": "with `--pixels`",
}
_WHOLE = (
    ("ukbench-whole", "top4_accuracy", "ukbench: top-4 accuracy"),
    ("clothing-whole", "precision@10", "clothing: P@10"),
    ("grocery-whole", "precision@10", "grocery: P@10"),
    ("pascal-whole", "precision@10", "pascal: P@10"),
)
_ORDER = (
    "raw pixels",
    "raw pixels, less their mean",
    "autoencoder",
    "classic",
    "mobilenet-v2",
)
_HEAD = """
## Trained on your own pictures

What [training](how-to/train-your-own.md) gains on objects that were never trained on, as
`python -m benchmarks.training_quality` measures it. ukbench's {objects} objects are divided into
two halves; each half is measured, and searched, with a head that was trained on the other. Of
grocery {products} products are trained on (natural and iconic pictures), and the other {others}
are measured. A fifth of what is trained on is the validation that ends the training. Below each
figure stand its interval (of single queries), the difference to its base on the same queries
(**bold** where its whole interval is above zero), and the figure of another seed. Grocery's heads
are trained with `--across kind`, so that photographs find catalogue pictures. Settings were chosen
by validations within the objects that are trained on.

"""
_DRAWN = """
An autoencoder of {side} × {side} pixels and {dim} dimensions, trained for {epochs} epochs without
labels on the {pictures} pictures that visavis-s is trained on; it saw none of those that are
measured. *Raw pixels* are 32 × 32 of them, compared by cosine.

"""


def training_reports() -> list[Report]:
    """The reports that training_quality.py wrote."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(RESULTS.glob("*.json"))]


def training_section(reports: Sequence[Report]) -> str:
    """The section; nothing when there are no reports."""
    if not reports:
        return ""
    by_set: dict[str, dict[str, Report]] = defaultdict(dict)
    for report in reports:
        by_set[report["set"]][report["model"]["name"]] = report
    heads = _heads(by_set) if all("head" in by_set[name] for name, _, _ in _HEADS) else ""
    drawn = _whole(by_set) if all("autoencoder" in by_set[name] for name, _, _ in _WHOLE) else ""
    return heads + drawn


def _heads(by_set: dict[str, dict[str, Report]]) -> str:
    halves = by_set["ukbench"]["head"]["training"]
    (grocery,) = by_set["grocery-iconic"]["head"]["training"]
    products = _labels(grocery)
    facts = {
        "objects": sum(map(_labels, halves)),
        "products": products,
        "others": by_set["grocery-iconic"]["mobilenet-v2"]["data"]["searched"][0],
    }
    lines = [_row(["", *(title for _, _, title in _HEADS)]), _row(["---", "--:", "--:", "--:"])]
    for name, told in _ROWS.items():
        if any(name in by_set[s] for s, _, _ in _HEADS):
            cells = [_cell(by_set[s].get(name), measure) for s, measure, _ in _HEADS]
            lines.append(_row([told, *cells]))
    return _HEAD.format(**facts) + "\n".join(lines) + "\n" + _began(halves)


def _began(halves: Sequence[dict[str, Any]]) -> str:
    """Why all heads are alike where no epoch could find more."""
    perfect = all(half["validation"]["map"] == 1 and half["best_epoch"] == 0 for half in halves)
    if not perfect:
        return ""
    return (
        "\nOn ukbench the validation finds everything as a training begins, so that no epoch can "
        "find more: heads of the same layers are alike there, whatever the loss.\n"
    )


def _labels(training: dict[str, Any]) -> int:
    return int(training["labels_trained"] + training["labels_validated"])


def _cell(report: Report | None, measure: str) -> str:
    if report is None:
        return "–"
    low, high = report["intervals"][measure]
    shown = [f"{report['metrics'][measure]:.3f}", f"{low:.3f} … {high:.3f}"]
    if found := report.get("against_base", {}).get(measure):
        gain = f"{found['difference']:+.3f}"
        shown.append(f"**{gain}**" if found["verdict"] == "better" else gain)
        shown.append(", ".join(f"{seed[measure]:.3f}" for seed in report["seeds"][1:]))
    return "<br>".join(shown)


def _whole(by_set: dict[str, dict[str, Report]]) -> str:
    trained = by_set["ukbench-whole"]["autoencoder"]["training"]
    facts = {key: trained["settings"][key] for key in ("side", "dim")}
    facts |= {"epochs": trained["epochs"], "pictures": f"{trained['data']['pictures']:,}"}
    lines = [_row(["", *(title for _, _, title in _WHOLE)]), _row(["---", *["--:"] * len(_WHOLE)])]
    for name in _ORDER:
        cells = []
        for set_name, measure, _ in _WHOLE:
            cells.append(_cell(by_set[set_name].get(name), measure))
        lines.append(_row([f"**{name}**", *cells]))
    return _DRAWN.format(**facts) + "\n".join(lines) + "\n" + _said(by_set)


def _said(by_set: dict[str, dict[str, Report]]) -> str:
    """In a sentence, what the differences to raw pixels are."""
    told = []
    for name, measure, _ in _WHOLE:
        found = by_set[name]["autoencoder"]["against_pixels"][measure]
        low, high = found["interval"]
        short = name.removesuffix("-whole")
        told.append(f"{short} {found['difference']:+.3f} ({low:+.3f} … {high:+.3f})")
    return f"\nThe autoencoder against raw pixels, query by query: {', '.join(told)}.\n"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
