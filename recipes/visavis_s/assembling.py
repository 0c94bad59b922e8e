"""The whole model as one ONNX graph: the convolutions and the closed-form end, packed."""

import numpy as np
import onnx
import torch
from onnx import TensorProto, compose, helper, numpy_helper
from recipes.visavis_s.graph import OPSET
from recipes.visavis_s.vector import End

from visavis.training.graphs.tracing import traced

_SMALLEST = 2048  # weights with fewer numbers stay float32: nothing is gained
_FEATURES = 1280
_PIXELS = "pixels"


def assembled(convolutions: onnx.ModelProto, end: End) -> onnx.ModelProto:
    """`input` (N, 3, side, side) in -1…1 to `embedding` and `classes`.

    Args:
        convolutions: A graph of graph.py.
        end: What follows it.
    """
    side = convolutions.graph.input[0].type.tensor_type.shape.dim[-1].dim_value
    examples = (torch.zeros(2, 3, side, side), torch.zeros(2, 1280), torch.zeros(2, 1000))
    names = (_PIXELS, "features", "scores")
    ending = traced(end, examples, names, ("embedding", "classes"), OPSET)
    ending.ir_version = convolutions.ir_version
    ending = compose.add_prefix(ending, "end/", rename_inputs=False, rename_outputs=False)
    model = compose.merge_models(
        convolutions, ending, io_map=[("features", "features"), ("scores", "scores")]
    )
    _one_input(model)
    return model


def _one_input(model: onnx.ModelProto) -> None:
    """Let both parts take the same pixels."""
    kept = [value for value in model.graph.input if value.name != _PIXELS]
    del model.graph.input[:]
    model.graph.input.extend(kept)
    for node in model.graph.node:
        for place, name in enumerate(node.input):
            if name == _PIXELS:
                node.input[place] = kept[0].name


def packed(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same with its larger float weights in 16 bits, those that read all features in 8.

    A cast (and a product) rather than DequantizeLinear: the runtime folds these when it loads.
    """
    result = onnx.ModelProto()
    result.CopyFrom(model)
    nodes, tensors = [], []
    for tensor in result.graph.initializer:
        values = numpy_helper.to_array(tensor)
        name = tensor.name
        if values.dtype != np.float32 or values.size < _SMALLEST:
            tensors.append(tensor)
        elif values.shape[-1] == _FEATURES:
            scale = (np.abs(values).max(axis=1, keepdims=True) / 127).astype(np.float32)
            tensors.append(
                numpy_helper.from_array(np.rint(values / scale).astype(np.int8), f"{name}.int")
            )
            tensors.append(numpy_helper.from_array(scale, f"{name}.scale"))
            nodes.append(_cast(f"{name}.int", f"{name}.float"))
            nodes.append(helper.make_node("Mul", [f"{name}.float", f"{name}.scale"], [name]))
        else:
            tensors.append(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
            nodes.append(_cast(f"{name}.half", name))
    nodes.extend(result.graph.node)
    del result.graph.initializer[:], result.graph.node[:]
    result.graph.initializer.extend(tensors)
    result.graph.node.extend(nodes)
    onnx.checker.check_model(result)
    return result


def _cast(source: str, name: str) -> onnx.NodeProto:
    return helper.make_node("Cast", [source], [name], to=TensorProto.FLOAT)
