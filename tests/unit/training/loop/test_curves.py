from pathlib import Path

import pytest
from PIL import Image

from visavis.training.loop.curves import _span, draw_curves


def test_each_figure_has_a_chart_though_epoch_0_has_no_loss(tmp_path: Path) -> None:
    rows = [{"epoch": 0, "map": 0.5}, {"epoch": 1, "loss": 0.2, "map": 0.6}]
    draw_curves(tmp_path / "two.png", rows)
    draw_curves(tmp_path / "one.png", [{"epoch": 1, "loss": 0.2}])
    with Image.open(tmp_path / "two.png") as two, Image.open(tmp_path / "one.png") as one:
        assert two.width == 2 * one.width


@pytest.mark.parametrize(("low", "high"), [(0.876, 0.881), (1, 1), (0, 0.01), (0.2, 0.95), (0, 1)])
def test_a_chart_of_shares_shows_all_of_them_and_no_tiny_change_as_a_large_one(
    low: float, high: float
) -> None:
    start, end = _span(low, high)
    assert start < low <= high < end
    assert end - start >= 0.1
    assert start > -0.1
    assert end < 1.1
