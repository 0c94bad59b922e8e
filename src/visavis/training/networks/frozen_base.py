"""A base that is not trained: any model folder, whose embeddings are computed once, or are those
of an index.
"""

from dataclasses import dataclass

import numpy as np
import onnx
import torch
from torch import Tensor, nn
from torch.nn import functional

from visavis.embedders.base import Embedder, embed
from visavis.embedders.folder import OnnxEmbedder
from visavis.embedders.registry import list_models, load_embedder
from visavis.embedders.runtime.engine import engine
from visavis.embedders.runtime.network import PROVIDERS
from visavis.embedders.runtime.pooling import GEM_POWER
from visavis.embedders.runtime.preprocess import Preprocess
from visavis.embedders.spec import PreprocessSpec
from visavis.errors import ModelError, UsageError
from visavis.sources.base import Source
from visavis.training.data.indexed import IndexSource
from visavis.training.data.row_cache import Maker
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
    learns: None = None
    """Nothing of it is trained."""

    @property
    def dim(self) -> int:
        """Dimensions of its embedding."""
        return self.embedder.dim

    @property
    def license(self) -> str:
        """Of its weights."""
        return self.embedder.spec.license

    @property
    def preprocess(self) -> PreprocessSpec:
        """How pictures become the graph's input."""
        return self.embedder.spec.preprocess

    @property
    def facts(self) -> dict[str, str]:
        """What records say of it."""
        return {"name": self.embedder.name, "fingerprint": self.embedder.fingerprint}

    def exactly(self) -> OnnxEmbedder:
        """The model on the CPU: a GPU's convolutions are rounded more than a comparison allows."""
        model = self.embedder
        return model if model.device == "cpu" else type(model)(model.folder, threads=1)

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


def chosen_base(model: str | None, source: Source, device: str = "cpu") -> FrozenBase:
    """The base of a name or folder; else the model of the index that is trained on, or the default.

    Raises UsageError where an index and another model are named, ModelError as `frozen_base`.
    """
    if isinstance(source, IndexSource):
        if model is not None:
            raise UsageError(
                f"an index has the vectors of its own model; leave out the base {model}"
            )
        return frozen_base(source.index.embedder(threads=1))
    model = model or default_base()
    if model is None:
        raise UsageError(
            "name a model to train on top of with --base (`visavis models list` shows them)"
        )
    return frozen_base(load_embedder(model, threads=1, device=_runtime(device)))


def _runtime(device: str) -> str:
    """ONNX Runtime's name for a device of torch; the CPU where it has none of the kind."""
    there = engine().get_available_providers()
    fits = {"cuda": torch.cuda.is_available(), "coreml": torch.backends.mps.is_available()}
    asked = {"cuda": "cuda", "gpu": "cuda", "mps": "coreml"}.get(device, device)
    chosen = [name for name, fit in fits.items() if fit and PROVIDERS[name] in there]
    return next((name for name in chosen if asked in (name, "auto")), "cpu")


def frozen_base(embedder: Embedder) -> FrozenBase:
    """A model as a base.

    Raises ModelError for one that is no network in a folder (classic, a plug-in, a mix): its graph
    has to become a part of the new model's.
    """
    if not isinstance(embedder, OnnxEmbedder):
        raise ModelError(
            f"{embedder.name} cannot be a base: it is no network in an ONNX file; name a model "
            "folder or one of `visavis models list` that has a network"
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
