"""How a training went, epoch by epoch, as JSON and drawn."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

Row = Mapping[str, float]
"""`epoch` (from 1), `loss` (its mean over the epoch), and the validation figures after it."""

_INCHES = (4.4, 3.0)  # of one chart
_COLOUR = "#0e7c7b"
_NAMES = {"map": "validation mAP", "recall@1": "validation recall@1", "loss": "training loss"}


def write_curves(folder: Path, rows: Sequence[Row]) -> None:
    """Write curves.json: a list of rows."""
    text = json.dumps(list(rows), indent=1) + "\n"
    partial = folder / "curves.json.partial"
    partial.write_text(text, encoding="utf-8")
    partial.replace(folder / "curves.json")


def draw_curves(path: Path, rows: Sequence[Row]) -> None:
    """Draw the loss and each figure over the epochs, side by side, as a PNG."""
    names = [name for name in rows[0] if name != "epoch"]
    figure = Figure(figsize=(_INCHES[0] * len(names), _INCHES[1]), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        epochs = [row["epoch"] for row in rows]
        axes.plot(epochs, [row[name] for row in rows], color=_COLOUR, marker="o", markersize=3)
        axes.set_title(_NAMES.get(name, name.replace("_", " ")))
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.25)
    figure.savefig(path, dpi=110)
