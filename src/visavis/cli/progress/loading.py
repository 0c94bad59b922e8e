"""How many records are taken in: a bar on terminals."""

from rich.progress import TextColumn

from visavis.cli.progress.bar import Bar
from visavis.types import IndexReport


class LoadProgress(Bar):
    """Shows how many of how many records are done, how fast, and how long still."""

    def __init__(self, description: str = "loading") -> None:
        super().__init__(description, before=(TextColumn("{task.fields[rate]}"),), rate="")

    def update(self, report: IndexReport, total: int) -> None:
        """Show a report."""
        done = report.added + report.unchanged + len(report.failed)
        speed = self._bar.tasks[0].speed
        rate = f"{speed:,.0f} a second" if speed else ""
        self._bar.update(self._task, completed=done, total=total, rate=rate)
