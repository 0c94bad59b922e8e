"""A trained network to a model folder: small, checked, and free of torch.

The convolutions are computed in integers (`in_integers`). What else is large is stored as 8-bit
integers with one scale for each output channel, and multiplied out by the runtime when it loads the
graph. So the file is a quarter of the size, and it runs in half the time.
"""

import copy
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from visavis.embedders.spec import ClassesSpec, ModelSpec, PreprocessSpec
from visavis.errors import ModelError
from visavis.training.integers import in_integers
from visavis.training.tracing import session, traced, write_folder

Floats = NDArray[np.float32]

TOLERANCE = 1e-3
"""Largest difference between torch and the graph before integers, in any number of its outputs."""

FAITHFUL = 0.99
"""Least mean cosine between vectors before and after integers."""

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


def graph(network: nn.Module, side: int, outputs: tuple[str, ...]) -> onnx.ModelProto:
    """The ONNX graph of a network that takes `input` (N, 3, side, side), weights as they are."""
    example = (torch.zeros(1, 3, side, side),)
    return traced(network, example, ["input"], outputs, 17)


def packed(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph with its larger weights as 8-bit integers and scales.

    A cast and a product rather than DequantizeLinear: the runtime folds these when it loads the
    graph.
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
    theirs = session(model).run(None, {"input": images.numpy()})
    with torch.inference_mode():
        ours = network.eval()(images)
    pairs = zip(ours, theirs, strict=True)
    return max(float(np.abs(a.numpy() - b).max()) for a, b in pairs)


def plain_graph(network: nn.Module, images: Tensor) -> onnx.ModelProto:
    """The graph in 32 bits, compared with torch on `images` (n, 3, side, side) in -1…1.

    Raises ExportError where they differ by more than `TOLERANCE`.
    """
    exact = merged(network)
    model = graph(exact, int(images.shape[-1]), ("embedding", "classes"))
    worst = difference(model, exact, images)
    if worst > TOLERANCE:
        raise ExportError(f"the graph differs from torch by {worst:.2g}; it is not saved")
    return model


def small_graph(plain: onnx.ModelProto, typical: Tensor, images: Tensor) -> onnx.ModelProto:
    """The same in integers, with ranges from `typical` pictures, compared with it on `images`.

    Raises ExportError where the mean cosine of the vectors is below `FAITHFUL`.
    """
    model = packed(in_integers(plain, typical.numpy()))
    before, after = vectors(plain)(images), vectors(model)(images)
    cosine = float((before * after).sum(axis=1).mean())
    if cosine < FAITHFUL:
        raise ExportError(f"integers move the vectors to a cosine of {cosine:.3f}; not saved")
    return model


def vectors(model: onnx.ModelProto) -> Callable[[Tensor], Floats]:
    """What the graph gives: images (n, 3, side, side) in -1…1 to vectors (n, dim)."""
    runner = session(model)

    def embed(images: Tensor) -> Floats:
        found: Floats = runner.run(["embedding"], {"input": images.numpy()})[0]
        return found

    return embed


def export(
    model: onnx.ModelProto,
    folder: Path,
    *,
    name: str,
    labels: list[str],
    license: str,
    origin: str,
    records: Mapping[str, Any],
) -> ModelSpec:
    """Write the model folder of a graph that gives unit vectors and class probabilities.

    `records` are JSON files to put beside the model, by name without suffix.
    """
    content = model.SerializeToString()
    side = model.graph.input[0].type.tensor_type.shape.dim[-1].dim_value
    [embedding] = [o for o in model.graph.output if o.name == "embedding"]
    spec = ModelSpec(
        name=name,
        file="model.onnx",
        sha256=hashlib.sha256(content).hexdigest(),
        output="embedding",
        pool="none",
        dim=embedding.type.tensor_type.shape.dim[-1].dim_value,
        preprocess=PreprocessSpec(size=side, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
        classes=ClassesSpec("classes", "labels.txt"),
        license=license,
        origin=origin,
    )
    write_folder(folder, spec, content, records, labels)
    return spec
