"""A training under way: what it consists of, and how it is kept on disk."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from visavis.training.builtin_settings import Settings
from visavis.training.networks import Student
from visavis.training.optimizer import Optimizer
from visavis.training.teacher import Projection


@dataclass
class State:
    """A training under way."""

    student: Student
    averaged: Student
    optimizer: Optimizer
    projection: Projection
    """Of the teacher's embedding."""
    hints: list[Projection]
    """Of its inner maps."""
    step: int = 0
    seen: int = 0
    """Originals shown so far."""
    position: float = 0.0
    """0…1: how much of the schedule is done."""


def new_state(settings: Settings, projection: Projection, hints: list[Projection]) -> State:
    """A training that has not begun."""
    torch.manual_seed(settings.seed)
    student = Student(settings.shape).to(settings.device)
    student.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    averaged = Student(settings.shape).to(settings.device)
    averaged.load_state_dict(student.state_dict())
    return State(student, averaged.eval(), Optimizer(student, settings), projection, hints)


def save(state: State, settings: Settings, path: Path) -> None:
    """Write the checkpoint; a stop in the middle leaves the one before."""
    content = {
        "settings": asdict(settings),
        "student": state.student.state_dict(),
        "averaged": state.averaged.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "projections": [
            (torch.from_numpy(by.mean), torch.from_numpy(by.matrix))
            for by in (state.projection, *state.hints)
        ],
        "step": state.step,
        "seen": state.seen,
        "position": state.position,
    }
    partial = path.with_suffix(".partial")
    torch.save(content, partial)
    partial.replace(path)


def load(path: Path, settings: Settings) -> State:
    """The training that was saved in `path`."""
    content: dict[str, Any] = torch.load(path, weights_only=True, map_location=settings.device)
    projection, *hints = [
        Projection(mean.cpu().numpy(), matrix.cpu().numpy())
        for mean, matrix in content["projections"]
    ]
    state = new_state(settings, projection, hints)
    state.student.load_state_dict(content["student"])
    state.averaged.load_state_dict(content["averaged"])
    state.optimizer.load_state_dict(content["optimizer"])
    state.step, state.seen, state.position = (content[k] for k in ("step", "seen", "position"))
    return state
