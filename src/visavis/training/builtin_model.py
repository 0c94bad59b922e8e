"""What the recipe of the built-in model writes: the model folder, its recipe and its figures."""

import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from visavis.embedders.spec import ModelSpec, read_spec
from visavis.errors import SourceError
from visavis.training.builtin_data import Data
from visavis.training.builtin_settings import Settings
from visavis.training.builtin_vector import fit_vector
from visavis.training.export import export, merged, rounded
from visavis.training.held_out import HeldOut
from visavis.training.networks import Student
from visavis.training.retriever import Retriever
from visavis.training.state import BY_RUN, SILENT, State

log = logging.getLogger("visavis.training")

NAME = "visavis-s"


def write_model(
    state: State,
    data: Data,
    held_out: HeldOut,
    teacher_folder: Path,
    folder: Path,
    settings: Settings,
) -> ModelSpec:
    """Export the averaged weights, in the whole vector that does best."""
    network, trials = fit_vector(state.averaged, data, held_out, settings)
    teacher = read_spec(teacher_folder)
    report = held_out.report(state.averaged)
    spec = export(
        network,
        folder,
        name=NAME,
        images=held_out.images(0, 32),
        labels=class_labels(teacher_folder, teacher, settings.shape.classes),
        license="Apache-2.0",
        origin=f"trained by visavis.training.builtin; learned from {teacher.name}",
        records={
            "recipe": _recipe(state, data, teacher, settings),
            "metrics": {
                "held_out": report,
                "rounding": rounding(network, held_out, report),
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


def rounding(network: Retriever, held_out: HeldOut, report: dict[str, float]) -> dict[str, Any]:
    """What 8-bit weights cost on the held-out pictures.

    `cosine` is that between the vectors before and after, on average and of the picture that moves
    most; `float32` and `int8` are `HeldOut.report` of both, of which the first is given.
    """
    before = merged(network)
    after = rounded(before)
    moved = (held_out.vectors(before) * held_out.vectors(after)).sum(axis=1)
    student = after.student
    assert isinstance(student, Student)
    return {
        "pictures": len(moved),
        "cosine": {"mean": float(moved.mean()), "worst": float(moved.min())},
        "float32": report,
        "int8": held_out.report(student),
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
