"""How far an indexing run is."""

import threading
from collections.abc import Sequence
from typing import Self

from rich.progress import TextColumn

from visavis.cli.progress.bar import Bar
from visavis.errors import VisavisError
from visavis.sources.base import open_source
from visavis.types import IndexReport

_COUNT_AFTER = 2.0  # seconds; a run over unchanged files is over before counting would help it


class IndexProgress(Bar):
    """Shows how many images are done, how fast, how long still, and how many were skipped.

    How many there are is counted beside the run, which has begun long before.
    """

    def __init__(
        self,
        sources: Sequence[str],
        exclude: Sequence[str],
        image_column: str | None = None,
        id_column: str | None = None,
    ) -> None:
        self._sources = sources
        self._exclude = exclude
        self._columns = (image_column, id_column)
        self._stopped = threading.Event()
        self._counting = threading.Thread(target=self._count, daemon=True)
        super().__init__(
            "indexing",
            before=(TextColumn("{task.fields[rate]}"),),
            after=(TextColumn("{task.fields[skipped]}"), TextColumn("{task.fields[nodes]}")),
            rate="",
            skipped="",
            nodes="",
        )

    def __enter__(self) -> Self:
        super().__enter__()
        if not self._bar.disable and self._sources:
            self._counting.start()
        return self

    def stop(self) -> None:
        """Take the bar away, and count no further."""
        self._stopped.set()
        super().stop()

    def update(self, report: IndexReport) -> None:
        """Show a report."""
        done = report.added + report.unchanged + len(report.failed)
        speed = self._bar.tasks[0].speed
        self._bar.update(
            self._task,
            completed=done,
            rate=f"{speed:.0f} a second" if speed else "",
            skipped=f"{len(report.failed)} skipped" if report.failed else "",
        )

    def tell_nodes(self, rates: str) -> None:
        """Show how each machine of a cluster does."""
        self._bar.update(self._task, nodes=rates)

    def tagging(self, report: IndexReport) -> None:
        """Show how many records have been tagged."""
        self._bar.update(
            self._task, description="tagging", completed=report.tagged, total=None, rate=""
        )

    def keeping(self, name: str, done: int) -> None:
        """Show how many records have been given an aspect."""
        self._bar.update(self._task, description=name, completed=done, total=None, rate="")

    def _count(self) -> None:
        if self._stopped.wait(_COUNT_AFTER):
            return
        total = 0
        for location in self._sources:
            counted = self._count_one(location)
            if counted is None:
                return
            total += counted
        self._bar.update(self._task, total=total)

    def _count_one(self, location: str) -> int | None:
        """How many images a source names; None when that is unknown, or nobody asks."""
        if location == "-":
            return None
        image, id = self._columns
        count = 0
        try:
            source = open_source(location, image_column=image, id_column=id, exclude=self._exclude)
            for count, _ in enumerate(source.entries(), 1):  # noqa: B007 - used below
                if self._stopped.is_set():
                    return None
        except (VisavisError, OSError):  # the run itself reports it
            return None
        return count
