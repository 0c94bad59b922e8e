"""A trained embedding to a model folder, which the engine loads without torch.

Before anything is written the graph is run beside torch; when they disagree, nothing is.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from visavis.embedders.runtime.preprocess import Preprocess
from visavis.embedders.spec import ModelSpec, PreprocessSpec, WordsSpec
from visavis.errors import ModelError
from visavis.training.data.inputs import as_pictures
from visavis.training.graphs.join import joined, opset
from visavis.training.graphs.tracing import merged, session, traced, write_folder
from visavis.training.networks.embedding import EmbeddingNetwork, OnTop
from visavis.training.networks.frozen_base import FrozenBase, Pooled
from visavis.training.networks.pixel_branch import FromInput
from visavis.types import RGB

TOLERANCE = 1e-4
"""Largest difference between torch's vectors and the graph's, in any number of them."""

_OPSET = 17  # of a graph without a base, which has one of its own
_LARGEST = 2_000_000_000  # bytes; a protobuf message of 2 GB cannot be read


@dataclass(frozen=True, slots=True)
class Exported:
    """What a recipe makes of what it trained."""

    graph: onnx.ModelProto
    difference: float
    """How far the graph is from torch."""
    dim: int
    preprocess: PreprocessSpec
    license: str = ""
    text: WordsSpec | None = None
    metrics: Mapping[str, Any] = field(default_factory=dict)
    """What metrics.json says of it."""


def graph_on_base(
    network: EmbeddingNetwork, base: FrozenBase, pictures: Sequence[RGB]
) -> tuple[onnx.ModelProto, float]:
    """Base and head in one graph, and how far it is from torch on these pictures."""
    spec = base.embedder.spec
    on_top = OnTop(
        network,
        Pooled(spec.pool, spec.dim),
        FromInput(spec.preprocess, normalised=base.dtype is not np.uint8),
    )
    alone = merged(on_top)
    assert isinstance(alone, OnTop)
    picture = Preprocess(spec.preprocess, base.dtype)(pictures[:1])
    examples = [torch.from_numpy(_run(base.graph, picture, spec.output))]
    links = {"tensor": spec.output}
    if network.branch is not None:
        examples.append(torch.from_numpy(picture))
        links["picture"] = base.input
    top = traced(alone, tuple(examples), list(links), ["embedding"], opset(base.graph))
    rows = torch.from_numpy(base.exactly().embed_images(pictures))
    with torch.inference_mode():
        ours = alone.network.vectors(rows, _looked_at(pictures, spec.preprocess))
    model = joined(base.graph, top, links, ours.shape[1])
    theirs = _one_by_one(model, pictures, spec.preprocess, base.dtype)
    return model, float(np.abs(ours.numpy() - theirs).max())


def graph_of(
    network: nn.Module, spec: PreprocessSpec, pictures: Sequence[RGB]
) -> tuple[onnx.ModelProto, float]:
    """The graph of a network that takes pictures in -1…1, and how far it is from torch."""
    alone = merged(network)
    example = (torch.zeros(1, 3, spec.size, spec.size),)
    model = traced(alone, example, ["input"], ["embedding"], _OPSET)
    with torch.inference_mode():
        ours = alone(_looked_at(pictures, spec))
    theirs = _one_by_one(model, pictures, spec, np.float32)
    return model, float(np.abs(ours.numpy() - theirs).max())


def write_model(
    folder: Path, exported: Exported, *, name: str, origin: str, records: Mapping[str, Any]
) -> ModelSpec:
    """Write the model folder; the files of a text side have to be there already.

    A graph that is farther from torch than `TOLERANCE`, or too large, is not written: ModelError.
    `records` are JSON files to put beside the model, by name without suffix.
    """
    model = exported.graph
    check_graph(folder, model, exported.difference)
    content = model.SerializeToString()
    spec = ModelSpec(
        name=name,
        file="model.onnx",
        sha256=hashlib.sha256(content).hexdigest(),
        output=model.graph.output[0].name,
        pool="none",
        dim=exported.dim,
        preprocess=exported.preprocess,
        license=exported.license,
        origin=origin,
        text=exported.text,
    )
    write_folder(folder, spec, content, records)
    return spec


def check_graph(folder: Path, graph: onnx.ModelProto, difference: float) -> None:
    """Raise ModelError for a graph that is too far from torch, or too large, to be written."""
    if not difference <= TOLERANCE:
        raise ModelError(
            f"{folder}: the model was not written, as its ONNX graph and torch differ by "
            f"{difference:.2g} (at most {TOLERANCE:g} is rounding); please report this"
        )
    if graph.ByteSize() > _LARGEST:
        raise ModelError(
            f"{folder}: the model was not written, as base and head together are larger than 2 GB; "
            "use a smaller --base"
        )


def _looked_at(pictures: Sequence[RGB], spec: PreprocessSpec) -> Tensor:
    resized = Preprocess(spec).resized
    return as_pictures(np.stack([np.asarray(resized(picture)) for picture in pictures]))


def _one_by_one(
    model: onnx.ModelProto, pictures: Sequence[RGB], spec: PreprocessSpec, dtype: type[np.generic]
) -> NDArray[np.float32]:
    """The graph's vectors; one picture at a time, which graphs of a fixed batch take too."""
    prepare = Preprocess(spec, dtype)
    ready = session(model)
    rows = [
        ready.run(None, {ready.get_inputs()[0].name: prepare([picture])})[0] for picture in pictures
    ]
    return np.concatenate(rows)


def _run(model: onnx.ModelProto, picture: NDArray[Any], tensor: str) -> NDArray[Any]:
    """Any tensor of a graph for one picture."""
    opened = onnx.ModelProto()
    opened.CopyFrom(model)
    if tensor not in [value.name for value in model.graph.output]:
        opened.graph.output.append(onnx.ValueInfoProto(name=tensor))
    ready = session(opened)
    (value,) = ready.run([tensor], {ready.get_inputs()[0].name: picture})
    result: NDArray[Any] = value
    return result
