"""docs/results.md is made from reports, never typed."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from benchmarks.quality import all_reports, paired
from benchmarks.quality_table import COLUMNS, table, worst_edit
from benchmarks.quality_words import held_back
from benchmarks.training_table import RESULTS as TRAINING
from benchmarks.training_table import training_reports, training_section

REPOSITORY = Path(__file__).parents[1]
BUILT_IN = REPOSITORY / "src" / "visavis" / "embedders" / "builtin" / "visavis-s"
RESULTS = sorted((REPOSITORY / "benchmarks" / "results").glob("*.json"))
WORDS = sorted((REPOSITORY / "benchmarks" / "results" / "words").glob("*.json"))


def reports() -> list[dict[str, Any]]:
    return [json.loads(path.read_text(encoding="utf-8")) for path in RESULTS]


def word_reports() -> list[dict[str, Any]]:
    return [json.loads(path.read_text(encoding="utf-8")) for path in WORDS]


def test_the_results_page_is_what_the_reports_say() -> None:
    page = (REPOSITORY / "docs" / "results.md").read_text(encoding="utf-8")
    wanted = table(*all_reports())
    assert page == wanted, "run: python -m benchmarks.quality"


def test_every_report_about_words_stands_on_the_page() -> None:
    page = table([], word_reports())
    for report in word_reports():
        assert f"**{report['model']['name']}**" in page
        intervals = report.get("intervals") or {
            (kind, way): interval
            for kind, measures in report["measures"].items()
            for way, interval in measures["interval"].items()
        }
        shown = [f"{low:.3f} … {high:.3f}" for low, high in intervals.values()]
        assert sum(interval in page for interval in shown) >= len(shown) - 1  # recall@1 is not


def test_the_test_pictures_are_a_fifth_of_every_class_each_time() -> None:
    labels = [f"class {n % 20}" for n in range(800)]
    rows = held_back(labels)
    assert rows == held_back(labels)
    assert len(rows) == len(set(rows)) == 160
    assert Counter(labels[row] for row in rows) == Counter({f"class {n}": 8 for n in range(20)})
    assert 10 < len(set(rows) & set(held_back(labels, 1))) < 60  # another draw: some are the same


def test_every_report_stands_on_the_page_with_its_interval() -> None:
    page = table(reports())
    shown = {column.set: column.measure for column in COLUMNS}
    for report in reports():
        low, high = report["intervals"][shown[report["set"]]]
        row = re.search(rf"^\| \*\*{re.escape(report['model']['name'])}\*\*.*$", page, re.M)
        assert row is not None
        assert f"{low:.3f} … {high:.3f}" in row[0]


def measured(name: str, values: list[float]) -> dict[str, Any]:
    """What one model got on a small set of objects."""
    mean = sum(values) / len(values)
    return {
        "set": "ukbench",
        "metrics": {"top4_accuracy": mean},
        "intervals": {"top4_accuracy": [mean - 0.02, mean + 0.02]},
        "intervals_by_value": {"top4_accuracy": [mean - 0.05, mean + 0.05]},
        "model": {"name": name},
        "data": {"hash": "h", "records": 40, "queries": 40},
        "protocol": {"kind": "same", "field": "object_id"},
        "per_query": {
            "ids": [str(n) for n in range(len(values))],
            "values": {"top4_accuracy": values, "map": values},
        },
    }


def test_models_of_one_run_are_compared_query_by_query_on_the_page() -> None:
    ours = measured("visavis-s", [0.75, 1.0, 0.5, 1.0] * 10)
    worse = measured("classic", [0.5, 0.75, 0.25, 1.0] * 10)
    like = measured("other", [1.0, 0.75, 1.0, 0.5] * 10)
    every = [ours, worse, like]
    for report in every:
        report["against"] = paired("ukbench", report, every)
    assert ours["against"].keys() == {"classic", "other"}
    assert ours["against"]["classic"].keys() == {"top4_accuracy"}  # what the page shows
    page = table(every)
    section = page[page.index("## visavis-s against the others") :]
    low, high = ours["against"]["classic"]["top4_accuracy"]["interval"]
    assert f"| **classic** | **+0.188**<br>{low:+.3f} … {high:+.3f} | –" in section
    assert "| **other** | +0.000<br>" in section
    assert "ukbench's 2.5 times as wide" in page


def test_without_a_common_run_nothing_is_said_of_differences() -> None:
    alone = measured("visavis-s", [0.5, 1.0])
    page = table([alone | {"against": {}}])
    assert "against the others" not in page
    assert "visavis evaluate --against" in page


def test_the_page_says_what_its_intervals_are_of() -> None:
    page = table(reports())
    assert "whole objects or products (125 in ukbench, 81 in grocery" in page
    assert re.search(r"a few classes are taken as\s+fixed", page)
    for report in reports():  # by values, queries or originals; the others say what was drawn
        few = report["set"] in ("pascal", "clothing")
        assert ("intervals_by_value" in report) == few


def test_the_readme_says_of_objects_what_the_reports_say() -> None:
    """A change of a figure, or of what can be said of it, has to be told there too."""
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    found = {r["model"]["name"]: r for r in reports() if r["set"] == "ukbench"}
    for name in ("visavis-s", "classic", "mobilenet-v2", "0.8:mobilenet-v2+0.2:classic"):
        assert f"{found[name]['metrics']['top4_accuracy']:.3f}" in readme
    against = found["visavis-s"].get("against", {}).get("classic")
    if against:
        assert against["top4_accuracy"]["verdict"] == "better"


def test_the_model_card_says_what_was_measured() -> None:
    card = (REPOSITORY / "docs" / "visavis-s.md").read_text(encoding="utf-8")
    speed = json.loads((REPOSITORY / "benchmarks" / "speed.json").read_text(encoding="utf-8"))
    figures = {one["what"]: one for r in speed["reports"] for one in r["figures"]}
    eight, alone = (figures[f"visavis-s, {how}"] for how in ("in batches of eight", "alone"))
    assert f"{alone['ratio']:.1f} times what mobilenet-v2 takes beside it" in card
    assert f"in batches of eight {eight['ratio']:.1f} times" in card
    ours = {r["set"]: r["metrics"] for r in reports() if r["model"]["name"] == "visavis-s"}
    [words] = [r["metrics"] for r in word_reports() if r["set"] == "builtin"]
    told = {
        "ukbench {}": ours["ukbench"]["top4_accuracy"],
        "pascal {}": ours["pascal"]["precision@10"],
        "clothing {}": ours["clothing"]["precision@10"],
        "Groceries: {} (P@10)": ours["grocery"]["precision@10"],
        "recall@5 is {}": ours["grocery-iconic"]["recall@5"],
        "nineteen kinds {}": ours["copies"]["recall@1"],
        "captions {}": words["caption: recall@10"],
        "names of things {}": words["name: precision@10"],
        "colour and noun {}": words["colour and noun"],
    }
    for sentence, figure in told.items():
        assert sentence.format(f"{figure:.3f}".removeprefix("0")) in card
    rounding = json.loads((BUILT_IN / "metrics.json").read_text(encoding="utf-8"))["rounding"]
    for one in ("integers_computed_in_floats", "browser", "before_rounding"):
        assert f"| {rounding[one]['cosine']:.4f} | {rounding[one]['nearest']:.3f} |" in card
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert f"edited copies ({ours['copies']['recall@1']:.2f} of nineteen kinds)" in readme
    assert f"recall@5\n{ours['grocery-iconic']['recall@5']:.2f}" in readme


def test_the_worst_edit_leaves_flips_out() -> None:
    edits = {"flip": {"recall@1": 0.1}, "blur": {"recall@1": 0.4}, "crop": {"recall@1": 0.9}}
    assert worst_edit({"by_class": edits}) == ("blur", 0.4)


def test_reports_of_one_set_were_made_of_the_same_data() -> None:
    hashes: dict[str, set[str]] = {}
    for report in reports():
        hashes.setdefault(report["set"], set()).add(report["data"]["hash"])
    assert all(len(found) == 1 for found in hashes.values()), hashes


def test_reports_hold_no_place_of_a_machine() -> None:
    for path in (*RESULTS, *WORDS, *TRAINING.glob("*.json")):
        assert not re.search(r'"[^"]*/(work|home|root|tmp)/', path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("figure", "shown"),
    [
        ("search 200,000 × 256, fresh vectors", "{value:.1f} ms | {floor:.2f} ms"),
        ("search 1,000,000 × 256, fresh vectors", "{value:.1f} ms | {floor:.2f} ms"),
        ("search 1,000,000 × 256, filter keeps 1 %, new", "{value:.1f} ms, "),
        ("search 1,000,000 × 256, filter keeps 1 %, repeated", ", {value:.1f} ms, both exact"),
        ("search 200,000 × 256 by words among", "{value:.1f} ms | {floor:.1f} ms, the same by id"),
        ("open 400,000 × 300 words", "{value:.0f} ms | |"),
        ("index 1,200 JPEGs", "{value:.0f} a second | {floor:.0f}, all cores"),
        ("index 20,000 unchanged files in", "{value:.0f} ms | {floor:.0f} ms, listing"),
        (
            "first picture of the page for a new visitor, thumbnails kept",
            "{value:.0f} ms | {floor:.0f} ms, a bare page",
        ),
        ("visavis --help", "{value:.0f} ms | {floor:.0f} ms, importing typer"),
        ("visavis search ./x.jpg, 100,000 records, classic", "{value:.0f} ms | {floor:.0f} ms"),
        ("visavis search dog", "{value:.0f} ms | {floor:.0f} ms, `visavis search ./x.jpg`"),
        ("search 20,000 × 448 by words, visavis-s, by looks", "{value:.1f} ms | {floor:.1f} ms"),
        ("search 200,000 × 448 by words, visavis-s, by looks", "{value:.1f} ms | {floor:.1f} ms"),
        ("search_many", "{value:,.0f} a second | {floor:.0f}, one after the other"),
        ("5 candidates verified", "{value:.0f} ms | {floor:.0f} ms, OpenCV's SIFT"),
        ("a site of 50,000 with --search", "{value:.1f} MB | |"),
        ("first answer, all loaded", "{value:.1f} s | |"),
        ("POST /v1/search, one client", "{value:.0f} ms | {floor:.0f} ms, the same without HTTP"),
        ("POST /v1/search, 64 clients", "{value:.0f} a second | {floor:.0f}, cores"),
        ("GET /similar, one worker", "{value:.0f} a second | |"),
        ("memory after 10,000 requests", "{value:.3f} × what it was"),
    ],
)
def test_the_speeds_on_the_scale_page_are_those_of_the_report(figure: str, shown: str) -> None:
    speed = json.loads((REPOSITORY / "benchmarks" / "speed.json").read_text(encoding="utf-8"))
    page = (REPOSITORY / "docs" / "scale.md").read_text(encoding="utf-8")
    reports = [r for r in speed["reports"] if r["versions"]["typer"] != "0.29.2" or _timeless(r)]
    [found] = [f for r in reports for f in r["figures"] if f["what"].startswith(figure)]
    floor = found.get("floor", {}).get("value", 0.0)
    assert shown.format(value=found["value"], floor=floor) in page


@pytest.mark.parametrize(
    ("figure", "shown"),
    [
        ("index 400 photos", "as fast as into nothing ({ratio:.2f} ×)"),
        ("the end of that run", "sealed in {value:.1f} s more"),
        ("index 20,000 unchanged files again", "{value:,.0f} unchanged files"),
        (
            "recall@10 of 50,000 × 256, rows written just now, a tenth",
            "{value:.3f} of the ten best",
        ),
        ("recall@10 of 50,000 × 256, rows written just now, all", "{value:.3f} where all do"),
        (
            "what a query of 50,000 × 256 takes longer than in a folder, rows",
            "{value:.1f} ms longer",
        ),
        (
            "what a query of 50,000 × 256 takes longer than in a folder, in",
            "{value:.1f} ms in a graph",
        ),
        (
            "what a query of 50,000 × 256 takes longer than in a folder, rows",
            "asked with, it took {first:.0f} ms longer",
        ),
        ("of 11,400 records not found", "{value:,.0f} in the worst"),
    ],
)
def test_the_speeds_on_the_page_of_milvus_are_those_of_the_report(figure: str, shown: str) -> None:
    speed = json.loads((REPOSITORY / "benchmarks" / "speed.json").read_text(encoding="utf-8"))
    page = (REPOSITORY / "docs" / "how-to" / "milvus.md").read_text(encoding="utf-8")
    [report] = [r for r in speed["reports"] if r["benchmark"] == "milvus"]
    [found] = [f for f in report["figures"] if f["what"].startswith(figure)]
    said = shown.format(value=found["value"], ratio=found.get("ratio"), first=found["rounds"][0])
    assert said in page


def _timeless(report: dict[str, Any]) -> bool:
    """Whether Typer's version does not matter to it."""
    return bool(report["benchmark"] != "cold")


def test_reports_about_training_that_are_not_all_there_spoil_no_page() -> None:
    every = training_reports()
    assert training_section([report for report in every if report["set"] == "ukbench"]) == ""
    some = [report for report in every if "pixels" not in report["model"]["name"]]
    assert "`--pixels`" not in training_section(some)
    assert "a head" in training_section(some)
