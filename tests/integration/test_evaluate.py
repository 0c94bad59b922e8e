"""`visavis evaluate` from end to end, on drawn pictures, and on real ones where they are there."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from tests.integration.conftest import COUNT, Cli

from visavis.cli.progress import evaluating as evaluating_progress
from visavis.evaluation.edits import EDITS
from visavis.evaluation.report import evaluate
from visavis.evaluation.tasks import Options, same_task
from visavis.image_index import ImageIndex

SHARED = Path(__file__).parents[2].parent / "shared"
NETWORK = SHARED / "weights" / "mobilenet-v2"


def test_the_drawn_gallery_is_measured_by_product(cli: Cli, drawn_index: Path) -> None:
    outcome = cli("evaluate", "--index", drawn_index, "--same", "product", "--json")
    assert outcome.code == 0
    report = json.loads(outcome.out)
    metrics = report["metrics"]
    assert metrics["top4_accuracy"] == pytest.approx(metrics["ns_score"] / 4, abs=1e-6)
    assert metrics["recall@1"] <= metrics["recall@5"] <= metrics["recall@10"] <= 1
    assert metrics["recall@1"] > 0.5  # one product a category: chance is 3 in 55
    assert report["data"]["records"] == report["data"]["queries"] == COUNT
    assert report["data"]["source"].endswith("catalogue.csv")
    assert len(report["by_class"]) == COUNT // 4
    assert report["model"]["name"] == "classic"
    assert report["latency"]["search_ms"] > 0
    for name, (low, high) in report["intervals"].items():
        assert low <= metrics[name] <= high


def test_without_a_terminal_figures_come_as_a_table_with_tabs(cli: Cli, drawn_index: Path) -> None:
    outcome = cli("evaluate", "--index", drawn_index, "--same", "product", "-k", "1,3")
    rows = [line.split("\t") for line in outcome.out.splitlines()]
    assert [row[0] for row in rows][:3] == ["recall@1", "recall@3", "map"]
    assert all(float(low) <= float(value) <= float(high) for _, value, low, high in rows)
    assert f"The {COUNT // 4} values of product" in outcome.err  # too few to be drawn whole


def test_a_folder_is_measured_without_an_index_of_its_own(
    cli: Cli, drawn: Path, tmp_path: Path
) -> None:
    outcome = cli(
        "evaluate", drawn / "catalogue.csv", "--model", "classic", "--same", "category", "--json"
    )
    assert outcome.code == 0
    assert json.loads(outcome.out)["data"]["records"] == COUNT
    assert not list(tmp_path.glob("*.index"))


def test_copies_of_the_drawn_pictures_are_traced(cli: Cli, drawn_index: Path) -> None:
    command = ("evaluate", "--index", drawn_index, "--copies", "--originals", 2, "--json")
    first, again = (json.loads(cli(*command).out) for _ in range(2))
    assert set(first["by_class"]) == set(EDITS)
    assert first["metrics"] == again["metrics"]
    assert first["by_class"]["resize"]["recall@1"] == 1.0
    assert 0 < first["metrics"]["micro_ap"] <= 1
    other = json.loads(cli(*command, "--seed", 1).out)
    assert other["data"]["hash"] != first["data"]["hash"]


def test_a_chosen_edit_is_measured_alone(cli: Cli, drawn_index: Path, tmp_path: Path) -> None:
    some = ("evaluate", "--index", drawn_index, "--copies", "--originals", 2)
    outcome = cli(*some, "--edit", "sepia", "--edit", "flip", "--json", "--out", "some.json")
    assert list(json.loads(outcome.out)["by_class"]) == ["flip", "sepia"]
    other = cli(*some, "--edit", "flip", "--against", "some.json")
    assert other.code == 2
    assert "edits ['flip', 'sepia'] there and ['flip'] here" in other.err


def test_two_reports_are_compared_query_by_query(
    cli: Cli, drawn: Path, drawn_index: Path, tmp_path: Path
) -> None:
    weak, same = tmp_path / "weak.json", ("--same", "product")
    made = cli("evaluate", "--index", drawn_index, *same, "--out", weak)
    assert f"wrote {weak}" in made.err
    outcome = cli("evaluate", "--index", drawn_index, *same, "--against", weak, "--json")
    told = json.loads(outcome.out)["against"]
    assert told["differences"]["map"]["difference"] == 0
    assert told["differences"]["map"]["verdict"] == "no clear difference"
    other = cli("evaluate", "--index", drawn_index, "--same", "colour", "--against", weak)
    assert other.code == 2
    assert "another protocol" in other.err
    less = cli("evaluate", "--index", drawn_index, *same, "--where", "view!=x", "--against", weak)
    assert less.code == 2


def test_copies_have_recall_at_1_whatever_depths_are_asked_for(cli: Cli, drawn_index: Path) -> None:
    outcome = cli(
        "evaluate", "--index", drawn_index, "--copies", "--originals", 2, "-k", 5, "--json"
    )
    assert outcome.code == 0, outcome.err
    report = json.loads(outcome.out)
    assert {"recall@1", "recall@5"} <= report["metrics"].keys()
    assert "recall@1" in report["by_class"]["blur"]


@pytest.mark.parametrize("option", ["--out", "--report"])
def test_a_place_that_cannot_be_written_to_is_told_before_any_work(
    cli: Cli, tmp_path: Path, option: str
) -> None:
    """The source does not exist: reading it would be the first work."""
    (tmp_path / "a.html").mkdir()
    for place in ("a.html", "no/a.html"):
        outcome = cli("evaluate", "nothing", "--same", "product", option, place)
        assert outcome.code == 2
        assert f"cannot write the report {place}: " in outcome.err
        assert len(outcome.err.strip().splitlines()) == 1


def test_a_new_report_is_kept_though_the_comparison_is_refused(
    cli: Cli, drawn_index: Path, tmp_path: Path
) -> None:
    of, old, new = (
        ("evaluate", "--index", drawn_index),
        tmp_path / "old.json",
        tmp_path / "new.json",
    )
    assert cli(*of, "--same", "colour", "--out", old).code == 0
    outcome = cli(*of, "--same", "product", "--out", new, "--against", old)
    assert outcome.code == 2
    assert "another protocol" in outcome.err
    assert json.loads(new.read_text())["protocol"]["field"] == "product"


def test_many_queries_against_many_pictures_come_with_a_word_about_samples(
    cli: Cli, drawn_index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ("evaluate", "--index", drawn_index, "--same", "product")
    assert "--sample" not in cli(*command).err
    monkeypatch.setattr(evaluating_progress, "LONG", COUNT * COUNT - 1)
    assert f"note: {COUNT} queries against {COUNT} pictures take a while" in cli(*command).err
    assert "--sample" not in cli(*command, "--sample", COUNT - 1).err


class Page(HTMLParser):
    """The texts, element names and addresses of a page."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.text = ""
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_holds_figures_charts_and_pictures_and_needs_nothing_beside_it(
    cli: Cli, drawn_index: Path, tmp_path: Path
) -> None:
    path = tmp_path / "out.html"
    outcome = cli(
        "evaluate", "--index", drawn_index, "--same", "category", "--report", path, "--json"
    )
    report = json.loads(outcome.out)
    page = Page(path.read_text("utf-8"))
    assert f"{report['metrics']['map']:.3f}" in page.text
    assert page.tags.count("svg") == 3
    assert page.tags.count("figure") > 3 + 20  # bars, and cards
    assert page.tags.count("img") > 20
    assert "script" not in page.tags
    assert all(address.startswith(("data:", "file:")) for address in page.addresses)
    assert "Where it fails" in page.text
    values = len(report["by_class"])
    fixed = f"The {values} values of category and the pictures searched are taken as fixed"
    assert fixed in page.text


def test_the_page_of_copies_shows_the_edited_queries(
    cli: Cli, drawn_index: Path, tmp_path: Path
) -> None:
    path = tmp_path / "out.html"
    copies = ("--copies", "--originals", 2)
    assert cli("evaluate", "--index", drawn_index, *copies, "--report", path).code == 0
    page = Page(path.read_text("utf-8"))
    assert "no picture" not in page.text
    assert all(edit in page.text for edit in EDITS)


def test_text_from_a_catalogue_is_escaped_in_the_page(
    cli: Cli, drawn: Path, tmp_path: Path
) -> None:
    names = ["mug-01-front", "mug-01-close", "lamp-01-front", "lamp-01-close"]
    rows = [f'{drawn}/images/{name}.jpg,"<script>{name[:3]}</script>"' for name in names]
    (tmp_path / "c.csv").write_text("path,kind\n" + "\n".join(rows))
    path = tmp_path / "out.html"
    outcome = cli("evaluate", "c.csv", "--model", "classic", "--same", "kind", "--report", path)
    assert outcome.code == 0
    source = path.read_text("utf-8")
    assert "<script>" not in source
    assert "&lt;script&gt;mug" in source


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "one of --same FIELD, --truth FILE and --copies"),
        (["--same", "product", "--copies"], "one of --same FIELD"),
        (["--same", "produkt"], "did you mean 'product'?"),
        (["--same", "product", "--originals", "5"], "--originals is for --copies"),
        (["--same", "product", "--edit", "blur"], "--edit is for --copies"),
        (["--copies", "--edit", "sephia"], "did you mean 'sepia'?"),
        (["--copies", "--sample", "5"], "--sample has no effect with --copies"),
        (["--same", "product", "-k", "1,x"], "-k wants whole numbers"),
        (["--same", "product", "--seed", "-1"], "--seed"),
        (["--same", "product", "-k", "0"], "-k wants whole numbers"),
        (["--same", "product", "--where", "category=nothing"], "no record passes"),
        (["--same", "product", "--queries", "nothing"], "no such folder or catalogue"),
        (["--same", "product", "--report", "out.pdf"], "must end in .html"),
        (["--same", "product", "--report", "no/out.html"], "there is no folder no"),
        (["--same", "product", "--against", "no.json"], "no.json: the report cannot be read"),
        (["--same", "product", "--model", "classic"], "--model goes with a SOURCE"),
        (["--same", "product", "--out", "no/out.json"], "cannot write the report"),
        (["--truth", "no.json"], "no.json: the ground truth cannot be read"),
        (["photos", "--same", "product"], "not both"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(
    cli: Cli, drawn_index: Path, arguments: list[str], told: str
) -> None:
    outcome = cli("evaluate", "--index", drawn_index, *arguments)
    assert outcome.code == 2
    assert told in outcome.err
    assert len(outcome.err.strip().splitlines()) == 1
    assert not outcome.out


def test_ground_truth_that_names_unknown_ids_is_refused(
    cli: Cli, drawn_index: Path, tmp_path: Path
) -> None:
    path = tmp_path / "truth.json"
    path.write_text('{"mug-01-front": ["mug-01-close", "mug-99-close"]}')
    outcome = cli("evaluate", "--index", drawn_index, "--truth", path)
    assert outcome.code == 2
    assert re.search("ids that the gallery does not have: mug-99-close", outcome.err)


def test_a_folder_without_pictures_is_refused(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    outcome = cli("evaluate", tmp_path / "empty", "--model", "classic", "--same", "folder")
    assert outcome.code == 2
    assert "empty: there is no picture in it that can be used" in outcome.err


def test_an_index_that_is_not_there_is_exit_code_3(cli: Cli) -> None:
    assert cli("evaluate", "--same", "product").code == 3


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.skipif(not NETWORK.is_dir(), reason="needs shared/data and shared/weights")
@pytest.mark.parametrize(
    ("name", "field", "measure", "known"),
    [("ukbench", "object_id", "top4_accuracy", 0.977), ("pascal", "label", "precision@10", 0.468)],
)
def test_known_figures_of_mobilenet_come_out(
    tmp_path: Path, name: str, field: str, measure: str, known: float
) -> None:
    with ImageIndex.create(tmp_path / "an.index", NETWORK) as index:
        index.add(SHARED / "data" / name / "labels.csv", image_column="path")
        report, _ = evaluate(index, same_task(index, field, Options()))
    assert report["metrics"][measure] == pytest.approx(known, abs=0.002)


@pytest.mark.shared
@pytest.mark.skipif(not (SHARED / "data").is_dir(), reason="needs shared/data")
def test_colour_finds_objects_and_not_categories(tmp_path: Path) -> None:
    found = {}
    for name, field, measure in (
        ("ukbench", "object_id", "top4_accuracy"),
        ("pascal", "label", "precision@10"),
    ):
        with ImageIndex.create(tmp_path / name, "classic") as index:
            index.add(SHARED / "data" / name / "labels.csv", image_column="path")
            report, _ = evaluate(index, same_task(index, field, Options()))
        found[name] = report["metrics"][measure]
    # A plain HSV histogram gets .891 and .094.
    assert found["ukbench"] > 0.891
    assert 0.09 < found["pascal"] < 0.2
