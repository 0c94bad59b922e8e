"""How far an evaluation is: a bar on terminals, and a word before long ones."""

from typing import TYPE_CHECKING

from visavis.cli.progress.bar import Bar

if TYPE_CHECKING:
    from visavis.evaluation.tasks import Task

LONG = 2_000_000_000
"""Pairs of a query and a record that take a good half minute of one core."""


class AskingProgress(Bar):
    """Shows how many questions of a task are answered, on standard error."""

    def __init__(self, task: "Task") -> None:
        super().__init__("asking", len(task.questions))
        if task.kind != "copies" and len(task.questions) * len(task.gallery) > LONG:
            self.say(
                f"note: {len(task.questions):,} queries against {len(task.gallery):,} pictures "
                "take a while; --sample 1000 asks fewer"
            )

    def update(self, answered: int) -> None:
        """Show how many are answered; the figures are computed after the last."""
        total = self._bar.tasks[0].total
        description = "computing figures and intervals" if answered == total else "asking"
        self._bar.update(self._task, description=description, completed=answered)
