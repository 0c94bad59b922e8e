"""How far a training is: a bar on terminals, and a line for each epoch everywhere."""

import sys
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from visavis.training.progress import Progress as Told

_NAMES = {"map": "mAP"}


class TrainingProgress:
    """Shows what a training tells, on standard error."""

    def __init__(self) -> None:
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[figures]}"),
            console=Console(stderr=True),
            disable=not sys.stderr.isatty(),
            transient=True,
        )
        self._task = self._bar.add_task("reading pictures", total=None, figures="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def say(self, line: str) -> None:
        """A line for people, above the bar."""
        if self._bar.disable:
            typer.echo(line, err=True)
        else:
            self._bar.console.print(line, markup=False, highlight=False)

    def update(self, told: "Told") -> None:
        """Show how far it is."""
        description, figures = "reading pictures", ""
        if told.stage == "training":
            description = f"epoch {min(told.epoch + 1, told.epochs)} of {told.epochs}"
            figures = described(told.figures)
            if told.done == 0:
                self.say(f"epoch {told.epoch} of {told.epochs}: {figures}")
        self._bar.update(
            self._task,
            description=description,
            completed=told.done,
            total=told.total,
            figures=figures,
        )


def described(figures: Mapping[str, float]) -> str:
    """Figures in one line: "loss 0.081, mAP 0.742"."""
    return ", ".join(f"{_NAMES.get(name, name)} {value:.3g}" for name, value in figures.items())
