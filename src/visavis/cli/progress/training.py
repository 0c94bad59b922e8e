"""How far a training is: a bar on terminals, and a line for each epoch everywhere."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.progress import TextColumn

from visavis.cli.progress.bar import Bar

if TYPE_CHECKING:
    from visavis.training.progress import Progress

_NAMES = {"map": "mAP"}


class TrainingProgress(Bar):
    """Shows what a training reports, on standard error."""

    def __init__(self) -> None:
        super().__init__(
            "reading pictures", after=(TextColumn("{task.fields[figures]}"),), figures=""
        )

    def update(self, progress: "Progress") -> None:
        """Show how far it is."""
        description, figures = "reading pictures", ""
        if progress.stage == "training":
            description = f"epoch {min(progress.epoch + 1, progress.epochs)} of {progress.epochs}"
            figures = described(progress.figures)
            if progress.done == 0:
                self.say(f"epoch {progress.epoch} of {progress.epochs}: {figures}")
        self._bar.update(
            self._task,
            description=description,
            completed=progress.done,
            total=progress.total,
            figures=figures,
        )


def described(figures: Mapping[str, float]) -> str:
    """Figures in one line: "loss 0.081, mAP 0.742"."""
    return ", ".join(f"{_NAMES.get(name, name)} {value:.3g}" for name, value in figures.items())


def gained(gains: Mapping[str, Mapping[str, Any]]) -> str:
    """What was gained on the base in one line, with intervals."""
    every = []
    for name, gain in gains.items():
        low, high = gain["interval"]
        span = f"{low:+.3f} … {high:+.3f}"
        every.append(f"{_NAMES.get(name, name)} {gain['difference']:+.3f} ({span})")
    return (
        f"{', '.join(every)}, 95% intervals; the epoch was chosen by these same pictures, so "
        "others may gain less"
    )
