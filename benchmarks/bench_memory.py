"""Resident memory of searching and of indexing, and bytes on disk, each a process of its own."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.galleries import DIM, Clusters, Model, fill
from benchmarks.measure import Bound, Figure, Floor, Report, Size
from benchmarks.pictures import draw_tiny

_RECORDS = {"full": 1_000_000, "small": 200_000, "tiny": 2_000}
_PICTURES = {"full": (20_000, 40_000), "small": (20_000, 30_000), "tiny": (20, 40)}
_ROUNDS = {"full": 3, "small": 3, "tiny": 1}

_SEARCHING = """
import sys
from pathlib import Path
from benchmarks.measure import peak_kilobytes
from benchmarks.galleries import Clusters, GalleryIndex, pixels
from visavis.store.sqlite.store import SqliteStore
folder, count, offset = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
asked = [pixels(vector) for vector in Clusters(1_000).fresh(100)]
with GalleryIndex(SqliteStore(folder)) as index:
    for shelf, picture in enumerate(asked):
        assert len(index.search(picture).matches) == 10
        assert index.search(picture, where=f"shelf={shelf}").total_searched == count // 100
    if offset:
        index.search(asked[0], offset=offset)
print(peak_kilobytes())
"""

_INDEXING = """
import sys
from benchmarks.measure import peak_kilobytes
from visavis import ImageIndex
with ImageIndex.create(sys.argv[1], "classic") as index:
    assert index.add(sys.argv[2]).added == int(sys.argv[3])
print(peak_kilobytes())
"""


def run(size: Size, work: Path) -> Report:
    """Megabytes at the peak, and bytes a record."""
    report = Report("memory", size)
    count, rounds = _RECORDS[size], range(_ROUNDS[size])
    folder = work / f"gallery-{count}.index"
    fill(folder, Clusters(count), Model.chosen())
    shallow = [_peak(_SEARCHING, folder, count, 0) for _ in rounds]
    deep = [_peak(_SEARCHING, folder, count, 200) for _ in rounds]
    few, many = _PICTURES[size]
    grown = [(_indexing(work, few), _indexing(work, many))]  # once: it varies by 0.1 MB
    name = f"{count:,} × {DIM}"
    report.figures = [
        Figure(
            f"peak of opening {name}, 100 searches and 100 filters",
            "MB",
            shallow,
            bound=Bound(1000, of="value"),
        ),
        Figure(
            f"the same, and a page beyond rank 100 of {name} (every code is read)",
            "MB",
            deep,
            bound=Bound(1000, of="value"),
        ),
        Figure(
            f"peak of indexing {many:,} small pictures",
            "MB",
            [pair[1] for pair in grown],
            Floor(f"peak of indexing {few:,}", [pair[0] for pair in grown]),
            Bound(1.1),
        ),
        Figure(
            f"disk for {name}, caches included, thumbnails not",
            "bytes/record",
            [_bytes(folder) / count],
            bound=Bound(1300, of="value"),
        ),
    ]
    report.notes.append(
        "peak: the most resident memory of a fresh process, mapped pages of cache files included; "
        "both runs of indexing fill SQLite's page cache, 16 MB (smaller ones need less), and stay "
        "below the size at which an approximate index is built; "
        "disk: ids of 35 characters, two fields, both indexed"
    )
    return report


def _indexing(work: Path, count: int) -> float:
    tree, folder = work / f"small-{count}", work / "memory.index"
    if not tree.exists():
        draw_tiny(tree, count)
    subprocess.run(["rm", "-rf", str(folder)], check=True)
    return _peak(_INDEXING, folder, tree, count)


def _peak(code: str, *arguments: object) -> float:
    """The last line that the code prints, in KiB, as MB."""
    command: Sequence[str] = [sys.executable, "-c", code, *map(str, arguments)]
    root = str(Path(__file__).parents[1])
    environment = os.environ | {"PYTHONPATH": root}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return int(done.stdout.split()[-1]) * 1024 / 1e6


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
