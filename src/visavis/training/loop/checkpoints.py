"""Checkpoints and curves: what a training leaves on disk while it goes on."""

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint

from visavis.disk import reason
from visavis.errors import UsageError
from visavis.training.loop.curves import write_curves
from visavis.training.loop.learner import Learner
from visavis.training.loop.workplace import LAST
from visavis.training.progress import Progress, Tell

BEST = "best.ckpt"


class Stopped(Exception):
    """The training was asked to stop; its state is on disk."""


class Checkpoints(Checkpoint):
    """Writes a checkpoint after each epoch, and when `stop` is set between two steps.

    A file is written under another name and renamed: a kill at any moment leaves the one before.
    Being a `Checkpoint`, it is called after the learner has measured itself and after the early
    stopping, whose state is in the file too.

    Args:
        folder: Of the checkpoints; curves go to the folder above.
        asked: How long it is to go on.
        stop: Asks to stop; None: nobody does.
        tell: Called with each step.
    """

    def __init__(
        self, folder: Path, asked: list[int], stop: threading.Event | None, tell: Tell
    ) -> None:
        self._asked_for = asked
        self._folder, self._stop, self._tell = folder, stop, tell
        self._best: float | None = None
        self._best_epoch = self._batches = 0
        self._done = False

    @property
    def state_key(self) -> str:
        """Under which name its state is in a checkpoint."""
        return "checkpoints"

    def state_dict(self) -> dict[str, Any]:
        """The best epoch so far, batches done of the next one, whether nothing is left to do."""
        return {
            "best": self._best,
            "best_epoch": self._best_epoch,
            "batches": self._batches,
            "done": self._done,
            "asked": self._asked_for,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from such a state."""
        self._best, self._best_epoch = state_dict["best"], state_dict["best_epoch"]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Of a learner that knows something already, measure it: this may remain the best."""
        assert isinstance(pl_module, Learner)
        figures = pl_module.measured() if pl_module.knows and not pl_module.rows else {}
        if pl_module.measure not in figures:
            return
        pl_module.rows.append({"epoch": 0, **figures})
        self._best, self._best_epoch = figures[pl_module.measure], 0
        self._save(trainer, BEST)
        self._say(trainer, 0, 0, figures)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Between two steps: the moment to report, and to stop within an epoch."""
        assert isinstance(pl_module, Learner)
        epoch, loss = trainer.current_epoch, pl_module.mean_loss()
        self._say(trainer, batch_idx + 1, epoch, {"loss": loss} | pl_module.latest)
        if batch_idx + 1 < trainer.num_training_batches and self._asked(trainer):
            self._batches = batch_idx + 1
            self._save(trainer, LAST)
            raise Stopped

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the epoch, and whether it is the best."""
        assert isinstance(pl_module, Learner)
        epoch = trainer.current_epoch + 1
        better = self._is_better(pl_module)
        if better:
            self._best, self._best_epoch = pl_module.rows[-1].get(pl_module.measure), epoch
        self._batches = 0
        self._done = trainer.should_stop or epoch == trainer.max_epochs
        if trainer.is_global_zero:
            write_curves(self._folder.parent, pl_module.rows)
            pl_module.after_epoch(epoch, self._folder.parent)
        self._say(trainer, 0, epoch, {"loss": pl_module.rows[-1]["loss"]} | pl_module.latest)
        if better:
            self._save(trainer, BEST)
        self._save(trainer, LAST)
        if not self._done and self._asked(trainer):
            raise Stopped

    def _is_better(self, learner: Learner) -> bool:
        value = learner.rows[-1].get(learner.measure)
        if value is None or self._best is None:
            return True  # without a validation the last epoch is the best
        return value > self._best if learner.higher_is_better else value < self._best

    def _asked(self, trainer: Trainer) -> bool:
        asked = self._stop is not None and self._stop.is_set()
        if trainer.world_size > 1:  # all processes stop, or none: the next step waits for all
            return bool(trainer.strategy.reduce_boolean_decision(asked, all=False))
        return asked

    def _say(self, trainer: Trainer, done: int, epoch: int, figures: Mapping[str, float]) -> None:
        """`done` batches of the epoch after `epoch` finished ones."""
        if trainer.is_global_zero:
            batches, epochs = int(trainer.num_training_batches), trainer.max_epochs or 0
            self._tell(Progress("training", done, batches, epoch, epochs, figures))

    def _save(self, trainer: Trainer, name: str) -> None:
        partial = self._folder / f"{name}.partial"
        try:
            trainer.save_checkpoint(partial)
        except OSError as error:
            partial.unlink(missing_ok=True)  # it may have taken the room that is left
            again = "go on with --resume" if (self._folder / LAST).is_file() else "begin again"
            raise UsageError(
                f"{self._folder / name}: the checkpoint cannot be written ({reason(error)}); make "
                f"room there and {again}, or name another --out"
            ) from error
        if trainer.is_global_zero:
            partial.replace(self._folder / name)
        trainer.strategy.barrier()
