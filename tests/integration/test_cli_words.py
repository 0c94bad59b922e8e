"""Words on the command line: word vectors, tags, classes, and a classifier searched by words."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from shop_classifier import write_shop_classifier
from two_sided import write_clip
from word_files import shop_vectors, write_text

Cli = Callable[..., Any]


@pytest.fixture(scope="session")
def drawn_kinds(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder that tells what the drawn shop sells. Not to be changed."""
    return write_shop_classifier(tmp_path_factory.mktemp("models") / "kinds", drawn)


@pytest.fixture
def vectors(tmp_path: Path) -> Path:
    return write_text(tmp_path / "vectors.txt", shop_vectors())


@pytest.fixture
def by_words(cli: Cli, drawn_kinds: Path, vectors: Path) -> str:
    """A model folder made by `models conse`."""
    ran = cli("models", "conse", "--classifier", drawn_kinds, "--words", vectors, "--out", "shop")
    assert ran.code == 0, ran.err
    assert ran.out == "made shop: 14 dimensions, 45 words\n"
    return "./shop"


@pytest.fixture
def shop_index(cli: Cli, by_words: str, drawn: Path) -> None:
    ran = cli("index", drawn / "catalogue.csv", "--model", by_words, "--tag", 3)
    assert ran.code == 0, ran.err
    assert "56 added" in ran.out
    assert "56 tagged" in ran.out


def kinds_found(ran: Any) -> set[str]:
    assert ran.code == 0, ran.err
    return {match["id"].rsplit("-", 2)[0] for match in json.loads(ran.out)["results"]}


# -- search by words -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "kind"),
    [("cup", "mug"), ("the kettle", "teapot"), ("shoe", "sneaker"), ("violin", "guitar")],
)
def test_words_that_no_class_is_called_find_their_kind(
    cli: Cli, shop_index: None, words: str, kind: str
) -> None:
    assert kinds_found(cli("search", words, "-k", 4, "--json")) == {kind}


def test_words_pictures_and_records_are_mixed(cli: Cli, shop_index: None, drawn: Path) -> None:
    picture = drawn / "images" / "lamp-01-front.jpg"
    ran = cli("search", "cup", "+", f"0.9:{picture}", "-k", 8, "--json")
    assert kinds_found(ran) == {"mug", "lamp"}
    ran = cli("search", "id:lamp-01-front", "-", "0.2:cup", "-k", 4, "--json")
    assert kinds_found(ran) == {"lamp"}


def test_unknown_words_are_told_and_near_ones_named(cli: Cli, shop_index: None) -> None:
    ran = cli("search", "cup", "xyzzy", "-k", 1)
    assert ran.code == 0
    assert ran.err == "note: unknown and ignored: 'xyzzy'\n"
    ran = cli("search", "ketle")
    assert (ran.code, ran.out) == (2, "")
    assert "'kettle'" in ran.err


def test_tags_are_a_field_to_filter_by(cli: Cli, shop_index: None) -> None:
    ran = cli("search", "cup", "--where", "tags=guitar", "--json")
    assert kinds_found(ran) == {"guitar"}
    again = cli("index", "--tag", 3)
    assert "0 added" in again.out
    assert "tagged" not in again.out
    assert cli("index", "--tag", 0).code == 0
    assert cli("search", "cup", "--where", "tags=guitar").code == 2


def test_words_to_a_model_that_only_sees_name_models_that_read(
    cli: Cli, photos: Path, by_words: str
) -> None:
    cli("index", photos, "--model", "classic")
    ran = cli("search", "a", "red", "mug", "--by", "looks")
    assert (ran.code, ran.out) == (5, "")
    assert "side: visavis-s, or one of your own" in ran.err
    assert cli("models", "add", by_words).code == 0
    assert "side: visavis-s, shop, or one of your own" in cli("search", "mug", "--by", "looks").err


def test_a_clip_of_the_hubs_layout_is_searched_by_words(
    cli: Cli, tmp_path: Path, draw: Callable[..., Path]
) -> None:
    for name, colour in {"a": (240, 20, 20), "b": (20, 240, 20), "c": (20, 20, 240)}.items():
        draw(f"colours/{name}.png", colour)
    assert cli("models", "add", write_clip(tmp_path / "clip")).code == 0
    assert "it reads words: " in cli("models", "check", "clip").out
    assert re.search(r"clip +added +3 dimensions, .*reads words", cli("models", "list").out)
    assert (
        cli("index", "colours", "--model", "clip", "--tag", 1, "--vocabulary", "no.txt").code == 2
    )
    Path("words.txt").write_text("red\ngreen\nblue\n")
    ran = cli("index", "colours", "--model", "clip", "--tag", 1, "--vocabulary", "words.txt")
    assert "3 tagged" in ran.out
    assert cli("search", "a", "photo", "of", "BLUE", "-k", 1).out.split("\t")[1] == "c.png"
    assert cli("search", "blue", "--where", "tags=green", "-k", 1).out.split("\t")[1] == "b.png"


# -- classes ---------------------------------------------------------------------------------------


@pytest.fixture
def class_index(cli: Cli, drawn_kinds: Path, drawn: Path) -> None:
    assert cli("index", drawn / "catalogue.csv", "--model", drawn_kinds).code == 0


def test_a_search_is_bent_toward_a_class_and_away_from_one(
    cli: Cli, class_index: None, drawn: Path
) -> None:
    picture = drawn / "images" / "mug-01-front.jpg"
    found = kinds_found(cli("search", picture, "--class", "lamp", "-k", 4, "--json"))
    assert found == {"lamp"}
    less = cli("search", picture, "--class", "0.2:lamp", "-k", 3, "--json")
    assert "mug" in kinds_found(less)
    assert cli("search", picture, "--class", "lamp", "--sheet", "found.html").code == 0
    assert "lamp" in Path("found.html").read_text(encoding="utf-8")
    assert cli("search", "--class", "lamp", "--sheet", "found.png").code == 0
    away = cli("search", picture, "--not-class", "mug", "-k", 10, "--json")
    assert "mug" not in kinds_found(away)
    assert kinds_found(cli("search", "--class", "lamp", "-k", 4, "--json")) == {"lamp"}


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--class", "lanp"], 2, "similar are 'lamp'"),
        (["--class", ""], 2, "behind --class is empty"),
        (["--class", " "], 2, "empty class"),
        ([], 2, "nothing to search for"),
        (["--class", "lamp", "--not-class", "lamp"], 2, "cancel each other out"),
    ],
)
def test_a_class_that_makes_no_sense_gets_one_sentence(
    cli: Cli, class_index: None, arguments: list[str], code: int, said: str
) -> None:
    ran = cli("search", *arguments)
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err
    assert len(ran.err.splitlines()) == 1


def test_a_model_without_a_classifier_refuses_classes_and_tags(cli: Cli, photos: Path) -> None:
    cli("index", photos, "--model", "classic")
    for arguments in (["search", "--class", "lamp"], ["tag", photos / "mug-01-front.jpg"]):
        ran = cli(*arguments)
        assert (ran.code, ran.out) == (5, "")
        assert "'classic'" in ran.err
    ran = cli("index", photos, "--tag", 3)
    assert ran.code == 5
    assert "gives no tags" in ran.err


# -- tags ------------------------------------------------------------------------------------------


def test_pictures_are_tagged_by_the_index_or_by_a_model(
    cli: Cli, class_index: None, drawn: Path, drawn_kinds: Path, by_words: str
) -> None:
    picture = drawn / "images" / "mug-01-front.jpg"
    score, name, shown = cli("tag", picture, "-k", 1).out.rstrip("\n").split("\t")
    assert (name, shown) == ("mug", str(picture))
    assert float(score) > 0.5
    [by_id] = json.loads(cli("tag", "id:mug-01-front", "-k", 1, "--json").out)
    assert (by_id["image"], by_id["tags"][0]["name"]) == ("id:mug-01-front", "mug")
    by_model = cli("tag", picture, "-k", 2, "--model", drawn_kinds)
    assert by_model.out.split("\t")[1] == "mug"
    words = json.loads(cli("tag", picture, "-k", 3, "--model", by_words, "--json").out)
    assert {tag["name"] for tag in words[0]["tags"]} == {"mug", "cup", "tea"}


def test_a_picture_that_cannot_be_read_is_skipped(cli: Cli, class_index: None, drawn: Path) -> None:
    picture = drawn / "images" / "mug-01-front.jpg"
    ran = cli("tag", "./gone.jpg", picture, "-k", 1)
    assert ran.code == 0
    assert ran.err.startswith("skipped ")
    assert "mug" in ran.out
    assert cli("tag", "./gone.jpg").code == 2


def test_what_is_no_picture_and_no_record_is_skipped_and_named(
    cli: Cli, class_index: None, drawn_kinds: Path, drawn: Path
) -> None:
    picture = drawn / "images" / "mug-01-front.jpg"
    ran = cli("tag", "gone.jpg", "id:nobody", " ", picture, "-k", 1)
    assert (ran.code, len(ran.out.splitlines())) == (0, 1)
    first, second, third = ran.err.splitlines()
    assert first == "skipped gone.jpg: there is no such file"  # words are no way out
    assert second.startswith("skipped no record has the id 'nobody'")
    assert third.startswith("skipped an empty term")
    by_model = cli("tag", "gone.jpg", picture, "-k", 1, "--model", drawn_kinds)
    assert (by_model.code, "mug" in by_model.out) == (0, True)
    assert cli("tag", "gone.jpg").code == 2


# -- word vectors ----------------------------------------------------------------------------------


def test_a_home_that_is_nobodys_is_a_file_that_is_missing(cli: Cli) -> None:
    place = "~nobody-is-called-so/vectors.txt"
    ran = cli("words", "similar", "cup", "--vectors", place)
    assert (ran.code, ran.err.startswith(f"error: {place} is neither a file")) == (5, True)
    ran = cli("models", "conse", "--classifier", "visavis-s", "--words", place, "--out", "shop")
    assert (ran.code, f"error: {place}" in ran.err) == (5, True)


def test_similar_words_and_sums_of_words_are_shown(cli: Cli, vectors: Path, by_words: str) -> None:
    ran = cli("words", "similar", "cup", "--vectors", vectors, "-k", 2)
    assert [line.split("\t")[1] for line in ran.out.splitlines()] == ["mug", "tea"]
    by_sum = cli("words", "similar", "cup", "-", "mug", "+", "lamp", "--vectors", vectors, "--json")
    assert json.loads(by_sum.out)[0]["name"] in {"light", "bulb"}
    quoted = cli("words", "similar", "cup - mug + lamp", "--vectors", vectors, "--json")
    assert quoted.out == by_sum.out
    by_model = cli("words", "similar", "cup", "--vectors", by_words, "-k", 1)
    assert by_model.out.split("\t")[1] == "mug\n"


def test_the_vectors_can_be_set_for_good(cli: Cli, vectors: Path) -> None:
    Path("visavis.toml").write_text(f'words = "{vectors}"\n')
    assert cli("words", "similar", "cup", "-k", 1).out.endswith("mug\n")


def test_faults_of_a_file_are_told(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "odd.txt"
    path.write_text("2 3\nmug 1 2 3\ncup 1 2 3.5\nmug 9 9 9\nbroken 1 2\n")
    ran = cli("words", "similar", "cup", "--vectors", path, "-k", 1)
    assert ran.out.endswith("mug\n")
    assert "the first being line 5" in ran.err
    assert "occur again: 1" in ran.err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["cup"], 2, "--vectors FILE"),
        (["cup", "--vectors", "gone.txt"], 5, "gone.txt is neither a file of vectors nor a model"),
        (["cup", "--vectors", "classic"], 2, "without a table of words"),
        (["cup", "-", "CUP", "--vectors", "vectors.txt"], 2, "cancel each other out"),
        (["ketle", "--vectors", "vectors.txt"], 2, "'kettle'"),
        (["cup", "-", "--vectors", "vectors.txt"], 2, "nothing after it"),
        (["cup", "-", "cup", "-k", "0", "--vectors", "vectors.txt"], 2, "-k"),
        (["-", "--vectors", "vectors.txt"], 2, "no word"),
    ],
)
def test_a_request_that_makes_no_sense_gets_one_sentence(
    cli: Cli, vectors: Path, arguments: list[str], code: int, said: str
) -> None:
    ran = cli("words", "similar", *arguments)
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err
    assert len(ran.err.splitlines()) == 1


# -- conse -----------------------------------------------------------------------------------------


def test_classes_without_a_known_word_are_named(
    cli: Cli, drawn_kinds: Path, tmp_path: Path
) -> None:
    some = {word: row for word, row in shop_vectors().items() if word not in {"clock", "book"}}
    path = write_text(tmp_path / "some.txt", some)
    arguments = ("models", "conse", "--classifier", drawn_kinds, "--words", path, "--out", "shop")
    ran = cli(*arguments)
    assert ran.code == 0
    assert "2 of 14 classes have no known word and say nothing: book; clock" in ran.err
    assert cli(*arguments).code == 5
    shape = json.loads(cli(*arguments, "--replace", "--json").out)
    assert shape["unknown"] == ["book", "clock"]
    assert set(shape) == {"name", "folder", "dim", "words", "classes", "unknown", "notes"}


def test_conse_without_vectors_or_classifier_gets_one_sentence(cli: Cli, vectors: Path) -> None:
    ran = cli("models", "conse", "--classifier", "classic", "--out", "shop")
    assert (ran.code, "--words FILE" in ran.err) == (2, True)
    ran = cli("models", "conse", "--classifier", "classic", "--words", vectors, "--out", "shop")
    assert (ran.code, "has no classifier" in ran.err) == (5, True)
    assert not Path("shop").exists()


def test_a_classifier_added_with_its_labels_gives_tags(
    cli: Cli, drawn_kinds: Path, drawn: Path
) -> None:
    preprocess = '{"size": 32, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}'
    options = ("--preprocess", preprocess, "--labels", drawn_kinds / "labels.txt")
    ran = cli("models", "add", drawn_kinds / "model.onnx", "--name", "mine", *options)
    assert ran.code == 0, ran.err
    picture = drawn / "images" / "guitar-01-front.jpg"
    assert cli("tag", picture, "--model", "mine", "-k", 1).out.split("\t")[1] == "guitar"
    ran = cli(
        "models",
        "add",
        drawn_kinds / "model.onnx",
        "--name",
        "m2",
        *options[:2],
        "--labels",
        "no.txt",
    )
    assert (ran.code, "no.txt" in ran.err) == (5, True)
