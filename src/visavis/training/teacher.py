"""The network that is learned from: an ONNX classifier, its maps, embedding and class scores."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import onnxruntime as ort
import torch
from numpy.typing import NDArray

from visavis.embedders.checksum import verify
from visavis.embedders.preprocess import Preprocess
from visavis.embedders.spec import read_spec
from visavis.errors import ModelError
from visavis.training.torch_graph import TorchGraph
from visavis.types import RGB

Floats = NDArray[np.float32]


class Seen(NamedTuple):
    """What the teacher says about pictures."""

    maps: Floats
    """(n, channels, h, w)."""
    scores: Floats
    """(n, classes): probabilities."""
    hints: list[Floats]
    """(n, channels, h, w) for each stride."""


class Teacher:
    """A classifier's model folder: the map before its last average pooling, class scores, hints.

    The pooling's input becomes an output of the graph. Pictures are prepared as the folder's
    model.json says. The hints are maps from inside: for each stride asked for, the last sum of a
    shortcut at that resolution, or the last convolution where there is none. On the CPU the graph
    is run by ONNX Runtime, elsewhere by torch.

    Raises ModelError for a folder that is no model, for a file that is not the one its model.json
    names, and for a network without such maps and scores.
    """

    def __init__(
        self, folder: Path, threads: int = 2, device: str = "cpu", strides: Sequence[int] = ()
    ) -> None:
        spec = read_spec(folder)
        model = folder / spec.file
        verify(model, spec.sha256, trust_marker=False)
        self.name, self.sha256 = spec.name, spec.sha256
        graph = onnx.load(str(model))
        pools = [n for n in graph.graph.node if n.op_type in ("AveragePool", "GlobalAveragePool")]
        if not pools:
            raise ModelError(
                f"{model} has no average pooling; only such a network can be a teacher"
            )
        if spec.classes is None:
            raise ModelError(f"{folder}/model.json names no classes; a teacher needs class scores")
        self._map, self._scores = pools[-1].input[0], spec.classes.output
        self._input = graph.graph.input[0].name
        self._preprocess = Preprocess(spec.preprocess)
        self.size = spec.preprocess.size
        self._torch = TorchGraph(graph, device) if device != "cpu" else None
        self._hints = [_inner(graph, self.size // stride, model) for stride in strides]
        for name in dict.fromkeys([self._map, *self._hints]):
            graph.graph.output.append(
                onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
            )
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        # Spinning threads would take the cores from the student while it has its turn.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = ort.InferenceSession(
            graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def look(self, pictures: list[RGB]) -> Seen:
        """What it sees in square pictures."""
        wanted = [self._map, self._scores, *self._hints]
        batch = self._preprocess(pictures)
        if self._torch:
            seen = [s.cpu().numpy() for s in self._torch.run(wanted, torch.from_numpy(batch))]
        else:
            seen = self._session.run(wanted, {self._input: batch})
        return Seen(seen[0], seen[1], seen[2:])


def _inner(model: onnx.ModelProto, side: int, path: Path) -> str:
    """The name of the last inner map of side x side places."""
    known = onnx.shape_inference.infer_shapes(model)
    sides = {
        value.name: [place.dim_value for place in value.type.tensor_type.shape.dim[2:]]
        for value in known.graph.value_info
    }
    for kind in ("Add", "Conv"):
        found = [
            node.output[0]
            for node in model.graph.node
            if node.op_type == kind and sides.get(node.output[0]) == [side, side]
        ]
        if found:
            return str(found[-1])
    raise ModelError(f"{path} has no map of {side} x {side} places, which a teacher here needs")


class Projection:
    """The teacher's embedding in fewer numbers: centred, rotated, partly whitened (PCA).

    Directions are divided by their standard deviation to the power `whitening`: 0 leaves them as
    they are, 1 makes all alike; between, rare directions count more without the noise taking over.
    """

    def __init__(self, mean: Floats, matrix: Floats) -> None:
        self.mean, self.matrix = mean, matrix

    @classmethod
    def fit(cls, embeddings: Floats, dim: int, whitening: float) -> "Projection":
        """The projection for embeddings (n, channels); n should be several times the channels."""
        mean = embeddings.mean(axis=0)
        centred = (embeddings - mean).astype(np.float64)
        values, vectors = np.linalg.eigh(centred.T @ centred / len(centred))
        kept = np.argsort(values)[::-1][:dim]
        scale = np.maximum(values[kept], 1e-12) ** (-whitening / 2)
        return cls(mean.astype(np.float32), (vectors[:, kept] * scale).astype(np.float32))

    def vectors(self, embeddings: Floats) -> Floats:
        """Projected embeddings, (n, dim), not yet of unit length."""
        return ((embeddings - self.mean) @ self.matrix).astype(np.float32, copy=False)

    def maps(self, maps: Floats) -> Floats:
        """Projected maps: (n, channels, h, w) to (n, dim, h, w)."""
        moved = maps.transpose(0, 2, 3, 1) - self.mean
        return (moved @ self.matrix).transpose(0, 3, 1, 2).astype(np.float32, copy=False)
