"""`visavis train joint` from end to end: train, index, search by words, tag, and mistakes."""

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from shop_classifier import write_shop_classifier
from tests.integration.conftest import Cli
from tests.integration.trainings import KILLED, check_going_on
from word_files import shop_vectors, write_text

if importlib.util.find_spec("lightning") is None:
    pytest.skip("the extra `train` is not installed", allow_module_level=True)

SMALL = ("--hidden", 32, "--views", 2, "--threads", 1, "--device", "cpu")


@pytest.fixture(scope="session")
def base(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder that sees colours and their places. Not to be changed."""
    return write_shop_classifier(tmp_path_factory.mktemp("models") / "colours", drawn)


@pytest.fixture
def vectors(tmp_path: Path) -> Path:
    return write_text(tmp_path / "vectors.txt", shop_vectors())


@pytest.fixture
def command(drawn: Path, base: Path, vectors: Path) -> Callable[..., list[str]]:
    """The words of a command that trains on the drawn shop."""

    def made(*rest: Any) -> list[str]:
        catalogue = drawn / "catalogue.csv"
        given = ("train", "joint", catalogue, "--labels", "category", "--words", vectors)
        return [str(word) for word in (*given, "--base", base, *SMALL, *rest)]

    return made


def kinds(ran: Any) -> set[str]:
    assert ran.code == 0, ran.err
    return {match["id"].rsplit("-", 2)[0] for match in json.loads(ran.out)["results"]}


def test_from_labels_to_searches_by_words_that_no_label_has(
    cli: Cli, command: Callable[..., list[str]], drawn: Path
) -> None:
    trained = cli(*command("--out", "models/mine", "--epochs", 6))
    assert trained.code == 0, trained.err
    assert "validated on 14 pictures that are never trained on" in trained.err
    assert "epoch 0 of 6: mAP" in trained.err
    assert "it reads 45 words (0.0 MB)" in trained.out
    assert trained.out.endswith("models/mine: 14 dimensions; use it with --model models/mine\n")
    assert {path.name for path in Path("models/mine").iterdir()} == {
        *("curves.json", "curves.png", "metrics.json", "model.json", "model.onnx"),
        *("recipe.json", "training", "words.bin"),
    }
    assert cli("models", "check", "models/mine").code == 0
    ran = cli("index", drawn / "catalogue.csv", "--model", "models/mine", "--tag", 3)
    assert "56 tagged" in ran.out, ran.err
    for words, kind in (("cup", "mug"), ("the kettle", "teapot"), ("violin", "guitar")):
        assert kinds(cli("search", words, "-k", 3, "--json")) == {kind}
    both = cli("search", "cup", "+", "0.9:id:lamp-01-front", "-k", 8, "--json")
    assert kinds(both) == {"mug", "lamp"}
    assert "guitar" in kinds(cli("search", "music", "--where", "tags=guitar", "--json"))
    tags = cli("tag", drawn / "images" / "clock-01-front.jpg", "-k", 1, "--json")
    assert "clock" in tags.out, tags.err


def test_a_stopped_training_ends_as_an_unbroken_one(
    cli: Cli, command: Callable[..., list[str]]
) -> None:
    check_going_on(cli, command, *KILLED, "words.bin")


@pytest.mark.parametrize(
    ("given", "code", "told"),
    [
        (["--base", "nothing"], 5, "no model is called 'nothing'"),
        (["--base", "classic"], 5, "classic cannot be a base"),
        (["--labels", "kind"], 2, "no picture has a field 'kind'"),
        (["--labels", "price"], 5, "no word of any label or caption is known"),
        (["--captions", "said", "--labels", "kind"], 2, "--captions: no picture has a field"),
        (["--words", "nothing.txt"], 5, "the word vectors cannot be read"),
        (["--aliases", "nothing.txt"], 5, "the aliases cannot be read"),
        (["--loss", "l2"], 2, "--loss is one of cosine, hinge-rank, not 'l2'"),
        (["--hidden", "wide"], 2, "--hidden wants whole numbers"),
        (["--spread", "2"], 2, "--spread is from 0 to 1"),
        (["--resume"], 2, "no training was begun there"),
        (["--validation", "0.99"], 2, "--validation is a share"),
    ],
)
def test_a_mistake_is_one_sentence_and_an_exit_code(
    given: list[str], code: int, told: str, cli: Cli, command: Callable[..., list[str]]
) -> None:
    outcome = cli(*command("--out", "mine"), *given)
    assert outcome.code == code
    assert told in outcome.err
    assert len(outcome.err.strip().splitlines()) == 1
    assert not outcome.out


def test_without_words_or_anything_said_it_cannot_begin(
    cli: Cli, drawn: Path, vectors: Path
) -> None:
    given = ("train", "joint", drawn / "catalogue.csv", "--out", "mine")
    assert "say which word vectors: --words FILE" in cli(*given, "--labels", "category").err
    assert "say with --labels or --captions" in cli(*given, "--words", vectors).err


def test_words_to_an_image_only_index_name_ways_to_a_model_that_reads(
    cli: Cli, drawn_index: Path
) -> None:
    ran = cli("search", "a cup", "--by", "looks", "--index", drawn_index)
    assert (ran.code, ran.out) == (5, "")
    assert "does not read words" in ran.err
    assert "`visavis train joint`" in ran.err
