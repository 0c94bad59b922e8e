"""How far the layout of a map is."""

from visavis.cli.progress.bar import Bar


class LayoutProgress(Bar):
    """Shows the passes of a layout, on standard error."""

    def __init__(self) -> None:
        super().__init__("laying out the map")

    def update(self, done: int, total: int) -> None:
        """Show how many passes are done."""
        self._bar.update(self._task, completed=done, total=total)
