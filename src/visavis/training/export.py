"""A trained network to a model folder: small, checked, and free of torch.

Weights are stored as 8-bit integers with one scale for each output channel, and multiplied out by
the runtime when it loads the graph: the file is a quarter of the size, the speed is that of
float32, and every machine computes with the same numbers.
"""

import copy
import hashlib
import json
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from visavis.embedders.spec import ClassesSpec, ModelSpec, PreprocessSpec
from visavis.errors import ModelError

TOLERANCE = 1e-3
"""Largest difference between torch and the exported graph, in any number of their outputs."""

_SMALLEST = 2048  # weights with fewer numbers stay float32: nothing is gained


class ExportError(ModelError):
    """The exported graph does not say what the network says."""


def merged(network: nn.Module) -> nn.Module:
    """A copy of the network for inference: batch normalisation merged into its convolutions."""
    result = copy.deepcopy(network).cpu().eval()
    for module in list(result.modules()):
        if not isinstance(module, nn.Sequential):
            continue
        for index in range(len(module) - 1):
            conv, norm = module[index], module[index + 1]
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                module[index] = fuse_conv_bn_eval(conv, norm)
                module[index + 1] = nn.Identity()
    return result


def rounded(network: nn.Module) -> nn.Module:
    """A copy whose larger weights are multiples of a scale for each output channel, -127 … 127."""
    result = copy.deepcopy(network)
    with torch.no_grad():
        for parameter in result.parameters():
            if parameter.ndim > 1 and parameter.numel() >= _SMALLEST:
                flat = parameter.reshape(len(parameter), -1)
                scale = flat.abs().amax(dim=1, keepdim=True).clamp(min=1e-12) / 127
                parameter.copy_(((flat / scale).round() * scale).reshape(parameter.shape))
    return result


def graph(network: nn.Module, side: int, outputs: tuple[str, ...]) -> onnx.ModelProto:
    """The ONNX graph of a network that takes `input` (N, 3, side, side), weights as they are."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # The exporter that torch prefers by now needs a package more and writes the same graph.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            network.eval(),
            (torch.zeros(1, 3, side, side),),
            Path(folder) / "graph.onnx",
            input_names=["input"],
            output_names=list(outputs),
            dynamic_axes={name: {0: "N"} for name in ("input", *outputs)},
            opset_version=17,
            dynamo=False,
        )
        return onnx.load(str(Path(folder) / "graph.onnx"))


def packed(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph with its larger weights as 8-bit integers and scales.

    The weights must be multiples of their scales already (`rounded`). A cast and a product rather
    than DequantizeLinear: the runtime folds these when it loads the graph.
    """
    result = onnx.ModelProto()
    result.CopyFrom(model)
    nodes, tensors = [], []
    for tensor in result.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.ndim < 2 or values.size < _SMALLEST:
            tensors.append(tensor)
            continue
        axes = tuple(range(1, values.ndim)) if _rows_are_outputs(result, tensor.name) else (0,)
        scale = np.maximum(np.abs(values).max(axis=axes, keepdims=True), 1e-12) / 127
        scale = scale.astype(np.float32)
        whole = np.rint(values / scale).astype(np.int8)
        name = tensor.name
        tensors.append(numpy_helper.from_array(whole, f"{name}.int8"))
        tensors.append(numpy_helper.from_array(scale, f"{name}.scale"))
        nodes.append(
            helper.make_node("Cast", [f"{name}.int8"], [f"{name}.float"], to=TensorProto.FLOAT)
        )
        nodes.append(helper.make_node("Mul", [f"{name}.float", f"{name}.scale"], [name]))
    nodes.extend(result.graph.node)
    del result.graph.initializer[:], result.graph.node[:]
    result.graph.initializer.extend(tensors)
    result.graph.node.extend(nodes)
    onnx.checker.check_model(result)
    return result


def _rows_are_outputs(model: onnx.ModelProto, name: str) -> bool:
    """Whether a weight's first axis counts outputs; in an untransposed product it is the last."""
    for node in model.graph.node:
        if name in node.input:
            if node.op_type == "MatMul":
                return False
            if node.op_type == "Gemm":
                return any(a.name == "transB" and a.i == 1 for a in node.attribute)
    return True


def difference(model: onnx.ModelProto, network: nn.Module, images: Tensor) -> float:
    """The largest difference between the graph's outputs and the network's on these inputs."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    theirs = session.run(None, {"input": images.numpy()})
    with torch.inference_mode():
        ours = network.eval()(images)
    pairs = zip(ours, theirs, strict=True)
    return max(float(np.abs(a.numpy() - b).max()) for a, b in pairs)


def export(
    network: nn.Module,
    folder: Path,
    *,
    name: str,
    images: Tensor,
    labels: list[str],
    license: str,
    origin: str,
    records: Mapping[str, Any],
) -> ModelSpec:
    """Write the model folder of a network that gives unit vectors and class probabilities.

    `images` (n, 3, side, side) in -1…1 are what torch and the graph are compared on; above
    `TOLERANCE` nothing is written and an ExportError is raised. `records` are JSON files to put
    beside the model, by name without suffix.
    """
    exact = rounded(merged(network))
    side = int(images.shape[-1])
    model = packed(graph(exact, side, ("embedding", "classes")))
    worst = difference(model, exact, images)
    if worst > TOLERANCE:
        raise ExportError(f"the graph of {name} differs from torch by {worst:.2g}; it is not saved")
    content = model.SerializeToString()
    with torch.inference_mode():
        dim = exact(images[:1])[0].shape[1]
    spec = ModelSpec(
        name=name,
        file="model.onnx",
        sha256=hashlib.sha256(content).hexdigest(),
        output="embedding",
        pool="none",
        dim=dim,
        preprocess=PreprocessSpec(size=side, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
        classes=ClassesSpec("classes", "labels.txt"),
        license=license,
        origin=origin,
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(content)
    (folder / "labels.txt").write_text("\n".join(labels) + "\n", encoding="utf-8")
    for record, shape in records.items():
        (folder / f"{record}.json").write_text(json.dumps(shape, indent=2) + "\n", encoding="utf-8")
    # Last: a folder with a model.json is whole.
    (folder / "model.json").write_text(spec.to_json(), encoding="utf-8")
    return spec
