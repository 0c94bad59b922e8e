"""`visavis search`: terms, filters, pages, forms of output."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from visavis.embedders.registry import load_embedder
from visavis.images.decode import decode

Cli = Callable[..., Any]

SHAPE = {"id", "score", "uri", "fields", "width", "height", "size", "modified"}
SHAPE |= {"relation", "verified"}  # a picture was asked with


@pytest.fixture
def search(cli: Cli, drawn_index: Path) -> Cli:
    """Searches the drawn gallery."""
    return lambda *arguments: cli("search", *arguments, "--index", drawn_index)


@pytest.fixture
def ids(search: Cli) -> Callable[..., list[str]]:
    """The ids that a search finds."""

    def found(*arguments: Any) -> list[str]:
        ran = search(*arguments, "--json")
        assert ran.code == 0, ran.err
        return [match["id"] for match in json.loads(ran.out)["results"]]

    return found


def picture(drawn: Path, name: str) -> str:
    return str(drawn / "images" / f"{name}.jpg")


def test_a_picture_finds_itself_first_and_then_its_other_views(
    ids: Callable[..., list[str]], drawn: Path
) -> None:
    found = ids(picture(drawn, "sneaker-01-front"))
    assert found[0] == "sneaker-01-front"
    assert "sneaker-01-turned" in found[1:3]


def test_the_json_answer_has_the_documented_shape(search: Cli, drawn: Path) -> None:
    shape = json.loads(search(picture(drawn, "mug-01-front"), "-k", "3", "--json").out)
    told = {"verdict", "similar_from"}
    assert set(shape) == {"results", "total_searched", "model", "took_ms"} | told
    assert shape["verdict"] == "exact"
    assert (shape["total_searched"], shape["model"]) == (56, "classic")
    assert len(shape["results"]) == 3
    first = shape["results"][0]
    assert set(first) == SHAPE
    assert first["id"] == "mug-01-front"
    assert first["uri"] == picture(drawn, "mug-01-front")
    assert first["score"] == pytest.approx(1.0, abs=1e-3)
    assert first["fields"]["category"] == "mug"
    assert isinstance(first["fields"]["price"], float)


def test_json_lines_hold_one_result_each(search: Cli) -> None:
    lines = search("id:mug-01-front", "-k", "4", "--jsonl").out.splitlines()
    assert len(lines) == 4
    assert all(set(json.loads(line)) == SHAPE for line in lines)


def test_terms_are_a_weighted_sum_of_unit_vectors(search: Cli, drawn: Path) -> None:
    names = ["mug-01-front", "teapot-01-front", "lamp-01-front"]
    model = load_embedder("classic")
    files = sorted((drawn / "images").glob("*.jpg"))
    pixels = [decode(file.read_bytes(), file.name, min_side=model.side).pixels for file in files]
    gallery = dict(zip([file.stem for file in files], model.embed_images(pixels), strict=True))
    mix = gallery[names[0]] + 0.5 * gallery[names[1]] - 0.25 * gallery[names[2]]
    mix /= np.linalg.norm(mix)
    expected = sorted(((float(v @ mix), name) for name, v in gallery.items()), reverse=True)[:5]

    terms = [picture(drawn, names[0]), "+", f"0.5:id:{names[1]}", "-", f".25:id:{names[2]}"]
    found = json.loads(search(*terms, "-k", "5", "--json").out)["results"]
    assert [match["id"] for match in found] == [name for _, name in expected]
    assert [match["score"] for match in found] == pytest.approx([s for s, _ in expected], abs=2e-3)


def test_a_record_is_searched_by_its_id(ids: Callable[..., list[str]]) -> None:
    assert ids("id:vase-01-close", "-k", "1") == ["vase-01-close"]


def test_the_opposite_of_a_picture_puts_it_last(ids: Callable[..., list[str]]) -> None:
    assert ids("-", "id:vase-01-close", "-k", "56")[-1] == "vase-01-close"


def test_a_box_asks_for_a_part_of_the_picture(
    ids: Callable[..., list[str]], drawn: Path, tmp_path: Path
) -> None:
    pair = Image.new("RGB", (640, 320))
    for at, name in enumerate(("clock-01-front", "plant-01-front")):
        with Image.open(picture(drawn, name)) as image:
            pair.paste(image, (320 * at, 0))
    pair.save(tmp_path / "pair.png")
    assert ids("./pair.png", "--box", "0,0,0.5,1")[0] == "clock-01-front"
    assert ids("./pair.png", "--box", "0.5,0,1,1")[0] == "plant-01-front"


def test_pages_neither_repeat_nor_leave_out_a_record(ids: Callable[..., list[str]]) -> None:
    whole = ids("id:book-01-front", "-k", "56")
    pages = [ids("id:book-01-front", "-k", "10", "--offset", str(at)) for at in range(0, 56, 10)]
    assert [name for page in pages for name in page] == whole
    assert len(set(whole)) == 56


def test_all_filters_have_to_hold(search: Cli) -> None:
    wheres = ["--where", "category=mug,teapot,vase", "--where", "price<60", "--where", "title~e"]
    shape = json.loads(search("id:mug-01-front", "-k", "56", *wheres, "--json").out)
    assert shape["results"]
    for match in shape["results"]:
        assert match["fields"]["category"] in ("mug", "teapot", "vase")
        assert match["fields"]["price"] < 60
        assert "e" in match["fields"]["title"].lower()
    assert shape["total_searched"] == len(shape["results"])


def test_nothing_found_has_a_reason_and_an_exit_code_when_asked(search: Cli) -> None:
    asked = ["id:mug-01-front", "--where", "category=lamp", "--min-score", "0.999"]
    plain = search(*asked)
    assert (plain.code, plain.out) == (0, "")
    assert plain.err == "nothing above min_score 0.999\n"
    assert search(*asked, "--exit-code").code == 1
    shape = json.loads(search(*asked, "--json").out)
    assert shape["results"] == []
    assert shape["reason"] == "nothing above min_score 0.999"
    assert search("id:mug-01-front", "--exit-code").code == 0
    for form in ("-f", "-0", "--jsonl"):
        ran = search(*asked, form)
        assert (ran.out, ran.err) == ("", plain.err)
    assert search("id:mug-01-front", "--offset", "99", "-f").err == "no more matches at offset 99\n"


def test_off_a_terminal_results_are_tab_separated(search: Cli, drawn: Path) -> None:
    lines = search("id:mug-01-front", "-k", "2").out.splitlines()
    score, name, uri, relation = lines[0].split("\t")
    assert relation == "exact"
    assert float(score) == pytest.approx(1.0, abs=1e-3)
    assert (name, uri) == ("mug-01-front", picture(drawn, "mug-01-front"))
    assert "\x1b" not in "".join(lines)


def test_one_result_a_value_tells_how_many_more_there_are(search: Cli) -> None:
    lines = search("id:mug-01-front", "--group-by", "category", "-k", "50").out.splitlines()
    kinds = [line.split("\t")[1].split("-")[0] for line in lines]
    assert len(kinds) == len(set(kinds)) == 14  # of four pictures each
    assert lines[0].split("\t")[3:] == ["exact", "+3 views"]
    paths = search("id:mug-01-front", "--group-by", "category", "-k", "50", "-f").out.splitlines()
    assert paths == [line.split("\t")[2] for line in lines]
    shape = json.loads(search("id:mug-01-front", "--group-by", "category", "--json").out)
    assert shape["results"][0]["views"] == 3
    assert search("id:mug-01-front", "--group-by", "categories").code == 2
    assert "category" in search("id:mug-01-front", "--group-by", "categories").err


def test_a_sheet_is_written_as_a_picture_or_as_one_page(
    search: Cli, drawn: Path, tmp_path: Path
) -> None:
    ran = search(picture(drawn, "mug-01-front"), "-k", "3", "--sheet", "out.png")
    assert (ran.code, ran.err) == (0, "wrote out.png\n")
    with Image.open(tmp_path / "out.png") as sheet:
        assert sheet.format == "PNG"
        assert sheet.width > 600
    assert search("id:mug-01-front", "-k", "3", "--sheet", "out.html").code == 0
    page = (tmp_path / "out.html").read_text(encoding="utf-8")
    assert page.count("data:image/") >= 4
    assert "<script src" not in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_a_sheet_of_an_unknown_kind_is_refused_before_the_search(search: Cli) -> None:
    ran = search("id:no-such-id", "--sheet", "out.gif")
    assert ran.code == 2
    assert ".png or .html" in ran.err


def test_a_preview_off_a_terminal_says_so(search: Cli) -> None:
    ran = search("id:mug-01-front", "-k", "1", "--preview")
    assert ran.code == 0
    assert "no preview" in ran.err
    assert "\x1b" not in ran.out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["id:nobody"], 2, "nobody"),
        (["./not-there.jpg"], 2, "not-there.jpg"),
        (["id:mug-01-front", "--where", "colur=red"], 2, "did you mean 'colour'"),
        (["id:mug-01-front", "--where", "colour"], 2, "not understood"),
        (["id:mug-01-front", "--box", "0,0,1,1"], 2, "a box needs a picture"),
        (["id:mug-01-front", "--box", "0,0"], 2, "four numbers"),
        (["id:mug-01-front", "+"], 2, "nothing stands after"),
        (["id:mug-01-front", "-", "id:mug-01-front"], 2, "cancel each other out"),
        (["id:mug-01-front", "-k", "0"], 2, "--top"),
        (["id:mug-01-front", "--json", "--jsonl"], 2, "--json and --jsonl"),
        (["id:mug-01-front", "--files", "-0"], 2, "--files and --print0"),
        (["id:mug-01-front", "--json", "--preview"], 2, "--preview"),
        (["a red shoe", "--by", "looks"], 5, "does not read words"),
        (["a red shoe", "+", "id:mug-01-front"], 5, "does not read words"),
        (["a red shoe", "--by", "eyes"], 2, "--by is text, looks, both, not 'eyes'"),
        (["id:mug-01-front", "--by", "text"], 2, "--by says what answers words"),
        (["-", "mug", "--by", "text"], 2, "say which words to look for"),
        (["http://127.0.0.1:9/a.jpg"], 2, "--allow-private"),
    ],
)
def test_a_question_that_makes_no_sense_gets_one_sentence(
    search: Cli, arguments: list[str], code: int, said: str
) -> None:
    ran = search(*arguments)
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err
    assert len(ran.err.splitlines()) == 1


def test_words_are_found_in_the_records_own_text_whatever_the_model(
    search: Cli, tmp_path: Path
) -> None:
    for by in ("both", "text"):
        line = search("Coral mugs", "-k", "1", "--by", by).out.splitlines()[0]
        score, name, _, why = line.split("\t")
        assert (float(score), name, why) == (1.0, "mug-01-close", "title")
    (match,) = json.loads(search("coral mug", "-k", "1", "--json").out)["results"]
    assert match["why"] == ["title"]
    assert "why" not in json.loads(search("id:mug-01-front", "-k", "1", "--jsonl").out)
    assert search("coral mug", "-k", "2", "--sheet", "out.html").code == 0
    assert "found by title" in (tmp_path / "out.html").read_text(encoding="utf-8")


def test_words_that_are_nowhere_get_one_sentence_and_are_no_error(search: Cli) -> None:
    ran = search("zeppelin")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err == (
        "no record has 'zeppelin' in its own text, and the index's model 'classic' does not read "
        "words\n"
    )
    assert search("zeppelin", "--exit-code").code == 1
    some = search("coral zeppelin", "-k", "1")
    assert some.out.startswith("0.500000\t")
    assert "the score is their share" in some.err


def test_a_file_that_is_no_picture_gets_one_sentence(search: Cli, tmp_path: Path) -> None:
    (tmp_path / "notes.jpg").write_text("dear diary")
    ran = search("./notes.jpg")
    assert (ran.code, ran.out) == (2, "")
    assert "notes.jpg" in ran.err
    assert len(ran.err.splitlines()) == 1


def test_a_missing_index_is_exit_code_3(cli: Cli) -> None:
    ran = cli("search", "id:a", "--index", "nowhere.index")
    assert (ran.code, ran.out) == (3, "")
    assert "nowhere.index" in ran.err
    assert "visavis index" in ran.err
