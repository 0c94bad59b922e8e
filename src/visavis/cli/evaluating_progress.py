"""How far an evaluation is: a bar on terminals, and a word before long ones."""

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from visavis.evaluation.tasks import Task

LONG = 2_000_000_000
"""Pairs of a query and a record that take a good half minute of one core."""


class AskingProgress:
    """Shows how many questions of a task are answered, on standard error."""

    def __init__(self, task: "Task") -> None:
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not sys.stderr.isatty(),
            transient=True,
        )
        self._task = self._bar.add_task("asking", total=len(task.questions))
        if task.kind != "copies" and len(task.questions) * len(task.gallery) > LONG:
            typer.echo(
                f"note: {len(task.questions):,} queries against {len(task.gallery):,} pictures "
                "take a while; --sample 1000 asks fewer",
                err=True,
            )

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

    def update(self, answered: int) -> None:
        """Show how many are answered; the figures are computed after the last."""
        total = self._bar.tasks[0].total
        description = "computing figures and intervals" if answered == total else "asking"
        self._bar.update(self._task, description=description, completed=answered)
