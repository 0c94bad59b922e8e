"""Reads just enough of an ONNX file to name its tensors, and to ask for an inner one.

An .onnx file is a protobuf message, and the core does without the `onnx` package (20 MB and more).
Only names are read here; weights are stepped over, so a file of 350 MB costs milliseconds.
Field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3
"""

import difflib
import mmap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from visavis.disk import reason
from visavis.embedders.runtime.protobuf import Data, delimited, fields, strings, varint
from visavis.errors import ModelError

T = TypeVar("T")

_MODEL_GRAPH = 7
_GRAPH_NODE, _GRAPH_INITIALIZER, _GRAPH_INPUT, _GRAPH_OUTPUT = 1, 5, 11, 12
_NODE_INPUT, _NODE_OUTPUT, _NODE_OP, _NODE_ATTRIBUTE = 1, 2, 4, 5
_ATTRIBUTE_NAME, _ATTRIBUTE_INT = 1, 3
_VALUE_NAME = 1
_TENSOR_NAME = 8
_TENSOR_EXTERNAL = 13


@dataclass(frozen=True, slots=True)
class Node:
    """One operation: its kind and the names of the tensors that go in and come out."""

    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    numbers: tuple[tuple[str, int], ...] = ()
    """Those of its attributes that are one whole number, such as axis and transB."""


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

    def like(self, name: str) -> list[str]:
        """Tensors whose names hold this one, or else are spelled like it, in the file's order."""
        every = [tensor for node in self.nodes for tensor in node.outputs if tensor]
        holding = [tensor for tensor in every if name.casefold() in tensor.casefold()]
        return holding or difflib.get_close_matches(name, every, n=5, cutoff=0.5)


def read_graph(path: Path) -> Graph:
    """The names in an ONNX file; ModelError when it cannot be read, or is no ONNX file."""
    return _read(path, parse_graph)


def read_outputs(path: Path) -> tuple[str, ...]:
    """The declared outputs alone: much faster than all names. ModelError as `read_graph`."""
    return _read(path, parse_outputs)


def _read(path: Path, parse: Callable[[Data], T]) -> T:
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return parse(data)
    except (OSError, ValueError, IndexError) as error:  # mmap: an empty file is a ValueError
        raise ModelError(f"{path} cannot be read as an ONNX model ({reason(error)})") from error


def parse_graph(model: Data) -> Graph:
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
            nodes.append(parse_node(model, begin, end))
        elif field == _GRAPH_INITIALIZER:
            weights.update(strings(model, begin, end, _TENSOR_NAME))
            external |= dict.fromkeys(_locations(model, begin, end))
        elif field == _GRAPH_INPUT:
            inputs += strings(model, begin, end, _VALUE_NAME)
        elif field == _GRAPH_OUTPUT:
            outputs += strings(model, begin, end, _VALUE_NAME)
    if not nodes:
        raise ValueError("no graph in it")
    real_inputs = tuple(name for name in inputs if name not in weights)
    return Graph(tuple(nodes), real_inputs, tuple(dict.fromkeys(outputs)), tuple(external))


def parse_outputs(model: Data) -> tuple[str, ...]:
    """The declared outputs of a serialised ONNX model; errors as `parse_graph`."""
    names: list[str] = []
    for field, begin, end in _graph_fields(model):
        if field == _GRAPH_OUTPUT:
            names += strings(model, begin, end, _VALUE_NAME)
    return tuple(dict.fromkeys(names))


def output_suffix(tensor: str) -> bytes:
    """Bytes that, appended to an ONNX file, make `tensor` one more output of its graph.

    A protobuf reader merges a second occurrence of an embedded message into the first and appends
    repeated fields ("Last One Wins" on the encoding page), so nothing has to be rewritten. The
    value's type is left out: ONNX Runtime infers it.
    """
    value = delimited(_VALUE_NAME, tensor.encode())
    return delimited(_MODEL_GRAPH, delimited(_GRAPH_OUTPUT, value))


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


def _graph_fields(data: Data) -> Iterator[tuple[int, int, int]]:
    for field, start, end in fields(data, 0, len(data)):
        if field == _MODEL_GRAPH:
            yield from fields(data, start, end)


def parse_node(data: Data, start: int, end: int) -> Node:
    """The operation that a field between two positions describes."""
    return Node(
        op="".join(strings(data, start, end, _NODE_OP)),
        inputs=tuple(strings(data, start, end, _NODE_INPUT)),
        outputs=tuple(strings(data, start, end, _NODE_OUTPUT)),
        numbers=tuple(_whole_numbers(data, start, end)),
    )


def _whole_numbers(data: Data, start: int, end: int) -> Iterator[tuple[str, int]]:
    for field, begin, stop in fields(data, start, end):
        if field == _NODE_ATTRIBUTE:
            found = {kind: at for kind, at, _ in fields(data, begin, stop)}
            if _ATTRIBUTE_INT in found:
                name = "".join(strings(data, begin, stop, _ATTRIBUTE_NAME))
                yield name, varint(data, found[_ATTRIBUTE_INT])[0]


def _locations(data: Data, start: int, end: int) -> Iterator[str]:
    """The "location" among TensorProto.external_data, which are pairs of key and value."""
    for field, begin, stop in fields(data, start, end):
        if field == _TENSOR_EXTERNAL and strings(data, begin, stop, 1) == ["location"]:
            yield from strings(data, begin, stop, 2)
