"""An ONNX graph of plain layers, run by torch: for a teacher on a GPU.

The installed ONNX Runtime knows CPUs only, and there the teacher would keep the GPU waiting.
Only the handful of operators that classifiers of the MobileNet and ResNet kind are made of.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor
from torch.nn import functional

from visavis.errors import ModelError

Operator = Callable[..., Tensor]


class TorchGraph:
    """The graph on a device; tensors are looked up by their names in the graph."""

    def __init__(self, model: onnx.ModelProto, device: str) -> None:
        unknown = {node.op_type for node in model.graph.node} - set(_OPERATORS)
        if unknown:
            raise ModelError(
                f"a teacher with {', '.join(sorted(unknown))} cannot run on {device}; use the CPU"
            )
        self.device = device
        self._nodes = [
            (_OPERATORS[node.op_type], list(node.input), node.output[0], _attributes(node))
            for node in model.graph.node
        ]
        self._constants = {
            tensor.name: torch.from_numpy(np.array(numpy_helper.to_array(tensor))).to(device)
            for tensor in model.graph.initializer
        }
        self._input = model.graph.input[0].name

    @torch.inference_mode()
    def run(self, names: Sequence[str], batch: Tensor) -> list[Tensor]:
        """The named tensors for a batch."""
        known = dict(self._constants)
        known[self._input] = batch.to(self.device)
        for operator, inputs, output, attributes in self._nodes:
            # An empty name is an optional input that is not given.
            known[output] = operator(*(known.get(name) for name in inputs), **attributes)
        return [known[name] for name in names]


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    values = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    return {k: v.decode() if isinstance(v, bytes) else v for k, v in values.items()}


def _conv(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    kernel_shape: Sequence[int] = (),
    strides: Sequence[int] = (1, 1),
    dilations: Sequence[int] = (1, 1),
    pads: Sequence[int] = (0, 0, 0, 0),
    auto_pad: str = "NOTSET",
    group: int = 1,
) -> Tensor:
    top, left, bottom, right = pads
    if auto_pad in ("SAME_UPPER", "SAME_LOWER"):
        (top, bottom), (left, right) = (
            _same(x.shape[2 + i], weight.shape[2 + i], strides[i], dilations[i], auto_pad)
            for i in (0, 1)
        )
    padded = functional.pad(x, (left, right, top, bottom))
    return functional.conv2d(padded, weight, bias, tuple(strides), 0, tuple(dilations), group)


def _same(length: int, kernel: int, stride: int, dilation: int, mode: str) -> tuple[int, int]:
    """Padding before and after, so that every stride has an output (TensorFlow's SAME)."""
    reach = (kernel - 1) * dilation + 1
    missing = max((-(-length // stride) - 1) * stride + reach - length, 0)
    less, more = missing // 2, missing - missing // 2
    return (less, more) if mode == "SAME_UPPER" else (more, less)


def _clip(x: Tensor, low: Tensor | None = None, high: Tensor | None = None) -> Tensor:
    return torch.clamp(x, low, high)


def _average(x: Tensor, *, kernel_shape: Sequence[int], **attributes: Any) -> Tensor:
    if any(attributes.get("pads", ())) or attributes.get("auto_pad", "NOTSET").startswith("SAME"):
        raise ModelError("a teacher with a padded average pooling cannot run here; use the CPU")
    strides = attributes.get("strides", (1, 1))
    return functional.avg_pool2d(x, tuple(kernel_shape), tuple(strides))


def _gemm(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
    transA: int = 0,
    transB: int = 0,
) -> Tensor:
    product = alpha * (x.T if transA else x) @ (weight.T if transB else weight)
    return product if bias is None else product + beta * bias


def _softmax(x: Tensor, *, axis: int = -1) -> Tensor:
    return x.softmax(dim=axis)


def _flatten(x: Tensor, *, axis: int = 1) -> Tensor:
    return x.flatten(axis)


_OPERATORS: dict[str, Operator] = {
    "Add": torch.add,
    "AveragePool": _average,
    "Clip": _clip,
    "Conv": _conv,
    "Flatten": _flatten,
    "Gemm": _gemm,
    "GlobalAveragePool": lambda x: x.mean(dim=(2, 3), keepdim=True),
    "MatMul": torch.matmul,
    "Relu": functional.relu,
    "Softmax": _softmax,
}
