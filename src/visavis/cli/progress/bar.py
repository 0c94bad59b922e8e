"""The bar that long commands show: on a terminal only, on standard error."""

import sys
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from visavis.cli import terminal


class Bar:
    """Shows how much is done and how long the rest will take, while it is entered.

    Args:
        description: What goes on.
        total: How much there is to do; None: nobody knows yet.
        before: Columns before the time that is left.
        after: Columns after it.
        fields: What these columns show at first.
    """

    def __init__(
        self,
        description: str,
        total: int | None = None,
        *,
        before: tuple[ProgressColumn, ...] = (),
        after: tuple[ProgressColumn, ...] = (),
        **fields: Any,
    ) -> None:
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            *before,
            TimeRemainingColumn(),
            *after,
            console=Console(stderr=True),
            disable=not sys.stderr.isatty(),
            transient=True,
        )
        self._task = self._bar.add_task(description, total=total, **fields)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Take the bar away."""
        self._bar.stop()

    def say(self, line: str) -> None:
        """A line for people, above the bar."""
        if self._bar.disable:
            terminal.tell(line)
        else:
            self._bar.console.print(terminal.one_line(line), markup=False, highlight=False)
