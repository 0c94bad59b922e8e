"""Contact sheets and reports, which are files: they open anywhere, with nothing beside them."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.browser.access import CONTRAST
from tests.browser.conftest import wait_until

from visavis.pages.cards import Card, Row, Sheet
from visavis.pages.report import Rows, render_page
from visavis.pages.sheet import write_sheet

if TYPE_CHECKING:
    from playwright.sync_api import Browser

LONG = "a red bag with a golden buckle and averylongwordthatcannotbebrokenanywhere " * 2


def rows() -> list[Row]:
    pixels = np.full((60, 90, 3), (200, 40, 40), np.uint8)
    asked = [Card(pixels, LONG), Card(None, "", "weight -1", good=False, words=LONG)]
    found = [Card(pixels, LONG, LONG, 0.5, "/photos/a.jpg", good=n % 2 == 0) for n in range(9)]
    return [Row(asked, found, heading=LONG), Row(asked[:1], [], LONG)]


def report() -> dict[str, Any]:
    names = ["recall@1", "recall@10", "map", "precision@10"]
    scores = {"low": -1, "high": 1, "positives": [1] * 200, "negatives": [2] * 200}
    recall = {"recall_at": [0.5, 0.9], "precision_recall": [[0, 1], [1, 0.5]]}
    return {
        "metrics": dict.fromkeys(names, 0.5),
        "intervals": {name: [0.4, 0.6] for name in names},
        "by_class": {f"{LONG}{n}": {"map": n / 30} for n in range(30)},
        "model": {"name": "classic", "fingerprint": "a" * 16, "dim": 384},
        "data": {"source": LONG, "hash": "b" * 64, "records": 9, "queries": 9},
        "protocol": {"kind": "same", "field": "kind", "where": [], "queries": None},
        "latency": {"search_ms": 1, "search_p95_ms": 2},
        "drawn": {"unit": "originals", "groups": 9},
        "curves": {**recall, "scores": scores},
        "notes": [LONG],
        "machine": {"system": "Linux", "processor": "x86_64", "cores": 2},
        "visavis": "1",
        "time": "now",
    }


@pytest.fixture(params=["one row", "several", "report"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "out.html"
    if request.param == "report":
        path.write_text(render_page(report(), Rows(rows(), rows())), encoding="utf-8")
    else:
        write_sheet(path, Sheet(LONG, rows()[: 1 if request.param == "one row" else 2], LONG))
    return path


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (1300, "dark"), (1300, "light")])
def test_a_page_fits_the_window_and_all_of_it_can_be_seen(
    browser: "Browser", file: Path, width: int, scheme: Any
) -> None:
    trouble: list[str] = []
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, offline=True
    )
    page = context.new_page()
    page.on("requestfailed", lambda request: trouble.append(request.url))
    page.on("console", lambda message: trouble.append(message.text))
    page.goto(file.as_uri())
    wait_until(page, "[...document.images].every(image => image.complete)")
    assert page.evaluate("[...document.images].every(image => image.naturalWidth > 0)")
    assert page.evaluate("document.images.length") >= 10
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(CONTRAST) == []
    assert not trouble
    context.close()
