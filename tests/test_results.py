"""docs/results.md is made from reports, never typed."""

import json
import re
from pathlib import Path
from typing import Any

from benchmarks.quality_table import COLUMNS, table, worst_edit

REPOSITORY = Path(__file__).parents[1]
RESULTS = sorted((REPOSITORY / "benchmarks" / "results").glob("*.json"))


def reports() -> list[dict[str, Any]]:
    return [json.loads(path.read_text(encoding="utf-8")) for path in RESULTS]


def test_the_results_page_is_what_the_reports_say() -> None:
    page = (REPOSITORY / "docs" / "results.md").read_text(encoding="utf-8")
    assert page == table(reports()), "run: python -m benchmarks.quality"


def test_every_report_stands_on_the_page_with_its_interval() -> None:
    page = table(reports())
    shown = {column.set: column.measure for column in COLUMNS}
    for report in reports():
        low, high = report["intervals"][shown[report["set"]]]
        row = re.search(rf"^\| \*\*{re.escape(report['model']['name'])}\*\*.*$", page, re.M)
        assert row is not None
        assert f"{low:.3f} … {high:.3f}" in row[0]


def test_the_worst_edit_leaves_flips_out() -> None:
    edits = {"flip": {"recall@1": 0.1}, "blur": {"recall@1": 0.4}, "crop": {"recall@1": 0.9}}
    assert worst_edit({"by_class": edits}) == ("blur", 0.4)


def test_reports_of_one_set_were_made_of_the_same_data() -> None:
    hashes: dict[str, set[str]] = {}
    for report in reports():
        hashes.setdefault(report["set"], set()).add(report["data"]["hash"])
    assert all(len(found) == 1 for found in hashes.values()), hashes


def test_reports_hold_no_place_of_a_machine() -> None:
    for path in RESULTS:
        assert not re.search(r'"[^"]*/(work|home|root|tmp)/', path.read_text(encoding="utf-8"))
