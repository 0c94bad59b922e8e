"""A training under way: what it consists of, and how it is kept on disk."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from visavis.training.builtin_settings import Settings
from visavis.training.networks import Student
from visavis.training.teacher import Projection


@dataclass
class State:
    """A training under way."""

    student: Student
    averaged: Student
    optimizer: torch.optim.AdamW
    projection: Projection
    step: int = 0
    seen: int = 0
    """Originals shown so far."""
    position: float = 0.0
    """0…1: how much of the schedule is done."""


def new_state(settings: Settings, projection: Projection) -> State:
    """A training that has not begun."""
    torch.manual_seed(settings.seed)
    student = Student(settings.shape).to(settings.device)
    student.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    averaged = Student(settings.shape).to(settings.device)
    averaged.load_state_dict(student.state_dict())
    matrices = [p for p in student.parameters() if p.ndim > 1]
    vectors = [p for p in student.parameters() if p.ndim <= 1]
    groups = [
        {"params": matrices, "weight_decay": settings.decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=settings.rate, betas=(0.9, 0.99))
    return State(student, averaged.eval(), optimizer, projection)


def save(state: State, settings: Settings, path: Path) -> None:
    """Write the checkpoint; a stop in the middle leaves the one before."""
    content = {
        "settings": asdict(settings),
        "student": state.student.state_dict(),
        "averaged": state.averaged.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "mean": torch.from_numpy(state.projection.mean),
        "matrix": torch.from_numpy(state.projection.matrix),
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
    projection = Projection(content["mean"].cpu().numpy(), content["matrix"].cpu().numpy())
    state = new_state(settings, projection)
    state.student.load_state_dict(content["student"])
    state.averaged.load_state_dict(content["averaged"])
    state.optimizer.load_state_dict(content["optimizer"])
    state.step, state.seen, state.position = (content[k] for k in ("step", "seen", "position"))
    return state
