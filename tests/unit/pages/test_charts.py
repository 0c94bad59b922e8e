"""What a chart's points tell: screen readers and pointers read these titles."""

import re

import pytest

from visavis.pages import charts
from visavis.pages.render import render

REPORT = {
    "curves": {
        "recall_at": [0.25, 0.5, 0.75],
        "precision_recall": [[0.0, 1.0], [0.5, 0.6667], [1.0, 0.5]],
    }
}


def points(plot: charts.Plot) -> list[tuple[float, float, str]]:
    svg = render("plot.html", plot=plot)
    found = re.findall(r'cx="([0-9.]+)" cy="([0-9.]+)" r="3"><title>([^<]*)', svg)
    return [(float(x), float(y), told) for x, y, told in found]


def test_the_recall_curve_begins_at_the_first_place() -> None:
    drawn = points(charts.recall_curve(REPORT))
    told = ["k 1: recall@k 0.250", "k 2: recall@k 0.500", "k 3: recall@k 0.750"]
    assert [point[2] for point in drawn] == told
    across, up = [point[0] for point in drawn], [point[1] for point in drawn]
    assert across == sorted(across)
    assert up == sorted(up, reverse=True)  # y grows downwards


def test_as_many_shares_are_drawn_as_there_are_pairs_of_a_kind() -> None:
    scores = {"low": -1.0, "high": 1.0, "positives": [0] * 60 + [1] * 40, "negatives": [0] * 100}
    scores["negatives"] = [0] * 30 + [2, 6, 2] + [0] * 67
    plot = charts.score_histogram({"curves": {"scores": scores}})
    outlines = dict(plot.areas)
    assert plot.x_range[0] == pytest.approx(-0.4)  # where the first of the scores are
    assert plot.x_range[1] >= 1.0
    for outline in outlines.values():
        assert (outline[0][1], outline[-1][1]) == (0, 0)
        assert sum(y for _, y in outline) == pytest.approx(2)  # each step has two corners
    highest = max(outlines["negative"], key=lambda point: point[1])
    assert -0.4 <= highest[0] <= -0.34


@pytest.mark.parametrize(("low", "high"), [(0, 1), (1, 25), (1, 2), (-0.3, 0.95), (0, 0.037)])
def test_ticks_are_a_handful_of_round_numbers_within_the_axis(low: float, high: float) -> None:
    found = charts.ticks(low, high)
    assert 2 <= len(found) <= 7
    assert found == sorted(set(found))
    assert low <= found[0]
    assert found[-1] <= high + 1e-9
    assert all(len(f"{value:g}") <= 5 for value in found)


def test_precision_stands_above_its_recall() -> None:
    drawn = points(charts.precision_recall(REPORT))
    assert [point[2] for point in drawn][1] == "recall 0.5: precision 0.667"
    assert drawn[1][0] == (drawn[0][0] + drawn[2][0]) / 2
