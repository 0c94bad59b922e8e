"""Parts of ONNX files put together without the onnx package, which is the oracle here."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from visavis.embedders.runtime.graph_edit import (
    appended,
    constants_alone,
    cut,
    node,
    parse_opset,
    tensor,
)
from visavis.embedders.runtime.network import read_constants
from visavis.errors import ModelSpecError

MakeNetwork = Callable[..., onnx.ModelProto]


@pytest.fixture
def packed(tiny_network: MakeNetwork, weights: dict[str, NDArray[np.float32]]) -> onnx.ModelProto:
    """The tiny network with its classifier as 8-bit numbers times a scale, as visavis exports."""
    model = tiny_network()
    matrix = weights["matrix"]
    scale = np.abs(matrix).max(axis=0, keepdims=True) / 127
    whole = np.rint(matrix / scale).astype(np.int8)
    tensors = [t for t in model.graph.initializer if t.name != "matrix"]
    tensors += [numpy_helper.from_array(whole, "small"), numpy_helper.from_array(scale, "scale")]
    nodes = [
        helper.make_node("Cast", ["small"], ["wide"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["wide", "scale"], ["matrix"]),
        *model.graph.node,
    ]
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.initializer.extend(tensors)
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)
    return model


def test_weights_are_read_as_onnx_reads_them(
    tiny_network: MakeNetwork, weights: dict[str, NDArray[np.float32]], tmp_path: Path
) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(tiny_network().SerializeToString())
    kernel, matrix = read_constants(path, ["kernel", "matrix"])
    np.testing.assert_array_equal(kernel, weights["kernel"])
    np.testing.assert_array_equal(matrix, weights["matrix"])


def test_weights_that_the_graph_makes_of_smaller_numbers_are_read(
    packed: onnx.ModelProto, weights: dict[str, NDArray[np.float32]], tmp_path: Path
) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(packed.SerializeToString())
    [matrix] = read_constants(path, ["matrix"])
    np.testing.assert_allclose(matrix, weights["matrix"], atol=0.01)


def test_half_precision_and_a_second_file_are_read(
    tiny_network: MakeNetwork, weights: dict[str, NDArray[np.float32]], tmp_path: Path
) -> None:
    path = tmp_path / "half.onnx"
    path.write_bytes(tiny_network(dtype=TensorProto.FLOAT16).SerializeToString())
    np.testing.assert_allclose(read_constants(path, ["matrix"])[0], weights["matrix"], atol=1e-3)
    path = tmp_path / "outside.onnx"
    onnx.save_model(
        tiny_network(), path, save_as_external_data=True, location="data", size_threshold=0
    )
    np.testing.assert_array_equal(read_constants(path, ["matrix"])[0], weights["matrix"])


@pytest.mark.parametrize("name", ["features", "prob", "input", "nothing"])
def test_what_depends_on_the_picture_is_no_constant(
    tiny_network: MakeNetwork, tmp_path: Path, name: str
) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(tiny_network().SerializeToString())
    with pytest.raises(ModelSpecError, match=f"'{name}' is no constant|'input' is no constant"):
        read_constants(path, [name])


@pytest.mark.parametrize("older", [False, True], ids=["today's files", "weights among the inputs"])
@pytest.mark.parametrize("wanted", [["map"], ["features", "prob"], ["prob"]])
def test_what_comes_behind_the_tensors_that_are_taken_is_left_out(
    wanted: list[str], older: bool, tiny_network: MakeNetwork
) -> None:
    whole = tiny_network()
    if older:
        whole.graph.input.extend(
            helper.make_tensor_value_info(t.name, t.data_type, t.dims)
            for t in whole.graph.initializer
        )
    small = cut(whole.SerializeToString(), wanted)
    assert small is not None
    model = onnx.load_from_string(small)
    assert [one.name for one in model.graph.output] == wanted
    kept = {"kernel", "matrix"} if "prob" in wanted else {"kernel"}
    assert {one.name for one in model.graph.initializer} == kept
    assert (len(model.graph.input) == 1 + len(kept)) == older
    picture = np.random.default_rng(1).random((2, 3, 32, 32), np.float32)
    inner = [helper.make_empty_tensor_value_info(w) for w in wanted if w != "prob"]
    whole.graph.output.extend(inner)
    ours, theirs = (
        onnxruntime.InferenceSession(data).run(wanted, {"input": picture})
        for data in (small, whole.SerializeToString())
    )
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_a_network_with_branches_is_not_cut(tiny_network: MakeNetwork) -> None:
    model = tiny_network()
    same = helper.make_graph(
        [helper.make_node("Identity", ["gap"], ["kept"])],
        "branch",
        [],
        [helper.make_empty_tensor_value_info("kept")],
    )
    always = numpy_helper.from_array(np.array(True), "always")
    model.graph.initializer.append(always)
    branch = helper.make_node("If", ["always"], ["chosen"], then_branch=same, else_branch=same)
    model.graph.node.append(branch)
    assert cut(model.SerializeToString(), ["chosen"]) is None


def test_only_what_is_needed_is_copied(packed: onnx.ModelProto) -> None:
    alone = onnx.load_model_from_string(constants_alone(packed.SerializeToString(), ["matrix"]))
    assert [node.op_type for node in alone.graph.node] == ["Cast", "Mul"]
    assert {t.name for t in alone.graph.initializer} == {"small", "scale"}
    assert not alone.graph.input


def test_operations_are_appended_as_the_package_would_write_them(
    tiny_network: MakeNetwork,
) -> None:
    base = tiny_network().SerializeToString()
    made = appended(
        base,
        [
            tensor("factor", np.array([2.0], np.float32)),
            tensor("shape", np.array([-1, 4, 2], np.int64)),
            node("Mul", ["features", "factor"], ["doubled"]),
            node("Reshape", ["doubled", "shape"], ["folded"]),
            node("Transpose", ["folded"], ["turned"]),
            node("Softmax", ["turned"], ["mine"], axis=-1),
        ],
        "mine",
    )
    model = onnx.load_model_from_string(made)
    added = model.graph.node[-1]
    assert added.attribute[0] == helper.make_attribute("axis", -1)
    assert [value.name for value in model.graph.output] == ["prob", "mine"]
    picture = np.random.default_rng(1).random((3, 3, 32, 32), dtype=np.float32)
    session = onnxruntime.InferenceSession(made, providers=["CPUExecutionProvider"])
    features_session = onnxruntime.InferenceSession(
        tiny_network(outputs=("features",), classifier=False).SerializeToString(),
        providers=["CPUExecutionProvider"],
    )
    (mine,) = session.run(["mine"], {"input": picture})
    (features,) = features_session.run(["features"], {"input": picture})
    folded = (2 * np.asarray(features)).reshape(3, 4, 2).transpose(2, 1, 0)
    raised = np.exp(folded)
    np.testing.assert_allclose(mine, raised / raised.sum(axis=-1, keepdims=True), rtol=1e-4)


def test_the_version_of_the_operators_is_read(tiny_network: MakeNetwork) -> None:
    model = tiny_network()
    assert parse_opset(model.SerializeToString()) == 13
    model.opset_import.insert(0, helper.make_opsetid("some.other", 3))
    assert parse_opset(model.SerializeToString()) == 13
    del model.opset_import[:]
    with pytest.raises(ValueError, match="does not name"):
        parse_opset(model.SerializeToString())
