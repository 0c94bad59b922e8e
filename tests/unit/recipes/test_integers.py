"""A graph in integers, against ONNX's own definition of every operator."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnx.version_converter import convert_version
from recipes.visavis_s.integers import in_integers

SIDE = 16


@pytest.fixture
def plain() -> onnx.ModelProto:
    """Three convolutions, of which the second has an activation, and an average."""
    rng = np.random.default_rng(1)
    weights = {
        "a": rng.normal(0, 0.4, (8, 3, 3, 3)),
        "b": rng.normal(0, 0.2, (12, 8, 3, 3)),
        "c": rng.normal(0, 0.2, (6, 12, 1, 1)),
    }
    same = {"pads": [1, 1, 1, 1]}
    nodes = [
        helper.make_node("Conv", ["x", "a"], ["p"], "first", **same),
        helper.make_node("Relu", ["p"], ["q"]),
        helper.make_node("Conv", ["q", "b"], ["r"], "second", **same),
        helper.make_node("Relu", ["r"], ["s"]),
        helper.make_node("Conv", ["s", "c"], ["t"], "third"),
        helper.make_node("GlobalAveragePool", ["t"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "three",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 6, 1, 1])],
        [numpy_helper.from_array(v.astype(np.float32), k) for k, v in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def images(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (count, 3, SIDE, SIDE)).astype(np.float32)


def run(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    answer: np.ndarray = session.run(None, {"x": x})[0]
    return answer.reshape(len(x), -1)


def test_integers_say_nearly_what_the_graph_says(plain: onnx.ModelProto) -> None:
    model = in_integers(plain, images(40, 2))
    before, after = run(plain, images(9, 3)), run(model, images(9, 3))
    assert 0 < np.abs(before - after).max() < 0.02 * np.abs(before).max()


def test_the_runtime_computes_what_the_specification_says(plain: onnx.ModelProto) -> None:
    model = in_integers(plain, images(40, 2))
    expected = (
        ReferenceEvaluator(convert_version(model, 19))
        .run(None, {"x": images(3, 4)})[0]
        .reshape(3, -1)
    )
    assert np.allclose(run(model, images(3, 4)), expected, atol=1e-3)


def test_a_bias_that_two_convolutions_share_is_right_for_both(plain: onnx.ModelProto) -> None:
    """The second branch sees numbers twenty times as small, so its products have another unit."""
    rng = np.random.default_rng(7)
    graph = plain.graph
    stored = {
        "half": np.float32(0.05).reshape(1),
        "shared": rng.normal(0, 0.5, 12).astype(np.float32),
    }
    graph.initializer.extend(numpy_helper.from_array(v, k) for k, v in stored.items())
    [second] = [node for node in graph.node if node.name == "second"]
    second.input.append("shared")
    del graph.node[-1], graph.output[:]
    same = {"pads": [1, 1, 1, 1]}
    graph.node.extend(
        [
            helper.make_node("Mul", ["q", "half"], ["less"]),
            helper.make_node("Conv", ["less", "b", "shared"], ["u"], "again", **same),
            helper.make_node("Relu", ["u"], ["v"]),
            helper.make_node("Conv", ["v", "c"], ["w"], "last"),
            helper.make_node("Add", ["t", "w"], ["sum"]),
            helper.make_node("GlobalAveragePool", ["sum"], ["y"]),
        ]
    )
    graph.output.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 6, 1, 1]))
    onnx.checker.check_model(plain)
    before = run(plain, images(9, 3))
    after = run(in_integers(plain, images(40, 2)), images(9, 3))
    assert np.abs(before - after).max() < 0.02 * np.abs(before).max()


def test_no_two_products_of_a_weight_overflow_sixteen_bits(plain: onnx.ModelProto) -> None:
    stored = {
        t.name: numpy_helper.to_array(t) for t in in_integers(plain, images(8, 2)).graph.initializer
    }
    weights = [v for v in stored.values() if v.dtype == np.int8 and v.ndim == 4]
    assert len(weights) == 2, "the first convolution stays as it is"
    for weight in weights:
        assert 60 <= np.abs(weight.astype(int)).max() <= 64
