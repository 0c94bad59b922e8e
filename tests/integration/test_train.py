"""`visavis train` from end to end: train, export, index, search, evaluate, and mistakes."""

import importlib.util
import json
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from labelled import draw_labelled, write_base, write_catalogue
from tests.integration.conftest import Cli
from tests.integration.trainings import INTERRUPTED, TERMINATED, check_going_on, watched

if importlib.util.find_spec("lightning") is None:
    pytest.skip("the extra `train` is not installed", allow_module_level=True)

SMALL = ("--layers", "32,16", "-p", 6, "-k", 4, "--threads", 1, "--device", "cpu")
SMALL_PICTURES = ("--size", 32, "--dim", 16, "--widths", "8,12", "--batch", 16, "--threads", 1)
WITHOUT_TORCH = """
import sys
for name in ("torch", "lightning", "pytorch_metric_learning", "onnx", "matplotlib"):
    sys.modules[name] = None
from visavis.cli.main import run
sys.exit(run(sys.argv[1:]))
"""


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Ten labels with six pictures each, and a catalogue of them."""
    folder = draw_labelled(tmp_path / "pictures", labels=10, each=6)
    write_catalogue(folder)
    return folder


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return write_base(tmp_path / "a-base")


def alone(*arguments: Any) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own that has nothing of the extra."""
    command = [sys.executable, "-c", WITHOUT_TORCH, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_from_labelled_pictures_to_a_measured_index_without_torch(
    cli: Cli, pictures: Path, base: Path, tmp_path: Path
) -> None:
    catalogue, mine = pictures / "catalogue.csv", tmp_path / "models" / "mine"
    trained = cli(
        *("train", "triplet", catalogue, "--labels", "label", "--base", base, "--out", mine),
        *("--pixels", "--epochs", 6, *SMALL),
    )
    assert trained.code == 0, trained.err
    assert "validated on 12 pictures of 2 labels, labels that are never trained on" in trained.err
    assert "epoch 6 of 6: loss" in trained.err
    assert f"use it with --model {mine}" in trained.out
    (gained,) = (line for line in trained.out.splitlines() if line.startswith("gained: "))
    number = r"[+-][01]\.\d{3}"
    assert re.match(
        rf"gained: mAP {number} \({number} … {number}\), recall@1 {number} \({number} … {number}\)",
        gained,
    )
    assert "the epoch was chosen by these same pictures" in gained

    indexed = alone("index", catalogue, "--model", mine, "--index", "mine.index", "--json")
    assert json.loads(indexed.stdout)["added"] == 60, indexed.stderr
    query = pictures / "label-3" / "2.png"
    found = alone("search", query, "--index", "mine.index", "--json")
    results = json.loads(found.stdout)["results"]
    assert results[0]["id"] == "label-3/2"
    assert results[0]["score"] == pytest.approx(1, abs=1e-3)

    both = ("--model", base, "--model", mine)
    measured = alone("evaluate", catalogue, *both, "--same", "label", "--json")
    assert measured.returncode == 0, measured.stderr
    shape = json.loads(measured.stdout)
    assert shape["models"] == ["a-base", "mine"]
    before, after = (report["metrics"]["map"] for report in shape["reports"])
    assert after > before + 0.1
    verdicts = shape["comparisons"][0]["differences"]
    assert verdicts["map"]["verdict"] == "better"


def test_an_index_is_trained_on_without_looking_at_its_pictures_again(
    cli: Cli, pictures: Path, base: Path, tmp_path: Path
) -> None:
    catalogue = pictures / "catalogue.csv"
    assert cli("index", catalogue, "--model", base, "--index", "shop.index").code == 0
    for picture in pictures.rglob("*.png"):
        picture.rename(picture.with_suffix(".gone"))
    command = ("train", "triplet", "--labels", "label", "--out", "mine", "--epochs", 2, *SMALL)
    trained = cli(*command, "--index", "shop.index", "--cache", "cache")
    assert trained.code == 0, trained.err
    assert "gained: mAP" in trained.out
    assert not Path("cache").exists()
    assert json.loads(Path("mine/recipe.json").read_text())["base"]["name"] == "a-base"
    mistakes: list[tuple[str, tuple[Any, ...]]] = [
        ("either a SOURCE or --index", (catalogue, "--index", "shop.index")),
        ("either a SOURCE or --index", ()),
        ("none.index", ("--index", "none.index")),
        ("leave out the base", ("--index", "shop.index", "--base", base)),
    ]
    for told, also in mistakes:
        refused = cli(*(word if word != "mine" else "other" for word in command), *also)
        assert refused.code in (2, 3)
        assert told in refused.err


@pytest.mark.parametrize(
    "also",
    [
        ("pictures", "--labels", "kind"),
        ("pictures", "--labels", "folder", "--metric", "l7"),
        ("pictures/label-0", "--labels", "folder"),
        ("empty", "--labels", "folder"),
        ("pictures", "--labels", "folder", "--base", "nothing"),
        ("pictures", "--labels", "folder", "--resume"),
        ("--labels", "label", "--index", "none.index"),
    ],
)
def test_what_is_cheap_to_see_is_told_before_torch_is_loaded(
    also: tuple[str, ...], pictures: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    code = (
        "import sys\nfrom visavis.cli.main import run\n"
        "code = run(['train', 'triplet', '--out', 'mine', *sys.argv[1:]])\n"
        "print(code, 'torch' in sys.modules)"
    )
    command = [sys.executable, "-c", code, *also]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True)
    number, loaded = ran.stdout.split()
    assert number != "0"
    assert loaded == "False"
    assert len(ran.stderr.splitlines()) == 1


def test_an_autoencoder_from_a_folder(cli: Cli, pictures: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    trained = cli(
        *("train", "autoencoder", pictures, "--out", mine, "--epochs", 2, *SMALL_PICTURES, "--json")
    )
    assert trained.code == 0, trained.err
    shape = json.loads(trained.out)
    assert shape["dim"] == 16
    assert set(shape["metrics"]["validation"]) == {"reconstruction"}
    assert {path.name for path in mine.iterdir()} == {
        "curves.json",
        "curves.png",
        "metrics.json",
        "model.json",
        "model.onnx",
        "recipe.json",
        "reconstructions",
        "training",
    }
    assert cli("index", pictures, "--model", mine, "--index", "i.index").code == 0


@pytest.mark.parametrize(
    ("recipe", "number", "code"), [("triplet", *INTERRUPTED), ("autoencoder", *TERMINATED)]
)
def test_a_stopped_training_ends_as_an_unbroken_one(
    recipe: str, number: signal.Signals, code: int, cli: Cli, pictures: Path, base: Path
) -> None:
    own = {
        "triplet": ("--base", base, *SMALL),
        "autoencoder": (*SMALL_PICTURES, "--validation", 0.3),
    }

    def command(*rest: Any) -> list[str]:
        given = ("train", recipe, pictures, "--labels", "folder", *own[recipe], *rest)
        return [str(word) for word in given]

    check_going_on(cli, command, number, code)


def test_pictures_that_vanish_while_it_trains_are_told(
    home: dict[str, str], pictures: Path, base: Path
) -> None:
    given = ("train", "triplet", pictures, "--labels", "folder", "--base", base, "--out", "mine")
    command = [str(word) for word in (*given, *SMALL, "--epochs", 30, "--patience", 30)]
    code, told = watched(command, "epoch 1 of 30", lambda _: shutil.rmtree(pictures))
    assert code == 0, told
    assert "note: 60 pictures of the training cannot be read any more" in told
    assert Path("mine/model.json").is_file()


@pytest.mark.slow
def test_two_processes_make_one_model(pictures: Path, base: Path, tmp_path: Path) -> None:
    command = ("train", "triplet", pictures, "--labels", "folder", "--base", base)
    options = ("--out", tmp_path / "mine", "--epochs", 2, *SMALL, "--devices", 2)
    ran = subprocess.run(
        [sys.executable, "-m", "visavis", *map(str, (*command, *options))],
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr.count("epoch 2 of 2") == ran.stderr.count("validated on") == 1
    assert ran.stdout.count("use it with --model") == 1
    assert (tmp_path / "mine" / "model.json").is_file()


@pytest.mark.parametrize(
    ("given", "code", "told"),
    [
        (["--base", "nothing"], 5, "no model is called 'nothing'"),
        (["--base", "classic"], 5, "classic cannot be a base"),
        (["--labels", "kind"], 2, "no picture has a field 'kind'"),
        (["--loss", "quadruplet"], 2, "--loss is one of triplet, multi-similarity, arcface"),
        (["--metric", "l7"], 2, "--metric is one of cosine, euclidean, manhattan, chi2"),
        (["--loss", "arcface", "--metric", "chi2"], 2, "--metric chi2 is for --loss triplet"),
        (["--loss", "arcface", "--margin", "0.5"], 2, "--margin is for --loss triplet"),
        (["--margin", "nan"], 2, "--margin must be a number, not nan"),
        (["--rate", "-1"], 2, "--rate must be a number above 0, not -1"),
        (["--rate", "nan"], 2, "--rate must be a number, not nan"),
        (["--seed", "4294967296"], 2, "--seed must be below 4,294,967,296"),
        (["--layers", "512,x"], 2, "--layers wants whole numbers joined by commas"),
        (["--size", "64"], 2, "--size is for --unfreeze without --base"),
        (["--image-column", "path"], 2, "--image-column is for catalogues"),
        (["--split", "label", "--validation", "0.9"], 2, "no validation is possible by label"),
        (["--across", "kind"], 2, "--across: no picture has a field 'kind'; fields: folder"),
        (["--resume"], 2, "no training was begun there"),
        (["--device", "abacus"], 2, "cannot train with --device abacus"),
        (["--precision", "8"], 2, "--precision is one of auto, 32, bf16"),
    ],
)
def test_a_mistake_is_one_sentence_and_an_exit_code(
    given: list[str], code: int, told: str, cli: Cli, pictures: Path, base: Path
) -> None:
    command = ["train", "triplet", pictures, "--labels", "folder", "--base", base, "--out", "mine"]
    outcome = cli(*command, *given)
    assert outcome.code == code
    assert told in outcome.err
    assert len(outcome.err.strip().splitlines()) == 1
    assert not outcome.out
    assert not Path("mine").exists()


def test_labels_that_teach_nothing_are_told(cli: Cli, pictures: Path, base: Path) -> None:
    one = pictures / "label-0"
    command = ("train", "triplet", one, "--labels", "folder", "--base", base, "--out", "mine")
    assert "no picture has a field 'folder'" in cli(*command).err
    lonely = pictures / "one.csv"
    lonely.write_text("path,label\nlabel-0/0.png,a\nlabel-1/0.png,b\nlabel-2/0.png,c\n")
    command = ("train", "triplet", lonely, "--labels", "label", "--base", base, "--out", "mine")
    assert "none of the 3 labels has two pictures" in cli(*command).err


def test_without_the_extra_one_sentence_says_what_to_install(pictures: Path) -> None:
    for recipe in (["triplet", "--labels", "folder"], ["autoencoder"]):
        ran = alone("train", recipe[0], pictures, *recipe[1:], "--out", "mine")
        assert ran.returncode == 5
        assert ran.stderr == (
            "error: training a model needs an optional part: pip install 'visavis[train]'\n"
        )


def test_the_help_of_a_training_needs_nothing_heavy() -> None:
    code = (
        "import sys\nfrom visavis.cli.main import run\n"
        "run(['train', 'triplet', '--help'])\nprint('\\n' + ' '.join(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in ran.stdout.splitlines()[-1].split()}
    assert not loaded & {"torch", "lightning", "numpy", "PIL", "onnx"}
