"""One indexing run in a process of its own: `python -m benchmarks.cluster_run WHERE PHOTOS PLACE`.

Prints the seconds of `ImageIndex.add`, after a few pictures for which all workers load the model.
"""

import contextlib
import shutil
import subprocess
import sys
import time
from pathlib import Path

from visavis import ImageIndex
from visavis.flows.workers.base import Hire
from visavis.flows.workers.threads import Threads

PLAIN = "plain"
"""By threads of the process alone."""
_WARM = 64  # pictures


def seconds(where: str, photos: Path, place: Path, cores: int) -> float:
    """How long a run takes in a process of its own; `where` as for `--ray`, or PLAIN."""
    words = [where, str(photos), str(place), str(cores)]
    command = [sys.executable, "-m", "benchmarks.cluster_run", *words]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return float(done.stdout.splitlines()[-1])


def _run(where: str, photos: Path, place: Path, cores: int) -> float:
    shutil.rmtree(place, ignore_errors=True)
    files = sorted(photos.rglob("*.jpg"))
    with contextlib.ExitStack() as stack:
        workers: Hire = Threads
        if where != PLAIN:
            from visavis.cluster.session import joined
            from visavis.cluster.workers import Cluster

            session = stack.enter_context(joined(where, cores, "cpu"))
            workers = Cluster(session, "cpu", 300.0).hire
        index = stack.enter_context(ImageIndex.create(place, jobs=cores, workers=workers))
        index.add([str(file) for file in files[:_WARM]])
        began = time.perf_counter()
        report = index.add([str(file) for file in files[_WARM:]])
        took = time.perf_counter() - began
        assert report.added == len(files) - _WARM
    return took / report.added


if __name__ == "__main__":
    print(_run(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])))
