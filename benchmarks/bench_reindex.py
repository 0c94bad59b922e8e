"""A second run over files that did not change, against listing them."""

import os
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Bound, Figure, Floor, Report, Size, in_turns, seconds
from benchmarks.pictures import draw_tiny
from visavis import ImageIndex

_FILES = {"full": 20_000, "small": 20_000, "tiny": 200}
_ROUNDS = {"full": 11, "small": 7, "tiny": 2}
_IN_ONE = 200


def run(size: Size, work: Path) -> Report:
    """Seconds of `ImageIndex.add` on an index that has everything already, over the floor's."""
    count = _FILES[size]
    tree, folder = work / f"tree-{count}", work / f"tree-{count}.index"
    if not tree.exists():
        draw_tiny(tree, count, _IN_ONE)
    with ImageIndex.create(folder, "classic") as index:
        index.add(tree)

        def again() -> None:
            report = index.add(tree)
            assert (report.unchanged, report.added, report.failed) == (count, 0, [])

        listed, added = in_turns(
            _ROUNDS[size],
            lambda: seconds(lambda: _sizes(tree)),
            lambda: seconds(again),
        )
    report = Report("reindex", size)
    folders = -(-count // _IN_ONE)
    report.figures = [
        Figure(
            f"index {count:,} unchanged files in {folders} folders again",
            "ms",
            [1e3 * took for took in added],
            Floor("os.scandir + stat over the same tree", [1e3 * took for took in listed]),
            Bound(3),
        ),
        Figure("the same as a rate", "files/s", [count / took for took in added]),
    ]
    return report


def _sizes(tree: Path) -> int:
    return sum(status.st_size for status in _statuses(str(tree)))


def _statuses(folder: str) -> Iterator[os.stat_result]:
    with os.scandir(folder) as listing:
        for item in listing:
            if item.is_dir():
                yield from _statuses(item.path)
            else:
                yield item.stat()
