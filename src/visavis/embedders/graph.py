"""Reads just enough of an ONNX file to name its tensors, and to ask for an inner one.

An .onnx file is a protobuf message, and the core does without the `onnx` package (20 MB and more).
Only names are read here; weights are stepped over, so a file of 350 MB costs milliseconds.
Field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3
Wire format: https://protobuf.dev/programming-guides/encoding/
"""

import mmap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from visavis.errors import ModelError

T = TypeVar("T")

_MODEL_GRAPH = 7
_GRAPH_NODE, _GRAPH_INITIALIZER, _GRAPH_INPUT, _GRAPH_OUTPUT = 1, 5, 11, 12
_NODE_INPUT, _NODE_OUTPUT, _NODE_OP = 1, 2, 4
_VALUE_NAME = 1
_TENSOR_NAME = 8
_TENSOR_EXTERNAL = 13

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


@dataclass(frozen=True, slots=True)
class Node:
    """One operation: its kind and the names of the tensors that go in and come out."""

    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Graph:
    """The names in an ONNX graph, in the file's order, which runs from input to output."""

    nodes: tuple[Node, ...]
    inputs: tuple[str, ...]
    """Without the weights, which older files list among the inputs."""
    outputs: tuple[str, ...]
    external: tuple[str, ...]
    """Files beside this one that hold some of its weights (models above 2 GB need them)."""

    def tensors(self) -> set[str]:
        """Every tensor that the graph computes."""
        return {name for node in self.nodes for name in node.outputs if name}


def read_graph(path: Path) -> Graph:
    """The names in an ONNX file; ModelError when it cannot be read, or is no ONNX file."""
    return _read(path, parse_graph)


def read_outputs(path: Path) -> tuple[str, ...]:
    """The declared outputs alone: much faster than all names. ModelError as `read_graph`."""
    return _read(path, parse_outputs)


def _read(path: Path, parse: Callable[[bytes | mmap.mmap], T]) -> T:
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return parse(data)
    except (OSError, ValueError, IndexError) as error:  # mmap: an empty file is a ValueError
        raise ModelError(f"{path} cannot be read as an ONNX model ({error})") from error


def parse_graph(model: bytes | mmap.mmap) -> Graph:
    """The names in a serialised ONNX model; ValueError or IndexError where it is none.

    Repeated graph fields are joined, as protobuf itself does.
    """
    nodes: list[Node] = []
    weights: set[str] = set()
    inputs: list[str] = []
    outputs: list[str] = []
    external: dict[str, None] = {}
    for field, begin, end in _graph_fields(model):
        if field == _GRAPH_NODE:
            nodes.append(_node(model, begin, end))
        elif field == _GRAPH_INITIALIZER:
            weights.update(_strings(model, begin, end, _TENSOR_NAME))
            external |= dict.fromkeys(_locations(model, begin, end))
        elif field == _GRAPH_INPUT:
            inputs += _strings(model, begin, end, _VALUE_NAME)
        elif field == _GRAPH_OUTPUT:
            outputs += _strings(model, begin, end, _VALUE_NAME)
    if not nodes:
        raise ValueError("no graph in it")
    real_inputs = tuple(name for name in inputs if name not in weights)
    return Graph(tuple(nodes), real_inputs, tuple(dict.fromkeys(outputs)), tuple(external))


def parse_outputs(model: bytes | mmap.mmap) -> tuple[str, ...]:
    """The declared outputs of a serialised ONNX model; errors as `parse_graph`."""
    names: list[str] = []
    for field, begin, end in _graph_fields(model):
        if field == _GRAPH_OUTPUT:
            names += _strings(model, begin, end, _VALUE_NAME)
    return tuple(dict.fromkeys(names))


def output_suffix(tensor: str) -> bytes:
    """Bytes that, appended to an ONNX file, make `tensor` one more output of its graph.

    A protobuf reader merges a second occurrence of an embedded message into the first and appends
    repeated fields ("Last One Wins" on the encoding page), so nothing has to be rewritten. The
    value's type is left out: ONNX Runtime infers it.
    """
    value = _delimited(_VALUE_NAME, tensor.encode())
    return _delimited(_MODEL_GRAPH, _delimited(_GRAPH_OUTPUT, value))


def last_feature_tensor(graph: Graph) -> str | None:
    """The tensor before the classifier: what goes into the last Gemm, MatMul or else Conv.

    The way is walked back from the first output along each node's first input, so that
    side branches do not matter. None when no such node is on the way.
    """
    maker = {name: node for node in graph.nodes for name in node.outputs}
    way: list[Node] = []
    name = graph.outputs[0] if graph.outputs else ""
    while name in maker and len(way) < len(graph.nodes):
        node = maker[name]
        way.append(node)
        # x @ W + b may be written Add(b, x @ W): follow the input that is computed.
        computed = [source for source in node.inputs if source in maker]
        name = computed[0] if computed else ""
    for kinds in ({"Gemm", "MatMul", "QLinearMatMul", "QGemm", "MatMulInteger"}, {"Conv"}):
        for node in way:
            if node.op in kinds and node.inputs and node.inputs[0] in maker:
                return _before_quantizing(node.inputs[0], maker)
    return None


def _before_quantizing(name: str, maker: Mapping[str, Node]) -> str:
    while name in maker and maker[name].op.endswith("QuantizeLinear"):
        name = maker[name].inputs[0]
    return name


def _graph_fields(data: bytes | mmap.mmap) -> Iterator[tuple[int, int, int]]:
    for field, start, end in _fields(data, 0, len(data)):
        if field == _MODEL_GRAPH:
            yield from _fields(data, start, end)


def _fields(data: bytes | mmap.mmap, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """(field number, start, end) of each field's payload between two positions."""
    position = start
    while position < end:
        key, position = _varint(data, position)
        kind = key & 7
        begin = position
        if kind == _VARINT:
            _, position = _varint(data, position)
        elif kind == _BYTES:
            length, begin = _varint(data, position)
            position = begin + length
        elif kind == _FIXED64:
            position += 8
        elif kind == _FIXED32:
            position += 4
        else:
            raise ValueError("not a protobuf message")
        if position > end:
            raise ValueError("it ends too early")
        yield key >> 3, begin, position


def _varint(data: bytes | mmap.mmap, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
        if shift > 63:
            raise ValueError("not a protobuf message")


def _strings(data: bytes | mmap.mmap, start: int, end: int, wanted: int) -> list[str]:
    fields = _fields(data, start, end)
    return [data[begin:stop].decode() for field, begin, stop in fields if field == wanted]


def _node(data: bytes | mmap.mmap, start: int, end: int) -> Node:
    return Node(
        op="".join(_strings(data, start, end, _NODE_OP)),
        inputs=tuple(_strings(data, start, end, _NODE_INPUT)),
        outputs=tuple(_strings(data, start, end, _NODE_OUTPUT)),
    )


def _locations(data: bytes | mmap.mmap, start: int, end: int) -> Iterator[str]:
    """The "location" among TensorProto.external_data, which are pairs of key and value."""
    for field, begin, stop in _fields(data, start, end):
        if field == _TENSOR_EXTERNAL and _strings(data, begin, stop, 1) == ["location"]:
            yield from _strings(data, begin, stop, 2)


def _delimited(field: int, payload: bytes) -> bytes:
    return _as_varint(field << 3 | _BYTES) + _as_varint(len(payload)) + payload


def _as_varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
