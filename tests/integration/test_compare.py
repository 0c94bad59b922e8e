"""`visavis compare`, and `visavis evaluate` with several models."""

import json
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
from labelled import write_base
from PIL import Image
from tests.integration.conftest import COUNT, Cli

TWO = ("--model", "classic", "--model", "fake")


def test_two_models_are_measured_on_the_same_pictures(cli: Cli, drawn: Path, plug_in: None) -> None:
    command = ("evaluate", drawn / "catalogue.csv", *TWO, "--same", "product")
    outcome = cli(*command, "--json")
    assert outcome.code == 0
    shape = json.loads(outcome.out)
    assert shape["models"] == ["classic", "fake"]
    classic, fake = shape["reports"]
    assert classic["data"]["hash"] == fake["data"]["hash"]
    (comparison,) = shape["comparisons"]
    assert (comparison["model"], comparison["against"]) == ("fake", "classic")
    found = comparison["differences"]["map"]
    difference = fake["metrics"]["map"] - classic["metrics"]["map"]
    assert found["difference"] == pytest.approx(difference, abs=1e-4)
    assert found["verdict"] == "worse"  # a mean colour against colour and shape

    rows = [line.split("\t") for line in cli(*command).out.splitlines()]
    assert rows[0][:2] == ["recall@1", "classic"]
    assert rows[1][:2] == ["recall@1", "fake"]
    assert ["map difference", "fake - classic"] in [row[:2] for row in rows]


def test_the_table_for_people_names_what_is_clear(
    cli: Cli, drawn: Path, plug_in: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "dumb")  # no bold
    outcome = cli("evaluate", drawn / "catalogue.csv", *TWO, "--same", "product")
    assert outcome.code == 0
    head = next(line for line in outcome.out.splitlines() if "fake" in line)
    assert head.split() == ["classic", "fake"]
    assert "fake is worse than classic: recall@1 -0." in outcome.out
    assert "10 differences were looked at: one in twenty such tables at most" in outcome.out
    assert "from a picture file" in outcome.out


def test_models_of_one_name_are_called_as_they_were_given(
    cli: Cli, drawn: Path, tmp_path: Path
) -> None:
    pytest.importorskip("onnx")
    one, other = (str(write_base(tmp_path / place / "mine")) for place in ("one", "other"))
    twice = ("--model", one, "--model", other)
    command = ("evaluate", drawn / "catalogue.csv", *twice, "--same", "product", "--json")
    shape = json.loads(cli(*command).out)
    assert shape["models"] == [one, other]
    verdicts = [d["verdict"] for d in shape["comparisons"][0]["differences"].values()]
    assert set(verdicts) == {"no clear difference"}


@pytest.fixture
def with_white(drawn: Path, tmp_path: Path) -> Path:
    """A folder for each of three products, and a white picture in one of them."""
    for name in ("mug", "lamp", "clock"):
        (tmp_path / "shop" / name).mkdir(parents=True)
        for path in (drawn / "images").glob(f"{name}-*.jpg"):
            shutil.copy(path, tmp_path / "shop" / name)
    Image.new("RGB", (40, 40), "white").save(tmp_path / "shop" / "mug" / "white.png")
    return tmp_path / "shop"


@pytest.mark.parametrize(
    "question", [("--same", "folder"), ("--copies", "--originals", 4), ("--truth", "answers.json")]
)
def test_a_picture_that_one_model_cannot_take_is_left_out_for_all(
    question: tuple[str, ...], cli: Cli, with_white: Path, plug_in: None
) -> None:
    answers = {
        f"{name}/{name}-01-front.jpg": [f"{name}/{name}-01-close.jpg", "mug/white.png"]
        for name in ("mug", "lamp")
    }
    answers["mug/white.png"] = ["mug/mug-01-front.jpg"]
    answers["clock/clock-01-front.jpg"] = ["mug/white.png"]
    Path("answers.json").write_text(json.dumps(answers))
    command = ("evaluate", with_white, "--model", "fake-picky", "--model", "classic", *question)
    outcome = cli(*command, "--json")
    assert outcome.code == 0, outcome.err
    left_out = [line for line in outcome.err.splitlines() if "white.png" in line]
    assert len(left_out) == 1
    assert left_out[0].startswith(f"left out for all models: {with_white / 'mug' / 'white.png'}: ")
    assert left_out[0].endswith("(fake-picky)")
    shape = json.loads(outcome.out)
    picky, classic = shape["reports"]
    assert picky["data"] == classic["data"]
    assert "mug/white.png" not in picky["per_query"]["ids"]
    assert shape["comparisons"][0]["differences"]["map"]["p"] <= 1


def test_a_query_that_one_model_cannot_take_is_not_asked(
    cli: Cli, with_white: Path, plug_in: None
) -> None:
    asked = with_white.parent / "asked"
    shutil.copytree(with_white, asked)
    (with_white / "mug" / "white.png").unlink()
    two = ("--model", "classic", "--model", "fake-picky")
    command = ("evaluate", with_white, *two, "--same", "folder", "--queries", asked)
    outcome = cli(*command)
    assert outcome.code == 0, outcome.err
    assert outcome.err.count("white.png") == 1
    assert f"note: not asked: {asked / 'mug' / 'white.png'}: " in outcome.err
    reports = json.loads(cli(*command, "--json").out)["reports"]
    assert [report["data"]["queries"] for report in reports] == [12, 12]


@pytest.mark.parametrize("option", ["--out", "--against", "--report"])
def test_what_is_about_one_model_is_refused_for_several(
    option: str, cli: Cli, drawn: Path, drawn_index: Path, tmp_path: Path
) -> None:
    file = tmp_path / ("a.html" if option == "--report" else "a.json")
    if option == "--against":
        cli("evaluate", "--index", drawn_index, "--same", "product", "--out", file)
    outcome = cli("evaluate", drawn / "catalogue.csv", *TWO, "--same", "product", option, file)
    assert outcome.code == 2
    assert f"{option} is for one --model" in outcome.err


def test_the_answers_of_several_models_come_side_by_side(
    cli: Cli, drawn: Path, plug_in: None, tmp_path: Path
) -> None:
    query, sheet = drawn / "images" / "lamp-01-close.jpg", tmp_path / "sheet.html"
    source = ("--source", drawn / "catalogue.csv")
    outcome = cli("compare", query, "id:mug-01-front", *TWO, *source, "-k", 3, "--sheet", sheet)
    assert outcome.code == 0, outcome.err
    rows = [line.split("\t") for line in outcome.out.splitlines()]
    assert len(rows) == 2 * 2 * 3
    assert [row[1] for row in rows] == (["classic"] * 3 + ["fake"] * 3) * 2
    assert rows[0][4] == "lamp-01-turned"  # without itself
    assert {row[2] for row in rows} == {"1", "2", "3"}
    page = _Text(sheet.read_text("utf-8")).text
    assert page.count("classic") >= 2
    assert page.count("fake") >= 2


def test_what_one_model_cannot_take_is_an_answer_of_none(
    cli: Cli, with_white: Path, plug_in: None
) -> None:
    paler = with_white / "clock" / "paler.png"
    Image.new("RGB", (40, 40), (250, 250, 250)).save(paler)
    two = ("--model", "fake", "--model", "fake-picky")
    outcome = cli("compare", paler, *two, "--source", with_white, "-k", 50, "--json")
    assert outcome.code == 0, outcome.err
    assert "note: 1 picture is left out for all models, as not all could take it" in outcome.err
    fake, picky = json.loads(outcome.out)
    found = [{match["id"] for match in answer["results"]} for answer in (fake, picky)]
    assert found[0] == found[1]
    assert "mug/white.png" not in found[0]
    assert fake["total_searched"] == picky["total_searched"] == len(found[0]) + 1  # with itself


def test_a_concept_is_nothing_to_compare_models_by(
    cli: Cli, drawn_index: Path, plug_in: None
) -> None:
    outcome = cli("compare", "concept:mugs", *TWO, "--index", drawn_index)
    assert outcome.code == 2
    assert "concept:mugs: a concept is known to one index alone" in outcome.err


def test_a_catalogue_may_call_its_pictures_as_it_likes(
    cli: Cli, drawn: Path, plug_in: None
) -> None:
    header, *lines = (drawn / "catalogue.csv").read_text("utf-8").splitlines()
    assert "image" in header.split(",")
    odd = drawn / "odd.csv"
    odd.write_text("\n".join([header.replace("image", "shown_as"), *lines]) + "\n", "utf-8")
    named = ("--image-column", "shown_as")
    told = cli("evaluate", odd, *TWO, *named, "--same", "product", "--json")
    assert json.loads(told.out)["reports"][0]["data"]["records"] == len(lines)
    found = cli("compare", "id:mug-01-front", *TWO, "--source", odd, *named, "-k", 2)
    assert len(found.out.splitlines()) == 2 * 2, found.err
    ran = cli("evaluate", drawn, "--model", "classic", *named, "--same", "product")
    assert (ran.code, "for catalogues" in ran.err) == (2, True)


def renamed(source: Path, name: str, column: str) -> Path:
    """The drawn catalogue again, with another name for its column of pictures."""
    header, *lines = source.read_text("utf-8").splitlines()
    path = source.with_name(name)
    path.write_text("\n".join([header.replace("image", column), *lines]) + "\n", "utf-8")
    return path


def test_query_catalogues_may_call_their_pictures_as_they_like(
    cli: Cli, drawn: Path, drawn_index: Path, plug_in: None
) -> None:
    usual = drawn / "catalogue.csv"
    odd, other = (renamed(usual, f"{name}.csv", name) for name in ("photo", "foto"))
    command = ("evaluate", "--index", drawn_index, "--same", "product", "--queries", odd)
    refused = cli(*command)
    assert (refused.code, "Say it with --image-column" in refused.err) == (2, True)
    own = cli("evaluate", "--index", drawn_index, "--same", "product", "--queries", usual)
    said = cli(*command, "--image-column", "photo")
    assert said.code == 0, said.err
    assert said.out == own.out

    for source, queries in ((usual, odd), (odd, usual), (odd, odd)):
        given = ("evaluate", source, "--model", "fake", "--same", "product", "--queries", queries)
        ran = cli(*given, "--image-column", "photo")
        assert ran.code == 0, ran.err

    for source, queries, lacking in (
        (odd, other, other),
        (other, odd, other),
        (usual, usual, usual),
    ):
        both = ("evaluate", source, *TWO, "--same", "product", "--queries", queries)
        ran = cli(*both, "--image-column", "photo")
        assert ran.code == 2
        assert f"{lacking}: no column is named 'photo'" in ran.err
    folder = ("evaluate", drawn, *TWO, "--same", "folder", "--queries", "id~x.csv")
    ran = cli(*folder, "--image-column", "photo")
    assert (ran.code, "for catalogues; none was given" in ran.err) == (2, True)


def test_an_index_lends_its_records_and_its_own_vectors(
    cli: Cli, drawn_index: Path, plug_in: None, tmp_path: Path
) -> None:
    sheet = tmp_path / "sheet.png"
    outcome = cli(
        *("compare", "id:mug-01-front", *TWO, "--index", drawn_index, "-k", 2),
        *("--sheet", sheet, "--json"),
    )
    classic, fake = json.loads(outcome.out)
    assert (classic["model"], fake["model"]) == ("classic", "fake")
    assert classic["total_searched"] == fake["total_searched"] == COUNT - 1
    searched = json.loads(
        cli("search", "id:mug-01-front", "--index", drawn_index, "-k", 3, "--json").out
    )
    assert classic["results"] == searched["results"][1:]  # without itself
    with Image.open(sheet) as picture:
        assert picture.format == "PNG"


def test_the_querys_own_picture_is_no_answer_under_any_name(
    cli: Cli, drawn: Path, plug_in: None, tmp_path: Path
) -> None:
    folder, asked = tmp_path / "some", drawn / "images" / "mug-01-front.jpg"
    folder.mkdir()
    for path in (drawn / "images").glob("*-front.jpg"):
        shutil.copy(path, folder)
    for copy in range(4):
        shutil.copy(asked, folder / f"copy-{copy}.jpg")
    others = {p.name for p in folder.glob("*-front.jpg")} - {asked.name}
    command = ("compare", asked, *TWO, "--source", folder, "--json", "-k")
    for answer in json.loads(cli(*command, 50).out):
        assert {match["id"] for match in answer["results"]} == others
    for answer in json.loads(cli(*command, 1).out):
        assert len(answer["results"]) == 1
        assert answer["results"][0]["id"] in others


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--model", "classic"], "name two models or more"),
        ([*TWO, "--source", "photos", "--index", "an.index"], "not both"),
        ([*TWO, "--sheet", "out.pdf"], "must end in .png or .html"),
    ],
)
def test_a_mistake_is_one_sentence(given: list[str], told: str, cli: Cli, drawn: Path) -> None:
    outcome = cli("compare", drawn / "images" / "lamp-01-close.jpg", *given)
    assert outcome.code == 2
    assert told in outcome.err
    assert len(outcome.err.strip().splitlines()) == 1


class _Text(HTMLParser):
    """The text of a page."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.text = ""
        self.feed(source)

    def handle_data(self, data: str) -> None:
        self.text += data
