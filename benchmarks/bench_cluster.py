"""Indexing by a Ray cluster: of this machine alone against plain threads; two nodes against one."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.cluster_run import PLAIN, seconds
from benchmarks.measure import Bound, Figure, Floor, Report, Size, in_turns
from benchmarks.pictures import HEIGHT, WIDTH, draw_photos

_PICTURES = {"full": 5_000, "small": 600, "tiny": 72}
_ROUNDS = {"full": 5, "small": 3, "tiny": 1}
_FAKE = Path(__file__).parents[1] / "tests" / "fake"
_APART = ("unshare", "--net", "sh", "-c", 'ip link set lo up; exec "$@"', "sh")


def run(size: Size, work: Path) -> Report:
    """Images a second of `ImageIndex.add`, once all workers have the model."""
    report = Report("cluster", size)
    if importlib.util.find_spec("ray") is None:
        report.notes.append("left out: Ray is not installed (the extra cluster)")
        return report
    count, rounds, cores = _PICTURES[size], _ROUNDS[size], os.cpu_count() or 1
    photos, place = work / f"photos-{count}", work / "an.index"
    if not photos.exists():
        draw_photos(photos, count)
    what = f"index {count:,} JPEGs of {WIDTH} × {HEIGHT}, visavis-s"
    local, plain = in_turns(
        rounds,
        lambda: seconds("local", photos, place, cores),
        lambda: seconds(PLAIN, photos, place, cores),
    )
    report.figures.append(
        Figure(
            f"{what}: --ray local",
            "images/s",
            [1 / one for one in local],
            Floor("threads of one process", [1 / one for one in plain]),
            Bound(0.8, at_least=True),
        )
    )
    report.notes.append("starting the cluster and loading the model are not counted")
    if size == "tiny":
        return report
    if subprocess.run([*_APART, "true"], capture_output=True, check=False).returncode:
        report.notes.append("left out, two nodes: this system gives no network namespace")
        return report
    two, one = _nodes(photos, work, rounds)
    report.figures.append(
        Figure(
            f"{what}: two nodes of one core",
            "images/s",
            [1 / each for each in two],
            Floor("one node of two cores", [1 / each for each in one]),
            Bound(0.9, at_least=True),
        )
    )
    return report


def _nodes(photos: Path, work: Path, rounds: int) -> list[list[float]]:
    command = [sys.executable, "-m", "benchmarks.cluster_nodes"]
    command += [str(photos), str(work), str(rounds)]
    path = os.pathsep.join([str(_FAKE), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [*_APART, *command],
        env=os.environ | {"PYTHONPATH": path},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    found: list[list[float]] = json.loads(done.stdout.splitlines()[-1])
    return found
