"""`visavis models`: list, info, check, add, with networks made here."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

Cli = Callable[..., Any]

PREPROCESS = '{"size": 16, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}'


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """tiny.onnx: a convolution to 8 maps, averaged to 8 numbers."""
    kernel = np.random.default_rng(3).normal(0, 0.3, (8, 3, 3, 3)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["input", "kernel"], ["conv"], pads=[1, 1, 1, 1]),
            helper.make_node("Relu", ["conv"], ["map"]),
            helper.make_node("GlobalAveragePool", ["map"], ["gap"]),
            helper.make_node("Flatten", ["gap"], ["features"]),
        ],
        "tiny",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 3, 16, 16])],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", 8])],
        [numpy_helper.from_array(kernel, "kernel")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    path = tmp_path / "tiny.onnx"
    onnx.save(model, path)
    return path


@pytest.fixture
def added(cli: Cli, network: Path) -> Path:
    """The folder of the network, added under its own name."""
    ran = cli("models", "add", network, "--preprocess", PREPROCESS, "--license", "CC0-1.0")
    assert (ran.code, ran.out) == (0, "added tiny: 8 dimensions\n"), ran.err
    return Path("home/data/visavis/models/tiny").absolute()


def test_models_that_ship_with_visavis_are_listed(cli: Cli) -> None:
    ran = cli("models", "list")
    assert ran.code == 0
    assert [line.split()[0] for line in ran.out.splitlines()] == ["visavis-s", "classic"]
    assert "clip" not in ran.out
    shown = json.loads(cli("models", "list", "--available", "--json").out)
    kinds = {model["name"]: model["kind"] for model in shown}
    assert kinds["classic"] == "built-in"
    assert kinds["clip-vit-b32"] == "available"


def test_an_onnx_file_is_added_checked_and_used(cli: Cli, added: Path, photos: Path) -> None:
    assert (added / "model.json").is_file()
    info = json.loads(cli("models", "info", "tiny", "--json").out)
    assert (info["kind"], info["dim"], info["side"]) == ("added", 8, 16)
    assert (info["license"], info["folder"]) == ("CC0-1.0", str(added))
    report = json.loads(cli("models", "check", "tiny", "--json").out)
    assert (report["name"], report["dim"]) == ("tiny", 8)
    assert cli("models", "check", "tiny").out.startswith("tiny works: 8 dimensions, ")
    assert cli("index", photos, "--model", "tiny").code == 0
    found = json.loads(cli("search", photos / "mug-01-front.jpg", "--json").out)
    assert (found["model"], found["results"][0]["id"]) == ("tiny", "mug-01-front.jpg")


def test_an_inner_layer_is_taken_when_named(cli: Cli, network: Path) -> None:
    preprocess = network.with_name("preprocess.json")
    preprocess.write_text(PREPROCESS)
    ran = cli(
        *("models", "add", network, "--name", "inner", "--output", "map"),
        *("--pool", "gem", "--preprocess", preprocess),
    )
    assert (ran.code, ran.out) == (0, "added inner: 8 dimensions\n")


def test_the_tensors_of_a_network_are_listed_with_their_shapes(cli: Cli, network: Path) -> None:
    assert cli("models", "outputs", network).out.splitlines() == [
        "conv      N x 8 x 16 x 16",
        "map       N x 8 x 16 x 16",
        "gap       N x 8 x 1 x 1",
        "features  N x 8",
    ]
    assert cli("models", "outputs", network, "MAP").out == "map  N x 8 x 16 x 16\n"
    assert json.loads(cli("models", "outputs", "visavis-s", "embedding", "--json").out)
    wrong = cli("models", "add", network, "--output", "Map", "--preprocess", PREPROCESS)
    assert wrong.code == 5
    assert "did you mean 'map'? its outputs are features, and `visavis models outputs" in wrong.err


def test_a_model_folder_is_copied_under_another_name(cli: Cli, added: Path) -> None:
    assert cli("models", "add", added, "--name", "second").out == "added second: 8 dimensions\n"
    again = cli("models", "add", added, "--name", "second")
    assert again.code == 5
    assert "second" in again.err
    assert cli("models", "add", added, "--name", "second", "--replace").code == 0


def test_changed_weights_are_exit_code_5(cli: Cli, added: Path) -> None:
    with (added / "model.onnx").open("ab") as file:
        file.write(b"\0")
    ran = cli("models", "check", "tiny")
    assert (ran.code, ran.out) == (5, "")
    assert "model.onnx" in ran.err


def test_an_index_whose_model_is_gone_says_what_to_do(cli: Cli, added: Path, photos: Path) -> None:
    cli("index", photos, "--model", "tiny")
    added.rename(added.with_name(".gone"))
    ran = cli("search", photos / "mug-01-front.jpg")
    assert ran.code == 5
    assert "--rebuild" in ran.err
    assert cli("search", "id:mug-01-front.jpg").code == 0  # needs no model


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["info", "classik"], 5, "did you mean 'classic'"),
        (["check", "classic"], 2, "no folder to check"),
        (["add", "tiny.onnx"], 2, "--preprocess"),
        (["add", "tiny.onnx", "--preprocess", "{"], 2, "no JSON"),
        (["add", "tiny.onnx", "--preprocess", '{"sizes": 16}'], 5, "size"),
        (["add", "gone.onnx", "--preprocess", PREPROCESS], 5, "gone.onnx"),
        (["add", "https://example.com/x.onnx"], 5, "https://example.com/x.onnx: models are added"),
        (["add", "gone.onnx"], 5, "gone.onnx: there is no such file"),
        (["add", "clip-vit-b32", "--output", "features"], 2, "--output"),
        (["add", "clip-vit-b32", "--license", "MIT"], 2, "--license is for an .onnx file"),
        (["outputs", "classic"], 2, "classic has no network"),
        (["outputs", "tiny.onnx", "zebra"], 2, "no tensor with a name like 'zebra'"),
        (["outputs", "gone.onnx"], 5, "gone.onnx"),
    ],
)
def test_a_request_that_makes_no_sense_gets_one_sentence(
    cli: Cli, network: Path, arguments: list[str], code: int, said: str
) -> None:
    ran = cli("models", *arguments)
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err
    assert len(ran.err.splitlines()) == 1


def test_a_text_that_is_no_onnx_file_is_exit_code_5(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "fake.onnx").write_text("not a network")
    ran = cli("models", "add", "fake.onnx", "--preprocess", PREPROCESS)
    assert (ran.code, ran.out) == (5, "")
    assert len(ran.err.splitlines()) == 1


def test_a_wide_layer_is_reduced_for_an_index(cli: Cli, network: Path, photos: Path) -> None:
    preprocess = network.with_name("preprocess.json")
    preprocess.write_text(PREPROCESS)
    layer = ("--name", "wide", "--output", "map", "--pool", "none", "--preprocess", preprocess)
    assert cli("models", "add", network, *layer).out == "added wide: 2048 dimensions\n"
    made = cli("index", photos, "--model", "wide", "--reduce", 3)
    assert made.code == 0, made.err
    assert "model wide-pca3" in made.out
    found = json.loads(cli("search", photos / "mug-01-front.jpg", "--json").out)
    assert found["results"][0]["id"] == "mug-01-front.jpg"
    for given in (("--reduce", 2), ("--reduce", 2, "--rebuild")):
        again = cli("index", photos, "--model", "wide", *given)
        assert (again.code, "--reduce is for a new" in again.err) == (2, True)
