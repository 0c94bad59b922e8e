"""How many pictures are done: a bar on terminals."""

from visavis.cli.progress.bar import Bar


class PictureProgress(Bar):
    """Shows how many of some pictures are done, on standard error."""

    def __init__(self) -> None:
        super().__init__("pictures")

    def update(self, done: int, total: int) -> None:
        """Show how many of how many are done."""
        self._bar.update(self._task, completed=done, total=total)
