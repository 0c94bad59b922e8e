"""Charts of a report as inline SVG: no script, no fonts, colours from the page's CSS variables.

Classes: `axis` for lines, `tick` for text, `line`, `under`, `dot`, `positive`, `negative`, `track`,
`share` and `whisker` for data. Every chart has a <title>, which is what a screen reader says.
"""

from collections.abc import Sequence
from html import escape

from visavis.evaluation.report import Report

_WIDTH, _HEIGHT = 460, 290
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 14, 26, 44
_BAR = 30  # height of a row of a bar chart
_MOST_BINS = 60
_LONGEST = 15  # characters of a bar's name

Point = tuple[float, float]


def precision_recall(report: Report) -> str:
    """Precision over recall."""
    points = [(r, p) for r, p in report["curves"]["precision_recall"]]
    return _line("Precision at every level of recall", points, "recall", "precision", (0.0, 1.0))


def recall_curve(report: Report) -> str:
    """recall@k over k."""
    values = report["curves"]["recall_at"]
    points = [(float(k), value) for k, value in enumerate(values, 1)]
    title = "Queries with a right answer among the first k"
    return _line(title, points, "k", "recall@k", (1.0, float(len(points))))


def score_histogram(report: Report) -> str:
    """How right and wrong pairs' scores are spread, each as shares of its own kind."""
    scores = report["curves"]["scores"]
    low, high = scores["low"], scores["high"]
    kinds = {kind: _shares(scores[kind]) for kind in ("negatives", "positives")}
    first, last = _occupied([a + b for a, b in zip(*kinds.values(), strict=True)])
    bins = len(scores["positives"])
    step = -(-(last - first) // _MOST_BINS)  # neighbouring bins are shown as one
    width = (high - low) / bins
    span = (low + first * width, low + (first + -(-(last - first) // step) * step) * width)
    kinds = {kind: _merged(shares[first:last], step) for kind, shares in kinds.items()}
    top = 1.05 * max(max(shares) for shares in kinds.values()) or 1.0
    parts = _frame("score", "share of the pairs", span, (0.0, top), percent=True)
    for kind, shares in kinds.items():
        outline: list[Point] = []
        for number, share in enumerate(shares):
            left = span[0] + number * step * width
            outline += [(left, share), (left + step * width, share)]
        outline = [(outline[0][0], 0.0), *outline, (outline[-1][0], 0.0)]
        path = " ".join(_xy(point, span, (0.0, top)) for point in outline)
        parts.append(f'<polygon class="{kind[:-1]}" points="{path}"/>')
    return _svg("Scores of right and wrong pairs", _HEIGHT, parts)


def bars(title: str, rows: Sequence[tuple[str, float, float, float]]) -> str:
    """Horizontal bars from 0 to 1: (name, value, low, high) each, with a line from low to high."""
    height = len(rows) * _BAR + 8
    left, right = 124, 50
    scale = _WIDTH - left - right
    parts = []
    for number, (name, value, low, high) in enumerate(rows):
        y = 4 + number * _BAR
        middle = y + _BAR / 2
        parts += [
            f'<text class="tick" x="{left - 10}" y="{middle + 4}" text-anchor="end">'
            f"{escape(_shortened(name))}<title>{escape(name)}</title></text>",
            f'<rect class="track" x="{left}" y="{y + 7}" width="{scale}" height="{_BAR - 14}"'
            ' rx="4"/>',
            f'<rect class="share" x="{left}" y="{y + 7}" width="{scale * value:.1f}"'
            f' height="{_BAR - 14}" rx="4"/>',
            *_whisker(left + scale * low, left + scale * high, middle),
            f'<text class="tick strong" x="{_WIDTH}" y="{middle + 4}" text-anchor="end">'
            f"{value:.3f}</text>",
        ]
    return _svg(title, height, parts)


def _whisker(start: float, end: float, y: float) -> list[str]:
    if start == end:
        return []
    return [f'<path class="whisker" d="M{start:.1f} {y}H{end:.1f}"/>']


def _line(title: str, points: Sequence[Point], x: str, y: str, span: tuple[float, float]) -> str:
    parts = _frame(x, y, span, (0.0, 1.0))
    path = " ".join(_xy(point, span, (0.0, 1.0)) for point in points)
    ends = f"{_xy((points[-1][0], 0), span, (0, 1))} {_xy((points[0][0], 0), span, (0, 1))}"
    parts += [
        f'<polygon class="under" points="{path} {ends}"/>',
        f'<polyline class="line" points="{path}"/>',
    ]
    for point in points:
        at = _xy(point, span, (0.0, 1.0)).split(",")
        told = f"{x} {point[0]:g}: {y} {point[1]:.3f}"
        dot = f'<circle class="dot" cx="{at[0]}" cy="{at[1]}" r="3">'
        parts.append(f"{dot}<title>{told}</title></circle>")
    return _svg(title, _HEIGHT, parts)


def _frame(
    x: str, y: str, span: tuple[float, float], rise: tuple[float, float], percent: bool = False
) -> list[str]:
    """Grid, ticks and the names of the axes."""
    parts = []
    for value in _ticks(*rise):
        at = _xy((span[0], value), span, rise).split(",")[1]
        text = f"{100 * value:.3g} %" if percent else f"{value:g}"
        parts.append(f'<path class="axis" d="M{_LEFT} {at}H{_WIDTH - _RIGHT}"/>')
        parts.append(
            f'<text class="tick" x="{_LEFT - 7}" y="{float(at) + 4:.1f}" text-anchor="end">'
            f"{text}</text>"
        )
    for value in _ticks(*span):
        at = _xy((value, rise[0]), span, rise).split(",")[0]
        parts.append(
            f'<text class="tick" x="{at}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="middle">'
            f"{value:g}</text>"
        )
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(
        f'<text class="tick name" x="{middle}" y="{_HEIGHT - 8}" text-anchor="middle">'
        f"{escape(x)}</text>"
    )
    parts.append(f'<text class="tick name" x="{_LEFT - 7}" y="12">{escape(y)}</text>')
    return parts


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers between two values, five or so."""
    rough = (high - low) / 5
    power = 10.0 ** (len(f"{int(1 / rough)}") * -1 if rough < 1 else len(f"{int(rough)}") - 1)
    step = next(s * power for s in (1, 2, 2.5, 5, 10, 20, 50) if s * power >= rough * 0.99)
    first = int(-(-low // step))
    ticks = [round((first + n) * step, 10) for n in range(60) if (first + n) * step <= high + 1e-9]
    return [int(low), *(t for t in ticks if t > low)] if low == 1 else ticks


def _xy(point: Point, span: tuple[float, float], rise: tuple[float, float]) -> str:
    x = _LEFT + (point[0] - span[0]) / (span[1] - span[0]) * (_WIDTH - _LEFT - _RIGHT)
    y = _HEIGHT - _BOTTOM - (point[1] - rise[0]) / (rise[1] - rise[0]) * (_HEIGHT - _TOP - _BOTTOM)
    return f"{x:.1f},{y:.1f}"


def _svg(title: str, height: int, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" xmlns="http://www.w3.org/2000/svg">'
        f"<title>{escape(title)}</title>{''.join(parts)}</svg>"
    )


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"


def _shares(counts: Sequence[int]) -> list[float]:
    total = sum(counts) or 1
    return [count / total for count in counts]


def _occupied(shares: Sequence[float]) -> tuple[int, int]:
    """The span of bins outside which hardly any pair lies."""
    seen = [number for number, share in enumerate(shares) if share > 1e-4]
    return (seen[0], seen[-1] + 1) if seen else (0, len(shares))


def _merged(shares: Sequence[float], step: int) -> list[float]:
    return [sum(shares[start : start + step]) for start in range(0, len(shares), step)]
