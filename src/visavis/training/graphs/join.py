"""One ONNX graph out of two: a base, as it came, and what was trained on top of it."""

from collections.abc import Iterable, Sequence
from itertools import count

import onnx
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, helper

from visavis.errors import ModelError

OLDEST, NEWEST = 13, 20
"""Opsets of a base that are left as they are; others are converted."""

_TYPES = {TensorProto.FLOAT: "float32", TensorProto.FLOAT16: "float16", TensorProto.UINT8: "uint8"}


def readied(model: ModelProto) -> ModelProto:
    """The base in an opset that the part on top can be written in. Raises ModelError."""
    version = opset(model)
    if OLDEST <= version <= NEWEST:
        return model
    try:
        return onnx.version_converter.convert_version(_without_weight_inputs(model), NEWEST)
    except Exception as error:  # the converter's errors share no base class of their own
        raise ModelError(
            f"the base's graph (opset {version}) cannot be converted to opset {NEWEST} "
            f"({' '.join(str(error).split())[:200]}); export it again with a newer one"
        ) from error


def opset(model: ModelProto) -> int:
    """The version of the standard operators that a graph uses."""
    versions = (entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    return int(next(versions))


def input_of(model: ModelProto) -> tuple[str, str]:
    """Name and element type of the picture that a graph takes."""
    weights = {tensor.name for tensor in model.graph.initializer}
    (only,) = [value for value in model.graph.input if value.name not in weights]
    return only.name, _TYPES[only.type.tensor_type.elem_type]


def joined(base: ModelProto, top: ModelProto, links: dict[str, str], dim: int) -> ModelProto:
    """The base up to the tensors that the top needs, then the top, whose output is the only one.

    The top's names get a prefix that the base does not have, which may itself be such a graph.

    Args:
        base: Its one input stays the input.
        top: Its one output becomes the output.
        links: Inputs of the top, and the base's tensors (or input) that they are.
        dim: Numbers of the output.
    """
    input_name, _ = input_of(base)
    prefix = _free_prefix(base.graph)
    top_nodes = [_renamed(node, links, prefix) for node in top.graph.node]
    nodes = [*_needed(base.graph, links.values()), *top_nodes]
    used = {name for node in nodes for name in _inputs(node)}
    weights = [tensor for tensor in base.graph.initializer if tensor.name in used]
    for tensor in top.graph.initializer:
        moved = TensorProto()
        moved.CopyFrom(tensor)
        moved.name = prefix + tensor.name
        weights.append(moved)
    picture = next(value for value in base.graph.input if value.name == input_name)
    rows = picture.type.tensor_type.shape.dim[0]
    batch: int | str = rows.dim_value if rows.dim_value > 0 else "N"
    name = prefix + top.graph.output[0].name
    vector = helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, dim])
    graph = helper.make_graph(nodes, "visavis", [picture], [vector], weights)
    for sparse in base.graph.sparse_initializer:
        graph.sparse_initializer.append(sparse)
    result = helper.make_model(
        graph,
        opset_imports=base.opset_import,
        ir_version=max(base.ir_version, top.ir_version),
        functions=base.functions,
        producer_name="visavis",
    )
    onnx.checker.check_model(result)
    return result


def _needed(graph: GraphProto, wanted: Iterable[str]) -> list[NodeProto]:
    """The nodes that the wanted tensors depend on, in the graph's order."""
    missing = set(wanted)
    kept: list[NodeProto] = []
    for node in reversed(graph.node):  # a graph is sorted: makers come before users
        if missing & set(node.output):
            kept.append(node)
            missing.update(_inputs(node))
    return kept[::-1]


def _inputs(node: NodeProto) -> set[str]:
    """What a node reads, also within the bodies of loops and branches."""
    names = set(node.input)
    for attribute in node.attribute:
        for body in _bodies(attribute):
            for inner in body.node:
                names |= _inputs(inner)
    return names


def _bodies(attribute: AttributeProto) -> Sequence[GraphProto]:
    return [attribute.g] if attribute.type == AttributeProto.GRAPH else list(attribute.graphs)


def _renamed(node: NodeProto, known: dict[str, str], prefix: str) -> NodeProto:
    moved = NodeProto()
    moved.CopyFrom(node)
    moved.name = prefix + node.name
    for names in (moved.input, moved.output):
        for at, name in enumerate(names):
            if name:  # an empty name is an optional input that is not given
                names[at] = known.get(name, prefix + name)
    return moved


def _free_prefix(graph: GraphProto) -> str:
    taken = {name for node in graph.node for name in (*node.output, node.name)}
    taken |= {tensor.name for tensor in graph.initializer}
    numbers = (f"visavis{number}/" for number in count(1))
    return next(prefix for prefix in numbers if not any(n.startswith(prefix) for n in taken))


def _without_weight_inputs(model: ModelProto) -> ModelProto:
    """Old files list weights among the inputs, which the converter takes for pictures."""
    result = ModelProto()
    result.CopyFrom(model)
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    del result.graph.input[:]
    result.graph.input.extend(inputs)
    result.ir_version = max(model.ir_version, 4)  # from 4 on weights need not be inputs
    return result
