"""The convolutions as an ONNX graph: in 32 bits, or in 8-bit integers.

The integers are written as QuantizeLinear and DequantizeLinear around each convolution, as ONNX
Runtime fuses them: weights of 7 bits with a scale for each channel (processors without dot-product
instructions add two products in 16 bits, which eight bits could overflow), activations of 8 bits.
Ranges are those of ranges.py; the end of one is ReLU6 as well. The
first convolution stays in 32 bits, and so does what the last one gives: square roots follow.
"""

from collections.abc import Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from recipes.visavis_s.equalise import RANGE
from recipes.visavis_s.network import Convolution, padding, steps
from recipes.visavis_s.ranges import Range
from torch import Tensor

Floats = NDArray[np.float32]

OPSET = 17


class _Graph:
    """Nodes and numbers, in the making."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.numbers: list[onnx.TensorProto] = []

    def add(self, kind: str, inputs: Sequence[str], output: str, **attributes: object) -> str:
        self.nodes.append(helper.make_node(kind, list(inputs), [output], name=output, **attributes))
        return output

    def number(self, name: str, value: NDArray[np.generic] | np.generic) -> str:
        self.numbers.append(numpy_helper.from_array(np.asarray(value), name))
        return name


def convolutions(
    chained: list[Convolution],
    classifier: tuple[Tensor, Tensor],
    side: int,
    ranges: Sequence[Range] | None = None,
) -> onnx.ModelProto:
    """`input` (N, 3, side, side) in -1…1 to `features` (N, 1280) and `scores` (N, 1000).

    The scores are those before softmax. With the `ranges` of each convolution all is in integers;
    the chain should be equalised.
    """
    graph = _Graph()
    graph.number("zero", np.float32(0))
    graph.number("six", np.float32(RANGE))
    names, size, step = ["input"], side, 0.0
    for place, one in enumerate(chained):
        last = place == len(chained) - 1
        taken = step if ranges is not None and place else None
        x = _convolution(graph, one, names[-1], size, taken, fused=not last)
        size = -(-size // one.stride)
        if one.adds:
            between = x
            if ranges is not None:
                between = _rounded(graph, x, f"{one.name}.part", ranges[place].part / 127, 128)
            x = graph.add("Add", [between, names[place + 1 - one.adds]], f"{one.name}.added")
        if one.active and (ranges is None or last or place == 0):
            x = graph.add("Clip", [x, "zero", "six"], f"{one.name}.relu6")
        if ranges is not None and not last:
            step = ranges[place].whole / (255 if one.active else 127)
            x = _rounded(graph, x, f"{one.name}.whole", step, 0 if one.active else 128)
        names.append(x)
    graph.add("GlobalAveragePool", [names[-1]], "pooled")
    graph.add("Flatten", ["pooled"], "features", axis=1)
    graph.number("classes.weight", classifier[0].numpy())
    graph.number("classes.bias", classifier[1].numpy())
    graph.add("Gemm", ["features", "classes.weight", "classes.bias"], "scores", transB=1)
    return _model(graph, side, len(classifier[1]))


def _convolution(
    graph: _Graph, one: Convolution, x: str, size: int, taken: float | None, *, fused: bool
) -> str:
    """A convolution's node; with integers where `taken`, the step of what it takes, is known.

    Those that are not `fused` are computed in floats with the integers' values.
    """
    weight, bias = one.weight.numpy(), one.bias.numpy()
    names = [f"{one.name}.weight", f"{one.name}.bias"]
    if taken is not None:
        scale = steps(one.weight).numpy().reshape(-1)
        # A silent channel is its bias alone, which has to fit into 32 bits all the same.
        scale = np.maximum(scale, np.abs(bias) / taken / 2**24).astype(np.float32)
        whole = np.rint(weight / scale[:, None, None, None]).astype(np.int8)
        _whole(graph, names[0], whole, scale, fused=fused)
        scale = (scale * np.float32(taken)).astype(np.float32)
        _whole(graph, names[1], np.rint(bias / scale).astype(np.int32), scale, fused=fused)
    else:
        graph.number(names[0], weight)
        graph.number(names[1], bias)
    kernel = weight.shape[2]
    before, after = padding(size, kernel, one.stride)
    return graph.add(
        "Conv",
        [x, *names],
        f"{one.name}.conv",
        kernel_shape=[kernel, kernel],
        strides=[one.stride] * 2,
        pads=[before, before, after, after],
        group=one.groups,
    )


def _whole(
    graph: _Graph, name: str, whole: NDArray[np.generic], scale: Floats, *, fused: bool
) -> None:
    """Integers with a scale for each channel, as floats.

    What is not fused is a cast and a product: the runtime folds these when it loads, and computes
    DequantizeLinear anew for each picture.
    """
    source = graph.number(f"{name}.int", whole)
    if fused:
        inputs = [source, graph.number(f"{name}.scale", scale)]
        inputs.append(graph.number(f"{name}.zero", np.zeros(len(scale), whole.dtype)))
        graph.add("DequantizeLinear", inputs, name, axis=0)
    else:
        spread = scale.reshape(-1, *[1] * (whole.ndim - 1))
        plain = graph.add("Cast", [source], f"{name}.float", to=TensorProto.FLOAT)
        graph.add("Mul", [plain, graph.number(f"{name}.scale", spread)], name)


def _rounded(graph: _Graph, x: str, name: str, step: float, zero: int) -> str:
    numbers = [graph.number(f"{name}.step", np.float32(step))]
    numbers.append(graph.number(f"{name}.zero", np.uint8(zero)))
    whole = graph.add("QuantizeLinear", [x, *numbers], f"{name}.int")
    return graph.add("DequantizeLinear", [whole, *numbers], name)


def _model(graph: _Graph, side: int, classes: int) -> onnx.ModelProto:
    def tensor(name: str, shape: list[int | str]) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    made = helper.make_graph(
        graph.nodes,
        "visavis-s",
        [tensor("input", ["N", 3, side, side])],
        [tensor("features", ["N", 1280]), tensor("scores", ["N", classes])],
        graph.numbers,
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    return model
