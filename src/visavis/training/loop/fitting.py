"""The loop, which Lightning carries: epochs, checkpoints, early stopping, precision, devices.

A checkpoint is written after each epoch, and when the training is asked to stop, within one. What
is started again from it ends with the same numbers as a training that nobody stopped.
"""

import logging
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from lightning import Trainer
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Callback, EarlyStopping
from lightning.pytorch.utilities.exceptions import SIGTERMException

from visavis.errors import UsageError
from visavis.training.data.batches import Batches
from visavis.training.loop.checkpoints import BEST, Checkpoints, Stopped
from visavis.training.loop.learner import Learner
from visavis.training.loop.workplace import LAST, damaged
from visavis.training.progress import Tell, silent
from visavis.training.settings import LoopSettings

_NUMBERED = frozenset(("RANK", "NODE_RANK", "SLURM_PROCID"))  # by torchrun, by hand, by Slurm
_NOT_OURS = (KeyError, TypeError, AttributeError)  # of what another program saved


@dataclass(frozen=True, slots=True)
class FitResult:
    """How a training went."""

    finished: bool
    """False when it was asked to stop; a checkpoint of that moment is there."""
    first: bool
    """Whether this is the first of several processes, which writes the result."""
    best_epoch: int = 0
    """Counted from 1, 0 for what the learner knew before; it has the weights of that epoch."""
    rows: list[dict[str, float]] = field(default_factory=list)
    """Of each epoch: `epoch`, `loss`, and the validation figures after it; epoch 0 has no loss."""
    figures: dict[str, float] = field(default_factory=dict)
    """Of the best epoch."""


def fit(
    learner: Learner,
    batches: Batches[Any],
    folder: Path,
    settings: LoopSettings,
    *,
    resume: bool = False,
    stop: threading.Event | None = None,
    tell: Tell = silent,
) -> FitResult:
    """Train until the epochs are over, or no figure gets better, and take the best weights.

    `folder` gets checkpoints and curves. With `resume` the training goes on from its checkpoint; a
    finished one does where other epochs or patience are asked for now.
    """
    folder.mkdir(parents=True, exist_ok=True)
    asked = [settings.epochs, settings.patience]
    trainer = _trainer(learner, settings, Checkpoints(folder, asked, stop, tell), folder)
    batches.rank, batches.world = trainer.global_rank, trainer.world_size
    last = folder / LAST
    start = last if resume and last.is_file() else None
    state = {}
    if start is not None:
        found = _content(start, learner)
        state = found["callbacks"]["checkpoints"]
        if found["epochs"]:  # then there is a best one, which would be missed at the end
            _content(folder / BEST, learner)
    batches.load_state_dict({"done": state.get("batches", 0)})
    if not state.get("done") or state["asked"] != asked:
        try:
            with _quiet():
                trainer.fit(learner, batches, ckpt_path=start, weights_only=True)
        except (Stopped, SIGTERMException):  # which would end the process, as if all was well
            return FitResult(False, trainer.is_global_zero)
    return _best(learner, folder, trainer.is_global_zero)


class _Ending(EarlyStopping):
    """Ends a training by the patience that is asked for now, not when it was begun."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from such a state."""
        super().load_state_dict(state_dict | {"patience": self.patience})


def check_device(settings: LoopSettings) -> None:
    """Raise UsageError when there is no such device; before anything is written."""
    if settings.nodes > 1 and not _NUMBERED & os.environ.keys():
        raise UsageError(
            f"--nodes {settings.nodes} waits for other machines, and nobody numbered them; start "
            "this command by torchrun on each, or leave out --nodes"
        )
    with _refusing(settings), _quiet():
        Trainer(accelerator=settings.device, devices=settings.devices or "auto", logger=False)


def _trainer(learner: Learner, settings: LoopSettings, keeping: Callback, folder: Path) -> Trainer:
    mode = "max" if learner.higher_is_better else "min"
    ending = _Ending(
        learner.measure,
        patience=settings.patience,
        mode=mode,
        strict=False,
        check_on_train_epoch_end=True,
    )
    if settings.threads:
        torch.set_num_threads(settings.threads)
    with _refusing(settings), _quiet():
        return Trainer(
            accelerator=settings.device,
            devices=settings.devices or "auto",
            num_nodes=settings.nodes,
            strategy="auto",  # with several devices or machines that is DDP
            precision="bf16-mixed" if settings.precision == "bf16" else "32-true",
            max_epochs=settings.epochs,
            callbacks=[ending, keeping],
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
            default_root_dir=folder,
        )


@contextmanager
def _refusing(settings: LoopSettings) -> Iterator[None]:
    """Lightning's refusals of a device, in a sentence of ours."""
    try:
        yield
    except (MisconfigurationException, ValueError) as error:
        why = " ".join(str(error).split())[:300].rstrip(".")
        raise UsageError(
            f"cannot train with --device {settings.device} --devices {settings.devices} ({why}); "
            "leave them out to use what is there"
        ) from error


def settled(loop: LoopSettings, *, gains: bool) -> LoopSettings:
    """The same with its precision decided; `gains` says whether the network is worth bfloat16."""
    if loop.precision != "auto":
        return loop
    return replace(loop, precision="bf16" if gains and bfloat16_pays(loop.device) else "32")


def bfloat16_pays(device: str) -> bool:
    """Whether the processor (or GPU) that is trained on multiplies in bfloat16."""
    if device in ("auto", "cuda") and torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    known: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # older ones lack it
    return bool(known.get("avx512_bf16") or known.get("amx_bf16") or known.get("bf16"))


def _best(learner: Learner, folder: Path, first: bool) -> FitResult:
    """Load the weights of the best epoch."""
    rows = _content(folder / LAST, learner)["epochs"]
    best = _content(folder / BEST, learner)
    learner.load_state_dict(best["state_dict"])
    learner.eval()
    row = best["epochs"][-1]
    figures = {name: value for name, value in row.items() if name not in ("epoch", "loss")}
    return FitResult(True, first, row["epoch"], rows, figures)


def _content(checkpoint: Path, learner: Learner) -> dict[str, Any]:
    """What a checkpoint of this learner holds. Raises UsageError for one that is damaged."""
    try:
        content: dict[str, Any] = torch.load(checkpoint, map_location="cpu", weights_only=True)
        weights = {name: value.shape for name, value in content["state_dict"].items()}
        whole = "checkpoints" in content["callbacks"] and isinstance(content["epochs"], list)
    except (OSError, RuntimeError, EOFError, UnpicklingError, ValueError, *_NOT_OURS) as error:
        raise damaged(checkpoint) from error
    if not whole or weights != {name: v.shape for name, v in learner.state_dict().items()}:
        raise damaged(checkpoint)
    return content


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Lightning's notes to itself: what matters is reported by us, in our words."""
    log = logging.getLogger("lightning.pytorch")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="lightning")
            warnings.filterwarnings("ignore", message=".*lightning.*")
            yield
    finally:
        log.setLevel(before)
