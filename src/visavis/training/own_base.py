"""A base that is trained end to end: the network of `visavis-s`, from chance or as it ships."""

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional

from visavis.embedders.spec import PreprocessSpec, read_spec
from visavis.errors import ModelError, UsageError
from visavis.training.export import merged
from visavis.training.networks import Shape, Student

STEP = 32
"""Sides of pictures are multiples of it."""


class OwnBase(nn.Module):
    """What `visavis-s` learned, as one unit vector: (n, 3, side, side) to (n, dim).

    Its class scores and what only its own training needs are left out.
    """

    def __init__(self, student: Student) -> None:
        super().__init__()
        self.body, self.learned, self.copy = student.body, student.learned, student.copy
        self.dim = self.learned.out_features + self.copy.out_features

    def forward(self, x: Tensor) -> Tensor:
        """Pictures are in -1…1."""
        pooled = functional.adaptive_avg_pool2d(self.body(x), 1).flatten(1)
        return functional.normalize(torch.cat([self.learned(pooled), self.copy(pooled)], dim=1))


def pictures_of(side: int) -> PreprocessSpec:
    """How pictures are made for it. Raises UsageError for sides that it cannot have."""
    if side < STEP or side % STEP:
        raise UsageError(f"--size must be a multiple of {STEP}, not {side}")
    return PreprocessSpec(size=side, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


def new_base(shape: Shape) -> OwnBase:
    """Weights drawn by chance."""
    return OwnBase(Student(replace(shape, hints=())))


def known_base(folder: Path) -> tuple[OwnBase, PreprocessSpec]:
    """The weights of a model folder that the recipe `builtin` wrote.

    Their batch normalisation is merged into the convolutions, and stays so. Raises ModelError for
    any other folder.
    """
    spec = read_spec(folder)
    try:
        recipe = json.loads((folder / "recipe.json").read_text(encoding="utf-8"))
        shape = _shape(recipe["settings"]["shape"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{folder} cannot be trained end to end: only visavis-s can (its recipe.json says of "
            "which shape it is); leave out --unfreeze to train a head on top of it"
        ) from error
    base = OwnBase(merged(Student(replace(shape, hints=()))))  # type: ignore[arg-type]
    weights = _weights(folder / spec.file)
    state = {}
    for name, value in base.state_dict().items():
        stored = weights.get(f"student.student.{name}")
        if stored is None or stored.shape != tuple(value.shape):
            raise ModelError(f"{folder / spec.file}: the weights {name} are missing; add it again")
        state[name] = torch.from_numpy(stored)
    base.load_state_dict(state)
    return base.requires_grad_(True), spec.preprocess


def _shape(stored: dict[str, Any]) -> Shape:
    """A shape from JSON, in which tuples are lists."""
    known = {field.name for field in fields(Shape)} - {"hints"}
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in stored.items()
        if key in known
    }
    return replace(Shape(hints=()), **values)


def _weights(path: Path) -> dict[str, NDArray[np.float32]]:
    """By name; those that are stored as integers and scales are multiplied out."""
    model = onnx.load(str(path))
    tensors = {
        tensor.name: np.array(numpy_helper.to_array(tensor)) for tensor in model.graph.initializer
    }
    for name in [name for name in tensors if name.endswith(".int8")]:
        stem = name.removesuffix(".int8")
        tensors[stem] = tensors[name].astype(np.float32) * tensors[f"{stem}.scale"]
    for node in model.graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in tensors:
            whole, scale = (tensors[name] for name in node.input[:2])  # symmetric: zero is zero
            stem = node.input[0].removesuffix("_quantized")
            tensors[stem] = whole * scale.reshape(-1, *[1] * (whole.ndim - 1))
    return tensors
