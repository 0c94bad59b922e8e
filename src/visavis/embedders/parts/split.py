"""A network taken apart at its pooling: the map of a picture, and what a pooled map becomes.

A convolutional network ends with a mean over the places of a map. Looked at in twice the size, the
map has four times the places, and the mean over a window of them says what the network sees in that
window; so all windows of a picture cost one larger look. (As Tolias, Sicre and Jégou do with
maxima: "Particular object retrieval with integral max-pooling of CNN activations", 2016.) The rest
of the graph makes a vector of each mean, as it does of the whole picture's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from visavis.embedders.base import unit_rows
from visavis.embedders.parts.windows import WINDOWS, shares
from visavis.embedders.runtime.graph import Graph, Node, read_graph
from visavis.embedders.runtime.graph_edit import cut, value
from visavis.embedders.runtime.network import input_type, open_model
from visavis.embedders.runtime.preprocess import Preprocess
from visavis.embedders.spec import ModelSpec
from visavis.types import RGB, Box, Vectors

LARGER = 2
"""How many times larger than for its vector a picture is looked at."""

_POOLING = {"GlobalAveragePool", "ReduceMean"}
_SQUARES = {"Pow", "Mul"}
_AGREE = 0.98  # cosine of what the halves and what the whole network makes of a picture
_PROBE = 64  # pixels a side of the picture that this is tried with

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class SplitNetwork:
    """A network in two halves: pictures to maps, and pooled maps to vectors. Safe for threads."""

    body: Any
    """ONNX Runtime's session: input to map."""
    head: Any
    """pooled map (and input, where its colours are looked at as well) to vector."""
    input: str
    pooled: str
    flat: bool
    """Whether pooled maps are (n, channels), not (n, channels, 1, 1)."""
    small: Preprocess
    """The network's own input, of all that a picture shows."""
    large: Preprocess

    def maps(self, pictures: Sequence[RGB]) -> Floats:
        """What is seen at each place of some pictures: (n, channels, high, wide)."""
        return self._maps(self.large, pictures)

    def windows(self, picture: RGB, seen: Floats) -> Vectors:
        """What the network makes of each window of a picture, whose map is known: (14, dim)."""
        channels, high, wide = seen.shape
        pooled = shares(high, wide) @ seen.reshape(channels, high * wide).T
        return self._headed(pooled, picture, WINDOWS)

    def whole(self, picture: RGB) -> Vectors:
        """What both halves make of a picture in the network's own size: (1, dim)."""
        return self._headed(
            self._maps(self.small, [picture]).mean(axis=(2, 3)), picture, WINDOWS[:1]
        )

    def _maps(self, preprocess: Preprocess, pictures: Sequence[RGB]) -> Floats:
        (found,) = self.body.run(None, {self.input: preprocess(pictures)})
        return np.asarray(found, np.float32)

    def _headed(self, pooled: Floats, picture: RGB, windows: Sequence[Box]) -> Vectors:
        rows = np.ascontiguousarray(pooled if self.flat else pooled[:, :, None, None])
        given: dict[str, NDArray[Any]] = {self.pooled: rows}
        if any(one.name == self.input for one in self.head.get_inputs()):
            given[self.input] = self.small(_seen_through(picture, windows, self.small.spec.size))
        (found,) = self.head.run(None, given)
        return unit_rows(found)


def split(path: Path, spec: ModelSpec, threads: int | None, device: str) -> SplitNetwork | None:
    """The halves of a network; None where it has no map whose mean everything else is made of.

    Whether it has is found out by trying: the halves have to make of a picture what the network
    makes of it, and to take larger ones. Raises ModelError where the file cannot be read.
    """
    pool = _pooling(read_graph(path), spec.output)
    if pool is None or spec.pool != "none" or spec.preprocess.layout != "NCHW":
        return None
    try:
        made = _halves(path, spec, pool, threads, device)
        return made if made is not None and _is_sound(made, path, spec, threads, device) else None
    except Exception:  # ONNX Runtime's errors share no base class; windows are looked at one by one
        return None


def seems_to_split(path: Path, spec: ModelSpec) -> bool:
    """Whether a network looks as if `split` could take it apart; it is not opened for that.

    Raises ModelError where the file cannot be read.
    """
    graph = read_graph(path)
    pool = _pooling(graph, spec.output)
    if pool is None or spec.pool != "none" or spec.preprocess.layout != "NCHW":
        return False
    return not any(_is_of_a_norm(pool, node) for node in graph.nodes)


def _is_of_a_norm(pool: Node, node: Node) -> bool:
    """Whether a mean is one of those that a layer norm is made of: x - mean(x), and mean(…²)."""
    (mean,), about = pool.outputs, pool.inputs[0]
    centred = node.op == "Sub" and tuple(node.inputs) == (about, mean)
    return centred or (node.op in _SQUARES and about in node.outputs)


def _pooling(graph: Graph, output: str) -> Node | None:
    """The last pooling on the way to the output."""
    needed = {output}
    for node in reversed(graph.nodes):
        if needed & set(node.outputs):
            if node.op in _POOLING:
                return node
            needed |= set(node.inputs)
    return None


def _halves(
    path: Path, spec: ModelSpec, pool: Node, threads: int | None, device: str
) -> SplitNetwork | None:
    model, (name, kind) = path.read_bytes(), input_type(path)
    seen, pooled = pool.inputs[0], pool.outputs[0]
    flat = dict(pool.numbers).get("keepdims", 1) == 0
    body = cut(model, [seen], {name: value(name, kind, [None, 3, None, None])})
    rest = [] if flat else [1, 1]
    head = cut(model, [spec.output], {pooled: value(pooled, "float32", [None, None, *rest])})
    if body is None or head is None:
        return None
    whole = replace(spec.preprocess, resize="squash", crop="none", resize_to=None)
    large = replace(whole, size=LARGER * whole.size)
    return SplitNetwork(
        open_model(body, path, threads, device),
        open_model(head, path, threads, device),
        name,
        pooled,
        flat,
        Preprocess(whole, np.dtype(kind).type),
        Preprocess(large, np.dtype(kind).type),
    )


def _is_sound(
    made: SplitNetwork, path: Path, spec: ModelSpec, threads: int | None, device: str
) -> bool:
    """Whether the halves make of a picture what the network does, and can take a larger one."""
    probe = np.random.default_rng(0).integers(0, 256, (_PROBE, _PROBE, 3), np.uint8)
    network = open_model(str(path), path, threads, device)
    (found,) = network.run([spec.output], {made.input: made.small([probe])})
    alike = float(unit_rows(found)[0] @ made.whole(probe)[0])
    maps = made.maps([probe])
    return alike >= _AGREE and maps.ndim == 4 and made.windows(probe, maps[0]).shape[1] == spec.dim


def _seen_through(picture: RGB, windows: Sequence[Box], size: int) -> list[RGB]:
    """Windows of a picture, a pixel for each of the network's: enough to see its colours."""
    shown = Image.fromarray(picture)
    wide, high = shown.size
    return [
        np.asarray(
            shown.resize(
                (size, size),
                Image.Resampling.NEAREST,
                box=(left * wide, top * high, min(right * wide, wide), min(bottom * high, high)),
            )
        )
        for left, top, right, bottom in windows
    ]
