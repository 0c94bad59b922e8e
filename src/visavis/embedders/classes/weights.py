"""Where each class lies in the space of the embeddings, read off the classifier's last layer.

A classifier scores class c of a picture by a linear layer on a feature x: w_c · x + b_c. Softmax
does not see what all classes share, so what speaks for a class is w_c less the mean of all w: the
direction in which its probability grows fastest. A search is bent by adding that direction, of unit
length, to the vector of the question, and then asks as ever for the largest dot products:

    score(g) = unit(q + λ·d_c) · g

so all scores are exact, and a class alone (q = 0) asks for the pictures with the strongest evidence
of it. The usual recipe multiplies the features by the class's weights instead, number by number
(`get_weighted_features` in github.com/hundredblocks/semantic-search). Measured with MobileNetV2 on
800 pictures of PASCAL, as a metric between q∘w and g∘w it brings hardly more of the class: 0.04 of
the first ten, 0.03 without. On the query's side alone, q∘max(w, 0), it brings 0.39 of the class
at a mean similarity to the query of 0.50; the sum with λ = 1 brings 0.41 at 0.51. The sum also
works against a class, without a picture, and where the classifier acts on something else:

- The embedding is the feature, or a map that the feature is the mean of: d_c = w_c - mean(w).
- The embedding, or its beginning, is a linear layer A of the same feature: d_c is the least
  squares solution of Aᵀ·d = w_c - mean(w), so that d_c · A·x follows w_c · x as closely as it can;
  the other numbers are 0. That parts of the embedding are brought to some length changes nothing.
- After that a square matrix M may map the whole embedding, as a whitening does: M⁻ᵀ·d_c follows
  the class in the space behind it.
- Anything else is refused: there the class says nothing about the embedding.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visavis.embedders.base import unit_rows
from visavis.embedders.runtime.graph import Graph, Node, read_graph
from visavis.embedders.runtime.network import read_constants
from visavis.embedders.spec import SPEC_FILE, ClassesSpec, ModelSpec
from visavis.errors import ClassesUnsupportedError, ModelSpecError
from visavis.types import Vectors

_LINEAR = {"Gemm", "MatMul", "Conv"}
_RESHAPING = {"Flatten", "Reshape", "Squeeze", "Unsqueeze", "Identity", "Cast", "Dropout"}
_AVERAGING = {"GlobalAveragePool", "AveragePool", "ReduceMean"}
_AFTER_CLASSES = {"Softmax", "LogSoftmax", "Sigmoid", "Relu", "Add"} | _RESHAPING | _AVERAGING
_MOST_MAPS = 1  # layers that may follow the one that makes the embedding
_AFTER_HEAD = {"Div", "Mul", "Concat", "LpNormalization", "Add"} | _RESHAPING


@dataclass(frozen=True, slots=True)
class _Layer:
    """A linear layer of the graph."""

    node: Node

    @property
    def feature(self) -> str:
        return self.node.inputs[0]

    @property
    def weights(self) -> str:
        return self.node.inputs[1]

    def rows(self, weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """The weights with a row for each number that comes out."""
        if self.node.op == "Conv":
            return weights.reshape(len(weights), -1)
        return weights if dict(self.node.numbers).get("transB") else weights.T


def class_directions(folder: Path, spec: ModelSpec, classes: ClassesSpec, count: int) -> Vectors:
    """A unit vector for each of `count` classes: (count, dim).

    Raises:
        ClassesUnsupportedError: the classifier does not act on the embedding.
        ModelSpecError: `classes.weights` names no linear layer.
    """
    path = folder / spec.file
    way = _Way(read_graph(path))
    try:
        layer = _classifier(way, classes, folder)
        head, maps = _head(way, spec.output, way.like(layer.feature))
    except _NoWayError as error:
        raise _refusal(path, str(error)) from None
    names = [one.weights for one in (layer, head, *maps) if one is not None]
    weights, *rest = read_constants(path, names)
    rows = layer.rows(weights)
    if len(rows) != count:
        raise _refusal(path, f"{layer.weights!r} is of {len(rows)} classes, not {count}")
    rows = rows - rows.mean(axis=0)
    if head is not None:
        matrix = head.rows(rest.pop(0))
        if matrix.shape[1] != rows.shape[1]:
            raise _refusal(path, f"{head.weights!r} and {layer.weights!r} differ in width")
        rows = rows @ np.linalg.pinv(matrix)
    width = rows.shape[1]
    if width > spec.dim or (head is None and width != spec.dim):
        raise _refusal(path, f"it acts on {width} dimensions, the embedding has {spec.dim}")
    rows = np.pad(rows, ((0, 0), (0, spec.dim - width)))
    for one, square in zip(maps, rest, strict=True):
        if square.shape != (spec.dim, spec.dim):
            raise _refusal(path, f"{one.weights!r} is no square map of the embedding")
        rows = rows @ np.linalg.pinv(one.rows(square))
    return unit_rows(rows)


def _refusal(path: Path, why: str) -> ClassesUnsupportedError:
    return ClassesUnsupportedError(
        f"{path}: a search cannot be bent by class here, as the classifier does not act on the "
        f"embedding ({why}); tags work all the same"
    )


class _NoWayError(Exception):
    """What stands between two tensors."""


class _Way:
    """Walks a graph against its direction, along what depends on the picture."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._makers = {name: node for node in graph.nodes for name in node.outputs if name}
        self._moving = set(graph.inputs)
        for node in graph.nodes:
            if self._moving.intersection(node.inputs):
                self._moving.update(node.outputs)

    def linear(self, node: Node) -> bool:
        """Whether it multiplies a tensor by constant weights."""
        if node.op not in _LINEAR or len(node.inputs) < 2:
            return False
        return node.inputs[0] in self._moving and node.inputs[1] not in self._moving

    def layer_before(
        self, name: str, passing: Collection[str], until: Collection[str] = ()
    ) -> _Layer | None:
        """The last linear layer before a tensor; None when the way leads to one of `until`."""
        while name not in until:
            node = self._makers.get(name)
            if node is None:
                raise _NoWayError(f"{name!r} comes straight from the picture")
            if self.linear(node):
                return _Layer(node)
            if node.op not in passing:
                raise _NoWayError(f"{name!r} is made by {node.op}")
            name = self._before(node)
        return None

    def like(self, name: str) -> set[str]:
        """Tensors that hold the same feature: in another shape, or before it was averaged."""
        found = {name}
        while (node := self._makers.get(name)) and node.op in _RESHAPING | _AVERAGING:
            name = self._before(node)
            found.add(name)
        return found

    def _before(self, node: Node) -> str:
        """The first input that depends on the picture: of a Concat, the first part."""
        return next((name for name in node.inputs if name in self._moving), "")


def _classifier(way: _Way, classes: ClassesSpec, folder: Path) -> _Layer:
    if classes.weights is None:
        layer = way.layer_before(classes.output, _AFTER_CLASSES)
        assert layer is not None  # narrows the type: there is no `until`
        return layer
    for node in way.graph.nodes:
        if way.linear(node) and node.inputs[1] == classes.weights:
            return _Layer(node)
    raise ModelSpecError(
        f"{folder / SPEC_FILE}: classes.weights {classes.weights!r} is not the weights of a linear "
        "layer (Gemm, MatMul or Conv) of the network; leave it out to have the last one taken"
    )


def _head(way: _Way, output: str, feature: set[str]) -> tuple[_Layer | None, list[_Layer]]:
    """The layer that makes the embedding of the classifier's feature; None: it is the feature.

    And the layers between that and the embedding, the first one first.
    """
    maps: list[_Layer] = []
    head = way.layer_before(output, _AFTER_HEAD, until=feature)
    while head is not None and head.feature not in feature:
        if len(maps) == _MOST_MAPS:
            raise _NoWayError(f"the embedding is made of {head.feature!r}")
        maps.insert(0, head)
        head = way.layer_before(head.feature, _AFTER_HEAD, until=feature)
    return head, maps
