"""Charts of a report: what stands where; plot.html draws it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from visavis.evaluation.report import Report

_MOST_BINS = 60

Point = tuple[float, float]
Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Plot:
    """A curve with its points, or areas, over two axes. x and y turn values into places."""

    title: str
    x_name: str
    y_name: str
    x_range: Range
    y_range: Range = (0.0, 1.0)
    curve: Sequence[Point] = ()
    areas: Sequence[tuple[str, Sequence[Point]]] = ()
    """What an area is called in the style sheet, and its outline."""
    percent: bool = False
    """Whether y is written in hundredths."""

    width: ClassVar = 460
    height: ClassVar = 290
    left: ClassVar = 46
    right: ClassVar = 446
    top: ClassVar = 30
    bottom: ClassVar = 246

    def x(self, value: float) -> float:
        """How far to the right a value stands."""
        low, high = self.x_range
        return round(self.left + (value - low) / (high - low) * (self.right - self.left), 1)

    def y(self, value: float) -> float:
        """How far down a value stands."""
        low, high = self.y_range
        return round(self.bottom - (value - low) / (high - low) * (self.bottom - self.top), 1)

    def path(self, points: Sequence[Point]) -> str:
        """The places of points, as SVG lists them."""
        return " ".join(f"{self.x(x)},{self.y(y)}" for x, y in points)

    @property
    def x_ticks(self) -> list[tuple[float, str]]:
        """Values below the axis, and how they are written."""
        return [(value, f"{value:g}") for value in ticks(*self.x_range)]

    @property
    def y_ticks(self) -> list[tuple[float, str]]:
        """Values beside the axis, and how they are written."""
        written = "{:.3g} %" if self.percent else "{:g}"
        scale = 100 if self.percent else 1
        return [(value, written.format(scale * value)) for value in ticks(*self.y_range)]


def precision_recall(report: Report) -> Plot:
    """Precision over recall."""
    points = [(recall, precision) for recall, precision in report["curves"]["precision_recall"]]
    return _line("Precision at every level of recall", "recall", "precision", (0.0, 1.0), points)


def recall_curve(report: Report) -> Plot:
    """recall@k over k."""
    points = [(float(k), value) for k, value in enumerate(report["curves"]["recall_at"], 1)]
    title = "Queries with a right answer among the first k"
    return _line(title, "k", "recall@k", (1.0, max(2.0, len(points))), points)


def score_histogram(report: Report) -> Plot:
    """How right and wrong pairs' scores are spread, each as shares of its own kind."""
    scores = report["curves"]["scores"]
    counts = np.array([scores["negatives"], scores["positives"]], float)
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    seen = np.flatnonzero(shares.sum(axis=0) > 1e-4)  # outside of these hardly any pair lies
    first, last = (seen[0], seen[-1] + 1) if seen.size else (0, shares.shape[1])
    step = math.ceil((last - first) / _MOST_BINS)  # neighbouring bins are shown as one
    merged = np.add.reduceat(shares[:, first:last], range(0, last - first, step), axis=1)
    width = (scores["high"] - scores["low"]) / shares.shape[1]
    edges = scores["low"] + width * (first + step * np.arange(merged.shape[1] + 1))
    areas = [
        (kind, list(zip(np.repeat(edges, 2), [0, *np.repeat(heights, 2), 0], strict=True)))
        for kind, heights in zip(("negative", "positive"), merged, strict=True)
    ]
    top = 1.05 * merged.max() or 1.0
    title, x, y = "Scores of right and wrong pairs", "score", "share of the pairs"
    return Plot(title, x, y, (edges[0], edges[-1]), (0.0, top), areas=areas, percent=True)


def _line(title: str, x: str, y: str, x_range: Range, points: Sequence[Point]) -> Plot:
    under = [*points, (points[-1][0], 0.0), (points[0][0], 0.0)]
    return Plot(title, x, y, x_range, curve=points, areas=[("under", under)])


def ticks(low: float, high: float) -> list[float]:
    """Round numbers between two values, five or so; 1 among them where they begin there.

    >>> ticks(0.0, 1.0), ticks(1.0, 25.0)
    ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [1.0, 5.0, 10.0, 15.0, 20.0, 25.0])
    """
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(size * power for size in (1, 2, 2.5, 5, 10) if size * power >= 0.99 * rough)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    found = [round(number * step, 10) for number in range(first, last + 1)]
    return found if low != 1 or 1 in found else [1.0, *found]
