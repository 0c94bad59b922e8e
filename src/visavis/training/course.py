"""The course that every recipe's training takes: begin or go on, fit, keep the curves."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch

from visavis.images.sources import Source
from visavis.training.batches import Batches, Draw
from visavis.training.curves import draw_curves
from visavis.training.fitting import Fitted, LoopSettings, check_device, fit, settled
from visavis.training.inputs import Inputs
from visavis.training.learner import Learner
from visavis.training.progress import Tell
from visavis.training.samples import data_hash
from visavis.training.workplace import STATE, begin, check_out, last_part, versions

AnyLearner = TypeVar("AnyLearner", bound=Learner)


@dataclass(frozen=True, slots=True, eq=False)
class Plan(Generic[AnyLearner]):
    """What a recipe decides."""

    facts: Mapping[str, Any]
    """For recipe.json, and to see whether a training that goes on is the same."""
    gains: bool
    """Whether the network is worth bfloat16 where the machine has it."""
    start: Callable[[], tuple[AnyLearner, Draw]]
    """Gives the learner as it begins and the order of its batches; chance may be drawn freely."""


@dataclass(frozen=True, slots=True, eq=False)
class Done(Generic[AnyLearner]):
    """A training that came to its end."""

    learner: AnyLearner
    """With the weights of the best epoch."""
    fitted: Fitted
    recipe: dict[str, Any]
    """What recipe.json says."""

    def metrics(self, split: Mapping[str, Any]) -> dict[str, Any]:
        """What metrics.json says of every recipe; `split` is how the pictures were divided."""
        return {
            "split": dict(split),
            "epochs": self.fitted.rows[-1]["epoch"],
            "best_epoch": self.fitted.best_epoch,
            "validation": self.fitted.figures,
        }


def follow(
    plan: Plan[AnyLearner],
    out: Path,
    loop: LoopSettings,
    *,
    resume: bool,
    stop: threading.Event | None,
    tell: Tell,
) -> Done[AnyLearner] | None:
    """Train in the folder `out`, whose checkpoints and curves this writes.

    None when it was asked to stop (a checkpoint is there), and in all processes but the first.
    Raises UsageError for a folder, a device or a training to go on with that does not fit.
    """
    check_out(out, resume=resume)
    check_device(loop)
    loop = settled(loop, gains=plan.gains)
    recipe = {**plan.facts, "loop": asdict(loop), "versions": versions()}
    begin(out, recipe, resume=resume)
    with torch.random.fork_rng():
        learner, order = plan.start()
        batches = Batches(order, learner.batch)
        fitted = fit(learner, batches, out / STATE, loop, resume=resume, stop=stop, tell=tell)
    if not fitted.finished or not fitted.first:
        return None
    draw_curves(out / "curves.png", fitted.rows)
    return Done(learner, fitted, recipe)


def data_facts(source: Source, field: str | None, data: Inputs) -> dict[str, Any]:
    """What a recipe records of its pictures, without a path."""
    return {
        "source": last_part(source.uri),
        "labels": field,
        "pictures": len(data),
        "sha256": data_hash(data.samples, data.sha256),
    }
