"""Makes ONNX files out of ONNX files without the `onnx` package: only by copying and appending.

A protobuf reader merges a second occurrence of an embedded message into the first and appends
repeated fields ("Last One Wins" on the encoding page), so what is added to a graph is appended to
its file. Field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis.embedders.runtime.graph import output_suffix, parse_node
from visavis.embedders.runtime.protobuf import Data, delimited, fields, number, strings, varint

_IR_VERSION, _GRAPH, _OPSET, _FUNCTION = 1, 7, 8, 25
_NODE, _NAME, _TENSOR, _INPUT, _OUTPUT = 1, 2, 5, 11, 12
_ATTRIBUTE, _ATTRIBUTE_GRAPHS = 5, (6, 11)
_TENSOR_NAME = 8
_TYPES = {"float32": 1, "uint8": 2, "int8": 3, "int32": 6, "int64": 7, "float16": 10}
_ATTRIBUTE_INT = 2
_DEEPEST = 50  # operations that a constant is made by; a tensor with more depends on the picture


def parse_opset(model: Data) -> int:
    """The version of the standard operators that a model uses; ValueError where it does not say."""
    for field, start, end in fields(model, 0, len(model)):
        if field == _OPSET and strings(model, start, end, 1) in ([], [""], ["ai.onnx"]):
            for kind, begin, _ in fields(model, start, end):
                if kind == 2:
                    return varint(model, begin)[0]
    raise ValueError("it does not name the version of its operators")


def constants_alone(model: Data, wanted: Sequence[str]) -> bytes:
    """A model without inputs that gives these constants: weights, and what is made of weights.

    8-bit weights, for one, are often multiplied by their scales in the graph. KeyError naming a
    tensor that is not there, or is no constant.
    """
    nodes: dict[str, tuple[bytes, tuple[str, ...]]] = {}
    tensors: dict[str, bytes] = {}
    for field, start, end in fields(model, 0, len(model)):
        if field == _GRAPH:
            for kind, begin, stop in fields(model, start, end):
                if kind == _NODE:
                    node = parse_node(model, begin, stop)
                    entry = model[begin:stop], node.inputs
                    nodes |= dict.fromkeys(node.outputs, entry)
                elif kind == _TENSOR:
                    name = "".join(strings(model, begin, stop, _TENSOR_NAME))
                    tensors[name] = model[begin:stop]
    parts = [delimited(_NAME, b"constants"), *_cone(wanted, nodes, tensors)]
    made = b"".join([*_beside_graph(model), delimited(_GRAPH, b"".join(parts))])
    return made + b"".join(output_suffix(name) for name in dict.fromkeys(wanted))


def cut(
    model: Data, wanted: Sequence[str], given: Mapping[str, bytes] | None = None
) -> bytes | None:
    """A model with what these tensors need, which become its outputs, and without the rest.

    `given` are tensors that are inputs of the new model (see `value`), and not made by it. None
    where graphs lie within operations: which tensors those take is not said beside them.
    """
    given = given or {}
    spans: list[tuple[int, int]] = []
    named: dict[int, dict[str, bytes]] = {_TENSOR: {}, _INPUT: {}, _OUTPUT: {}}
    for field, start, end in fields(model, 0, len(model)):
        for kind, begin, stop in fields(model, start, end) if field == _GRAPH else ():
            if kind == _NODE:
                spans.append((begin, stop))
            elif kind in named:
                place = _TENSOR_NAME if kind == _TENSOR else 1
                named[kind]["".join(strings(model, begin, stop, place))] = model[begin:stop]
    if any(_has_graphs(model, *span) for span in spans):
        return None
    needed = set(wanted)
    kept: list[bytes] = []
    for begin, stop in reversed(spans):  # a file has them in the order of their work
        one = parse_node(model, begin, stop)
        if needed.difference(given) & set(one.outputs):
            kept.append(delimited(_NODE, model[begin:stop]))
            needed |= set(one.inputs)
    weights, outputs = named[_TENSOR], named[_OUTPUT]
    graph = [delimited(_NAME, b"cut"), *reversed(kept)]
    graph += [delimited(_TENSOR, part) for name, part in weights.items() if name in needed]
    graph += [  # older files list weights among them
        delimited(_INPUT, part)
        for name, part in named[_INPUT].items()
        if name not in given and (name in needed or (name not in weights and not given))
    ]
    graph += [delimited(_INPUT, part) for name, part in given.items() if name in needed]
    for name in dict.fromkeys(wanted):
        untyped = delimited(1, name.encode())
        graph.append(delimited(_OUTPUT, outputs.get(name, untyped)))
    return b"".join([*_beside_graph(model), delimited(_GRAPH, b"".join(graph))])


def _beside_graph(model: Data) -> Iterator[bytes]:
    """The version of the format, those of the operators, and functions."""
    for field, start, end in fields(model, 0, len(model)):
        if field == _IR_VERSION:
            yield number(_IR_VERSION, varint(model, start)[0])
        elif field in (_OPSET, _FUNCTION):
            yield delimited(field, model[start:end])


def _has_graphs(model: Data, start: int, end: int) -> bool:
    """Whether an operation has branches or a body, which are graphs."""
    attributes = (at for at in fields(model, start, end) if at[0] == _ATTRIBUTE)
    inside = (kind for _, begin, stop in attributes for kind, *_ in fields(model, begin, stop))
    return any(kind in _ATTRIBUTE_GRAPHS for kind in inside)


def _cone(
    wanted: Iterable[str],
    nodes: dict[str, tuple[bytes, tuple[str, ...]]],
    tensors: dict[str, bytes],
) -> list[bytes]:
    """The fields of a graph that some tensors depend on, each after those that it needs."""
    parts: dict[bytes, None] = {}

    def take(name: str, depth: int = 0) -> None:
        if name in tensors:
            parts[delimited(_TENSOR, tensors[name])] = None
            return
        if depth > _DEEPEST:
            raise KeyError(name)
        node, inputs = nodes[name]
        for one in filter(None, inputs):
            take(one, depth + 1)
        parts[delimited(_NODE, node)] = None

    for name in wanted:
        take(name)
    return list(parts)


def value(name: str, kind: str, sides: Sequence[int | None]) -> bytes:
    """The name, type and shape of a tensor, as `cut` takes them; None is a side of any length."""
    shape = b"".join(delimited(1, b"" if side is None else number(1, side)) for side in sides)
    return delimited(1, name.encode()) + delimited(
        2, delimited(1, number(1, _TYPES[kind]) + delimited(2, shape))
    )


def node(op: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: int) -> bytes:
    """One operation, to be appended with `appended`."""
    message = b"".join(delimited(1, name.encode()) for name in inputs)
    message += b"".join(delimited(2, name.encode()) for name in outputs)
    message += delimited(4, op.encode())
    for name, value in attributes.items():
        attribute = delimited(1, name.encode()) + number(3, value) + number(20, _ATTRIBUTE_INT)
        message += delimited(5, attribute)
    return delimited(_NODE, message)


def tensor(name: str, values: NDArray[Any]) -> bytes:
    """A constant, to be appended with `appended`."""
    little = np.ascontiguousarray(values).astype(values.dtype.newbyteorder("<"), copy=False)
    message = b"".join(number(1, side) for side in values.shape)
    message += number(2, _TYPES[values.dtype.name]) + delimited(_TENSOR_NAME, name.encode())
    return delimited(_TENSOR, message + delimited(9, little.tobytes()))


def appended(model: bytes, parts: Iterable[bytes], output: str) -> bytes:
    """The model with operations and constants at the end, and one more output."""
    return model + delimited(_GRAPH, b"".join(parts)) + output_suffix(output)
