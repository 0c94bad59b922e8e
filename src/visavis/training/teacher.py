"""The network that is learned from: an ONNX classifier, its maps, embedding and class scores."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch
from numpy.typing import NDArray

from visavis.embedders.preprocess import Preprocess
from visavis.embedders.spec import read_spec
from visavis.errors import ModelError
from visavis.training.torch_graph import TorchGraph
from visavis.types import RGB

Floats = NDArray[np.float32]


class Teacher:
    """A classifier's model folder: the map before its last average pooling, and class scores.

    The pooling's input becomes an output of the graph. Pictures are prepared as the folder's
    model.json says. On the CPU the graph is run by ONNX Runtime, elsewhere by torch.
    """

    def __init__(self, folder: Path, threads: int = 2, device: str = "cpu") -> None:
        spec = read_spec(folder)
        model = folder / spec.file
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
        graph.graph.output.append(
            onnx.helper.make_tensor_value_info(self._map, onnx.TensorProto.FLOAT, None)
        )
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        # Spinning threads would take the cores from the student while it has its turn.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = ort.InferenceSession(
            graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def look(self, pictures: list[RGB]) -> tuple[Floats, Floats]:
        """Maps (n, channels, h, w) and class probabilities (n, classes) of square pictures."""
        batch = self._preprocess(pictures)
        if self._torch:
            seen = self._torch.run([self._map, self._scores], torch.from_numpy(batch))
            return seen[0].cpu().numpy(), seen[1].cpu().numpy()
        maps, scores = self._session.run([self._map, self._scores], {self._input: batch})
        return maps, scores


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
