"""What a watch tells: what each batch did, and what happens besides, said once."""

import time
from collections.abc import Callable

from visavis.types import IndexReport, merged


class Reporter:
    """Gathers what was done until it is told of.

    Args:
        report: Called with what each batch did.
        say: Called with sentences on what happens besides.
    """

    def __init__(self, report: Callable[[IndexReport], None], say: Callable[[str], None]) -> None:
        self._report = report
        self._say = say
        self._said: dict[str, str] = {}
        self._done: list[IndexReport] = []
        self._moved = 0
        self._told = 0.0

    def done(self, report: IndexReport) -> None:
        """Note what was done."""
        self._done.append(report)

    @property
    def moves(self) -> int:
        """How many records have moved of which nothing was told yet."""
        return sum(report.moved for report in self._done)

    def were_there(self, count: int) -> None:
        """Note of how many that were added that they had been there under other names."""
        self._moved += count

    def begin(self) -> None:
        """Note that a batch begins: a long one is told of in parts."""
        self._told = time.monotonic()

    def tell(self, after: float = 0.0, *, always: bool = False) -> None:
        """Report what was done since the last time, if that is so many seconds ago."""
        now = time.monotonic()
        if not self._done or now - self._told < after:
            return
        report = merged(self._done)
        report.added -= min(report.added, self._moved)  # they were added under their new names
        self._done, self._told, self._moved = [], now, 0
        if always or _is_news(report):
            self._report(report)

    def say_once(self, about: str, sentence: str) -> None:
        """Say what has not just been said of the same thing."""
        if self._said.get(about) != sentence:
            self._said[about] = sentence
            self._say(sentence)

    def well(self, about: str) -> None:
        """Note that all is well: what was said last is said again when it comes to that again."""
        self._said.pop(about, None)


def _is_news(report: IndexReport) -> bool:
    counts = (report.added, report.moved, report.removed, len(report.failed))
    return any(counts) or bool(report.notes)
