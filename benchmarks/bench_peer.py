"""Indexing a folder, start to end, against fastdup on the same cores in the same run.

    python -m benchmarks.bench_peer --peer /somewhere/else/bin/python ../shared/data/ukbench

`--peer` is the Python of an environment with fastdup (peer_fastdup.py says how to make one). Both
are whole processes with their defaults: `visavis index FOLDER` with the built-in model until its
index can be searched, and fastdup's `run` until its embeddings are written.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.__main__ import OUT, table
from benchmarks.bench_cold import visavis
from benchmarks.measure import Bound, Figure, Floor, Report
from visavis.images.files import IMAGE_SUFFIXES

_ROUNDS = 7


def main() -> None:
    parser = argparse.ArgumentParser(description="Index a folder, against fastdup.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--peer", required=True, help="the Python of an environment with fastdup")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="visavis-bench-") as work:
        report = _measured(given.folder.resolve(), given.peer, Path(work))
    print(table(report))
    OUT.mkdir(parents=True, exist_ok=True)
    shape = json.dumps(report.to_dict(), indent=1, ensure_ascii=False)
    (OUT / "peer.json").write_text(shape + "\n", encoding="utf-8")


def _measured(folder: Path, peer: str, work: Path) -> Report:
    files = (path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    pictures = sorted(map(str, files))
    listed = work / "pictures.txt"
    listed.write_text("\n".join(pictures) + "\n", encoding="utf-8")
    script = str(Path(__file__).with_name("peer_fastdup.py"))
    theirs = [peer, script, str(listed), str(work / "peer.npz")]
    took = []
    for number in range(-1, _ROUNDS):  # the first round reads everything once
        ours = visavis("index", str(folder), "--index", str(work / f"{number}.index"))
        took.append((_process(ours), _process(theirs)))
    report = Report("peer", "full")
    for at, (what, unit) in enumerate((("wall", "images/s"), ("processor", "images/core-second"))):
        mine, its = ([len(pictures) / pair[side][at] for pair in took[1:]] for side in (0, 1))
        report.figures.append(
            Figure(
                f"visavis index, {len(pictures):,} pictures, by {what} time",
                unit,
                mine,
                Floor("fastdup.run over the same pictures, a process of its own", its),
                Bound(1.5, at_least=True) if what == "wall" else None,
            )
        )
    report.notes.append("fastdup's processes end on whole seconds: it looks once a second")
    return report


def _process(command: Sequence[str]) -> tuple[float, float]:
    """Seconds by the clock on the wall, and of processors."""
    before, started = os.times(), time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    wall, after = time.perf_counter() - started, os.times()
    busy = after.children_user + after.children_system
    return wall, busy - before.children_user - before.children_system


if __name__ == "__main__":
    main()
