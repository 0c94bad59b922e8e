"""What a chart's points tell: screen readers and pointers read these titles."""

import re

from visavis.pages import charts

REPORT = {
    "curves": {
        "recall_at": [0.25, 0.5, 0.75],
        "precision_recall": [[0.0, 1.0], [0.5, 0.6667], [1.0, 0.5]],
    }
}


def points(svg: str) -> list[tuple[float, float, str]]:
    found = re.findall(r'cx="([0-9.]+)" cy="([0-9.]+)" r="3"><title>([^<]*)', svg)
    return [(float(x), float(y), told) for x, y, told in found]


def test_the_recall_curve_begins_at_the_first_place() -> None:
    drawn = points(charts.recall_curve(REPORT))
    told = ["k 1: recall@k 0.250", "k 2: recall@k 0.500", "k 3: recall@k 0.750"]
    assert [point[2] for point in drawn] == told
    across, up = [point[0] for point in drawn], [point[1] for point in drawn]
    assert across == sorted(across)
    assert up == sorted(up, reverse=True)  # y grows downwards


def test_precision_stands_above_its_recall() -> None:
    drawn = points(charts.precision_recall(REPORT))
    assert [point[2] for point in drawn][1] == "recall 0.5: precision 0.667"
    assert drawn[1][0] == (drawn[0][0] + drawn[2][0]) / 2
