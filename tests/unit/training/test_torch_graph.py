from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from visavis.errors import ModelError
from visavis.training.torch_graph import TorchGraph

MOBILENET = Path(__file__).parents[4] / "shared/weights/mobilenet-v2/model.onnx"


def conv_model(**attributes: object) -> onnx.ModelProto:
    """Input (N, 4, 9, 8) → a convolution with these attributes → a cut to -1…1."""
    group = attributes.get("group", 1)
    assert isinstance(group, int)
    rng = np.random.default_rng(1)
    constants = {
        "weight": rng.normal(size=(6, 4 // group, 3, 3)),
        "bias": rng.normal(size=6),
        "low": np.array(-1.0),
        "high": np.array(1.0),
    }
    nodes = [
        helper.make_node("Conv", ["input", "weight", "bias"], ["raw"], **attributes),
        helper.make_node("Clip", ["raw", "low", "high"], ["out"]),
    ]
    return helper.make_model(
        helper.make_graph(
            nodes,
            "conv",
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 4, 9, 8])],
            [helper.make_tensor_value_info("out", TensorProto.FLOAT, None)],
            [numpy_helper.from_array(v.astype(np.float32), k) for k, v in constants.items()],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"pads": [1, 0, 2, 1]},
        {"auto_pad": "SAME_UPPER", "strides": [2, 2]},
        {"auto_pad": "SAME_LOWER", "strides": [2, 1]},
        {"dilations": [2, 2], "group": 2},
    ],
    ids=str,
)
def test_convolutions_are_those_of_the_runtime(attributes: dict[str, object]) -> None:
    model = conv_model(**attributes)
    batch = np.random.default_rng(2).normal(size=(2, 4, 9, 8)).astype(np.float32)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (expected,) = session.run(["out"], {"input": batch})
    (found,) = TorchGraph(model, "cpu").run(["out"], torch.from_numpy(batch))
    assert np.allclose(found.numpy(), expected, atol=1e-5)


def test_a_whole_classifier_gives_the_runtime_s_answer(teacher_folder: Path) -> None:
    model = onnx.load(str(teacher_folder / "model.onnx"))
    batch = np.random.default_rng(2).normal(size=(3, 3, 48, 48)).astype(np.float32)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    expected = session.run(["features", "scores"], {"input": batch})
    found = TorchGraph(model, "cpu").run(["features", "scores"], torch.from_numpy(batch))
    for ours, theirs in zip(found, expected, strict=True):
        assert np.allclose(ours.numpy(), theirs, atol=1e-5)


def test_an_operator_that_is_not_known_is_refused_by_name() -> None:
    model = conv_model()
    model.graph.node.append(helper.make_node("LayerNormalization", ["out"], ["more"]))
    with pytest.raises(ModelError, match="LayerNormalization"):
        TorchGraph(model, "cpu")


@pytest.mark.shared
@pytest.mark.skipif(not MOBILENET.exists(), reason="needs shared/weights")
def test_mobilenet_gives_the_runtime_s_answer() -> None:
    batch = np.random.default_rng(2).uniform(-1, 1, (1, 3, 224, 224)).astype(np.float32)
    session = ort.InferenceSession(str(MOBILENET), providers=["CPUExecutionProvider"])
    expected = session.run(["features", "output"], {"input": batch})
    model = onnx.load(str(MOBILENET))
    found = TorchGraph(model, "cpu").run(["features", "output"], torch.from_numpy(batch))
    for ours, theirs in zip(found, expected, strict=True):
        assert np.allclose(ours.numpy(), theirs, atol=1e-3)
