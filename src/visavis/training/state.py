"""A training under way: what it consists of, how it is kept on disk, and what it was made under."""

import json
import pickle
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from visavis.errors import SourceError, UsageError
from visavis.training.builtin_settings import Settings
from visavis.training.networks import Student
from visavis.training.optimizer import Optimizer
from visavis.training.teacher import Projection

UNKNOWN = "unknown"
"""The hash of pictures and teacher in checkpoints that did not keep it."""

BY_RUN = frozenset({"samples", "minutes", "threads", "device"})
"""Settings that may change when a training goes on; each `Run` keeps its own."""

SILENT = frozenset({"save_seconds", "tell_steps", "measure_steps"})
"""Settings that shape no weight: when to save, tell and measure."""

AT_THE_END = frozenset({"final_side", "second_side", "colour"})
"""Settings of what is made of the weights when they are exported."""


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of a training under the same conditions, until the next one begins."""

    step: int
    """At which it began."""
    position: float
    """Of the schedule, where it began."""
    samples: int
    minutes: float
    threads: int
    device: str
    data: str
    """SHA-256 of the pictures, or `UNKNOWN`."""
    teacher: str
    """SHA-256 of the teacher's file, or `UNKNOWN`."""
    note: str = ""


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
    runs: list[Run] = field(default_factory=list)
    """What it was made under, from the first step on."""

    def begin(self, settings: Settings, data: str, teacher: str, *, rewind: float = 1.0) -> None:
        """Go on now, on data and by a teacher of these hashes; if further, back from `rewind`.

        What goes on where it was, under the same conditions, remains one run.
        """
        taken_back = rewind < self.position
        self.position = min(self.position, rewind)
        chosen = {name: getattr(settings, name) for name in BY_RUN}
        now = Run(self.step, self.position, data=data, teacher=teacher, **chosen)
        if self.runs and not taken_back:
            before = replace(self.runs[-1], step=self.step, position=self.position, note="")
            if now == before:
                return
        self.runs.append(now)


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
        "runs": [asdict(run) for run in state.runs],
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


def load(path: Path, settings: Settings, data: str, teacher: str) -> State:
    """The training that was saved in `path`, to go on under these settings.

    `data` and `teacher` are the hashes of pictures and teacher. Only `BY_RUN`, `SILENT` and
    `AT_THE_END` may be other settings than before. A checkpoint that kept no hashes is taken on
    trust, and says so in its runs.

    Raises:
        UsageError: settings, pictures or teacher are others; the message names them.
        SourceError: the file is no checkpoint.
    """
    try:
        content: dict[str, Any] = torch.load(path, weights_only=True, map_location=settings.device)
        runs = _runs(content)
        differing = _differing(content["settings"], settings)
        averaged = content["averaged"]
    except (OSError, EOFError, RuntimeError, KeyError, TypeError, pickle.PickleError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SourceError(
            f"{path} is no checkpoint of this recipe ({reason}); move it away to begin anew"
        ) from error
    if runs[-1].data not in (UNKNOWN, data):
        differing.append("the pictures")
    if runs[-1].teacher not in (UNKNOWN, teacher):
        differing.append("the teacher")
    if differing:
        raise UsageError(
            f"{path}: that training was begun with another choice of {', '.join(differing)}; "
            "repeat its choice, or name another --out"
        )
    projection, *hints = [
        Projection(mean.cpu().numpy(), matrix.cpu().numpy())
        for mean, matrix in content["projections"]
    ]
    state = new_state(settings, projection, hints)
    state.student.load_state_dict(content["student"])
    state.averaged.load_state_dict(averaged)
    state.optimizer.load_state_dict(content["optimizer"])
    state.step, state.seen, state.position = (content[k] for k in ("step", "seen", "position"))
    state.runs = runs
    return state


def _runs(content: dict[str, Any]) -> list[Run]:
    """The runs of a checkpoint; one that kept none is told by the settings of its last save."""
    if "runs" in content:
        return [Run(**run) for run in content["runs"]]
    settings = asdict(Settings()) | content["settings"]
    note = f"not recorded before step {content['step']}; these are the settings at that step"
    chosen = {name: settings[name] for name in BY_RUN}
    return [Run(0, 0.0, data=UNKNOWN, teacher=UNKNOWN, note=note, **chosen)]


def _differing(saved: dict[str, Any], settings: Settings) -> list[str]:
    """Names of the settings that were others; one that was not saved had the default."""
    defaults, before, now = (_flat(s) for s in (asdict(Settings()), saved, asdict(settings)))
    names = sorted(before.keys() | now.keys())
    return [name for name in names if before.get(name, defaults.get(name)) != now.get(name)]


def _flat(settings: dict[str, Any], above: str = "") -> dict[str, Any]:
    """The settings that shape the weights, by name; those inside others as `outer.inner`."""
    found: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{above}{name}.")
        elif above or name not in BY_RUN | SILENT | AT_THE_END:
            found[f"{above}{name}"] = json.dumps(value)  # which tells no tuple from a list
    return found
