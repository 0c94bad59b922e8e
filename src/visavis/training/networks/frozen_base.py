"""A base that is not trained: any model folder, whose embeddings are computed once."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from torch import Tensor, nn
from torch.nn import functional

from visavis.embedders.base import embed
from visavis.embedders.folder import OnnxEmbedder
from visavis.embedders.registry import list_models, load_embedder, model_info
from visavis.embedders.runtime.pooling import GEM_POWER
from visavis.embedders.runtime.preprocess import Preprocess
from visavis.embedders.spec import PreprocessSpec
from visavis.errors import ModelError, UsageError
from visavis.training.data.kept import Maker
from visavis.training.graphs.join import input_of, readied

_GEM_FLOOR = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class FrozenBase:
    """A model folder that is trained on top of."""

    embedder: OnnxEmbedder
    graph: onnx.ModelProto
    input: str
    """Name of the picture that the graph takes."""
    dtype: type[np.generic]
    """Of its elements."""

    @property
    def preprocess(self) -> PreprocessSpec:
        """How pictures become the graph's input."""
        return self.embedder.spec.preprocess

    @property
    def facts(self) -> dict[str, str]:
        """What records say of it."""
        return {"name": self.embedder.name, "fingerprint": self.embedder.fingerprint}

    @property
    def maker(self) -> Maker:
        """Makes its embeddings, unit length, (dim,) each."""
        model = self.embedder
        return Maker(
            "embeddings",
            model.fingerprint,
            (model.dim,),
            np.float32,
            model.side,
            lambda pictures: embed(model, pictures),
        )


def default_base() -> str | None:
    """The network that ships with visavis, if this installation has it."""
    names = {info.name for info in list_models()}
    return "visavis-s" if "visavis-s" in names else None


def chosen_base(model: str | None) -> FrozenBase:
    """The base of a name or folder, or the default; raises as `open_base`, and UsageError."""
    model = model or default_base()
    if model is None:
        raise UsageError(
            "name a model to train on top of with --base (`visavis models list` shows them)"
        )
    return open_base(model)


def open_base(model: str) -> FrozenBase:
    """The base of a name or folder.

    Raises ModelError for one that is no network in a folder (classic, a plug-in, a mix): its graph
    has to become a part of the new model's.
    """
    folder: Path | None = None
    if "+" not in model or Path(model).exists():
        folder = model_info(model).folder
    embedder = load_embedder(model, threads=1)
    if folder is None or not isinstance(embedder, OnnxEmbedder):
        raise ModelError(
            f"{model} cannot be a base: it is no network in an ONNX file; name a model folder or "
            "one of `visavis models list` that has a network"
        )
    path = embedder.folder / embedder.spec.file
    graph = readied(onnx.load(str(path)))
    name, kind = input_of(graph)
    return FrozenBase(embedder, graph, name, np.dtype(kind).type)


def pixels_maker(spec: PreprocessSpec) -> Maker:
    """Makes the pictures that a model looks at: (size, size, 3) bytes, RGB, not normalised."""
    resized = Preprocess(spec).resized
    geometry = (spec.size, spec.resize, spec.crop, spec.interpolation, spec.resize_to)
    background = spec.mean if spec.resize == "letterbox" else None
    return Maker(
        "pixels",
        repr((*geometry, background)),
        (spec.size, spec.size, 3),
        np.uint8,
        spec.side,
        lambda pictures: np.stack([np.asarray(resized(picture)) for picture in pictures]),
    )


class Pooled(nn.Module):
    """A base's tensor, of any shape that `pooling.pooled` takes, to unit rows (n, dim)."""

    def __init__(self, pool: str, dim: int) -> None:
        super().__init__()
        self.pool, self.dim = pool, dim

    def forward(self, tensor: Tensor) -> Tensor:
        """Of any element type."""
        rows = tensor.float()
        if rows.ndim == 3:
            rows = rows[:, 0] if self.pool == "none" else self._over_places(rows)
        elif rows.ndim == 4 and self.pool == "none":
            rows = rows.flatten(1)
        elif rows.ndim == 4 and rows.shape[1] != self.dim == rows.shape[3]:
            rows = self._over_places(rows.flatten(1, 2))
        elif rows.ndim == 4:
            rows = self._over_places(rows.flatten(2).transpose(1, 2))
        return functional.normalize(rows)

    def _over_places(self, rows: Tensor) -> Tensor:
        if self.pool == "average":
            return rows.mean(dim=1)
        raised = rows.clamp(min=_GEM_FLOOR).pow(GEM_POWER)
        return raised.mean(dim=1).pow(1 / GEM_POWER)
