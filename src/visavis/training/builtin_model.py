"""What the recipe of the built-in model writes: the model folder, its recipe and its figures."""

import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from visavis.embedders.spec import ModelSpec, read_spec
from visavis.errors import SourceError
from visavis.training.builtin_data import Data
from visavis.training.builtin_settings import Settings
from visavis.training.builtin_vector import fit_vector
from visavis.training.export import export, plain_graph, small_graph, vectors
from visavis.training.held_out import Embed, HeldOut
from visavis.training.networks import TwoScales
from visavis.training.state import BY_RUN, SILENT, State

log = logging.getLogger("visavis.training")

NAME = "visavis-s"

_TYPICAL = 256
"""Training pictures that the integers' ranges are taken from."""


def write_model(
    state: State,
    data: Data,
    held_out: HeldOut,
    teacher_folder: Path,
    folder: Path,
    settings: Settings,
) -> ModelSpec:
    """Export the averaged weights, in the whole vector that does best."""
    student = TwoScales(state.averaged, settings.second_side)
    network, trials = fit_vector(student, data, held_out, settings)
    teacher = read_spec(teacher_folder)
    plain = plain_graph(network, held_out.images(0, 32))
    small = small_graph(plain, typical(data, settings), held_out.images(0, 32))
    spec = export(
        small,
        folder,
        name=NAME,
        labels=class_labels(teacher_folder, teacher, settings.shape.classes),
        license="Apache-2.0",
        origin=f"trained by visavis.training.builtin; learned from {teacher.name}",
        records={
            "recipe": _recipe(state, data, teacher, settings),
            "metrics": {
                "held_out": held_out.report(student),
                "rounding": rounding(held_out, vectors(plain), vectors(small)),
                **trials,
            },
        },
    )
    log.info("wrote %s", folder)
    return spec


def class_labels(folder: Path, teacher: ModelSpec, count: int) -> list[str]:
    """The names of the teacher's last `count` classes (a background class comes first)."""
    if teacher.classes is None:
        raise SourceError(f"{folder}/model.json names no classes; a teacher needs class scores")
    names = (folder / teacher.classes.labels).read_text(encoding="utf-8").splitlines()
    if len(names) < count:
        raise SourceError(f"{folder / teacher.classes.labels} has {len(names)} of {count} labels")
    return names[-count:]


def typical(data: Data, settings: Settings) -> Tensor:
    """Training pictures drawn by the seed, whole, (n, 3, side, side) in -1…1."""
    rng = np.random.default_rng([settings.seed, 5])
    chosen = rng.choice(data.kept, min(_TYPICAL, len(data.kept)), replace=False)
    return torch.cat(list(data.images(chosen, settings.final_side)))


def rounding(held_out: HeldOut, before: Embed, after: Embed) -> dict[str, Any]:
    """What integers cost on the held-out pictures.

    `cosine` is that between the vectors before and after, on average and of the picture that moves
    most; `float32` and `int8` are `HeldOut.whole` of both.
    """
    moved = (held_out.vectors(before) * held_out.vectors(after)).sum(axis=1)
    return {
        "pictures": len(moved),
        "cosine": {"mean": float(moved.mean()), "worst": float(moved.min())},
        "float32": held_out.whole(before),
        "int8": held_out.whole(after),
    }


def _recipe(state: State, data: Data, teacher: ModelSpec, settings: Settings) -> dict[str, Any]:
    return {
        "recipe": "builtin",
        "settings": {k: v for k, v in asdict(settings).items() if k not in BY_RUN | SILENT},
        "runs": [asdict(run) for run in state.runs],
        "steps": state.step,
        "originals_seen": state.seen,
        "data": {"pictures": len(data.kept), "held_out": len(data.held_out), "sha256": data.sha256},
        "teacher": {"name": teacher.name, "sha256": teacher.sha256},
        "torch": torch.__version__,
    }
