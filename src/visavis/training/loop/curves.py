"""How a training went, epoch by epoch, as JSON and drawn."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from visavis.disk import write_whole

Row = Mapping[str, float]
"""`epoch`, `loss` (its mean over the epoch; epoch 0 has none), validation figures after it."""

_INCHES = (4.4, 3.0)  # of one chart
_COLOUR = "#0e7c7b"
_NAMES = {
    "map": "validation mAP",
    "recall@1": "validation recall@1",
    "recall@10": "validation recall@10",
    "loss": "training loss",
    "reconstruction": "validation reconstruction error",
}
_SHARES = {"map", "recall@1", "recall@10"}
_SPAN = 0.1  # that a chart of shares covers at least: less is chance, and should look like it


def write_curves(folder: Path, rows: Sequence[Row]) -> None:
    """Write curves.json: a list of rows."""
    text = json.dumps(list(rows), indent=1) + "\n"
    write_whole(folder / "curves.json", text.encode())


def draw_curves(path: Path, rows: Sequence[Row]) -> None:
    """Draw the loss and each figure over the epochs, side by side, as a PNG."""
    names = [name for name in rows[-1] if name != "epoch"]
    figure = Figure(figsize=(_INCHES[0] * len(names), _INCHES[1]), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        points = [(row["epoch"], row[name]) for row in rows if name in row]
        epochs, values = zip(*points, strict=True)
        axes.plot(epochs, values, color=_COLOUR, marker="o", markersize=3)
        axes.set_xlim(rows[0]["epoch"] - 0.5, rows[-1]["epoch"] + 0.5)
        if name in _SHARES:
            axes.set_ylim(*_span(min(values), max(values)))
        axes.set_title(_NAMES.get(name, name.replace("_", " ")))
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.25)
    figure.savefig(path, dpi=110)


def _span(low: float, high: float) -> tuple[float, float]:
    """A range within 0…1 around these, with some space."""
    half = max(_SPAN, (high - low) * 1.1) / 2
    middle = min(max((low + high) / 2, half), 1 - half) if half < 0.5 else 0.5
    return middle - half - 0.005, middle + half + 0.005
