"""The small protobuf reader, with the `onnx` package as its oracle."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from visavis.embedders.runtime.graph import (
    last_feature_tensor,
    output_suffix,
    parse_graph,
    parse_outputs,
    read_graph,
)
from visavis.errors import ModelError

SHARED = Path(__file__).parents[5] / "shared" / "weights"

MakeNetwork = Callable[..., onnx.ModelProto]


def test_names_are_those_that_onnx_reads(tiny_network: MakeNetwork) -> None:
    model = tiny_network(outputs=("prob", "map"))
    graph = parse_graph(model.SerializeToString())
    assert [(n.op, list(n.inputs), list(n.outputs)) for n in graph.nodes] == [
        (n.op_type, list(n.input), list(n.output)) for n in model.graph.node
    ]
    assert graph.inputs == ("input",)
    assert graph.outputs == ("prob", "map")
    assert parse_outputs(model.SerializeToString()) == ("prob", "map")
    assert graph.external == ()


def test_weights_that_old_files_list_as_inputs_are_left_out(tiny_network: MakeNetwork) -> None:
    model = tiny_network()
    model.graph.input.append(
        helper.make_tensor_value_info("kernel", TensorProto.FLOAT, [8, 3, 3, 3])
    )
    assert parse_graph(model.SerializeToString()).inputs == ("input",)


@pytest.mark.parametrize("tensor", ["features", "map", "ünusual/näme:0" + "x" * 300])
def test_the_appended_bytes_are_one_more_output_to_protobuf(
    tiny_network: MakeNetwork, tensor: str
) -> None:
    original = tiny_network()
    spliced = onnx.load_model_from_string(original.SerializeToString() + output_suffix(tensor))
    assert [value.name for value in spliced.graph.output] == ["prob", tensor]
    del spliced.graph.output[-1]
    assert spliced == original


def test_an_inner_tensor_has_the_value_that_a_declared_output_has(
    tiny_network: MakeNetwork,
) -> None:
    picture = np.random.default_rng(1).random((2, 3, 32, 32), dtype=np.float32)

    def run(model: bytes) -> np.ndarray[tuple[int, ...]]:
        session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        (result,) = session.run(["map"], {"input": picture})
        return np.asarray(result)

    declared = run(tiny_network(outputs=("prob", "map")).SerializeToString())
    spliced = run(tiny_network().SerializeToString() + output_suffix("map"))
    np.testing.assert_allclose(spliced, declared, rtol=1e-5)


def test_the_tensor_before_the_classifier_is_found(tiny_network: MakeNetwork) -> None:
    assert last_feature_tensor(parse_graph(tiny_network().SerializeToString())) == "features"


def chain(*nodes: tuple[str, str, str], output: str) -> bytes:
    """A graph of (operation, "inputs", "outputs")."""
    made = [helper.make_node(op, i.split(), o.split()) for op, i, o in nodes]
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in ("x", output)]
    weight = numpy_helper.from_array(np.ones((2, 2), np.float32), "w")
    graph = helper.make_graph(made, "g", values[:1], values[1:], [weight])
    data: bytes = helper.make_model(graph).SerializeToString()
    return data


def test_a_product_and_a_sum_count_as_a_classifier() -> None:
    model = chain(("Relu", "x", "f"), ("MatMul", "f w", "p"), ("Add", "w p", "out"), output="out")
    assert last_feature_tensor(parse_graph(model)) == "f"


def test_without_a_matrix_the_last_convolution_is_the_classifier() -> None:
    model = chain(
        ("Conv", "x w", "a"),
        ("Relu", "a", "b"),
        ("Conv", "b w", "c"),
        ("GlobalAveragePool", "c", "out"),
        output="out",
    )
    assert last_feature_tensor(parse_graph(model)) == "b"


def test_the_tensor_is_taken_before_it_is_made_bytes() -> None:
    model = chain(
        ("Relu", "x", "f"),
        ("DynamicQuantizeLinear", "f", "q s z"),
        ("MatMulInteger", "q w", "i"),
        ("Mul", "i s", "out"),
        output="out",
    )
    assert last_feature_tensor(parse_graph(model)) == "f"


def test_a_graph_without_a_classifier_has_no_such_tensor() -> None:
    assert last_feature_tensor(parse_graph(chain(("Relu", "x", "out"), output="out"))) is None


def test_weights_in_a_second_file_are_named(tiny_network: MakeNetwork, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    onnx.save_model(
        tiny_network(),
        path,
        save_as_external_data=True,
        location="model.onnx_data",
        size_threshold=0,
    )
    assert read_graph(path).external == ("model.onnx_data",)


@pytest.mark.parametrize("data", [b"", b"\x00", b"not a network", b"\x3a\xff\x01abc", b"{" * 400])
def test_a_file_that_is_no_network_is_named(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(data)
    with pytest.raises(ModelError, match=r"broken\.onnx cannot be read as an ONNX model"):
        read_graph(path)


def test_a_file_cut_anywhere_is_an_error_or_a_shorter_graph(
    tiny_network: MakeNetwork, tmp_path: Path
) -> None:
    data = tiny_network(classifier=False, outputs=("features",)).SerializeToString()
    path = tmp_path / "cut.onnx"
    for length in range(0, len(data), 37):
        path.write_bytes(data[:length])
        with pytest.raises(ModelError, match="cannot be read"):
            read_graph(path)


@given(st.integers(0, 2000), st.binary(min_size=1, max_size=6))
def test_damage_anywhere_is_an_error_or_another_graph_and_nothing_else(
    place: int, damage: bytes
) -> None:
    model = bytearray(chain(("Relu", "x", "f"), ("MatMul", "f w", "out"), output="out"))
    place %= len(model)
    model[place : place + len(damage)] = damage
    with contextlib.suppress(ValueError, IndexError):  # what `read_graph` turns into ModelError
        last_feature_tensor(parse_graph(bytes(model)))


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "features"),
    [("mobilenet-v2", "AveragePool_272"), ("squeezenet", "fire9/concat_2")],
)
def test_real_networks_are_read_as_onnx_reads_them(name: str, features: str) -> None:
    path = SHARED / name / "model.onnx"
    if not path.is_file():
        pytest.skip("no shared weights")
    graph, oracle = read_graph(path), onnx.load_model(path).graph
    assert [node.op for node in graph.nodes] == [node.op_type for node in oracle.node]
    assert graph.outputs == tuple(value.name for value in oracle.output)
    assert last_feature_tensor(graph) == features
