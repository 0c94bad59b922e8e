"""Runs all tests, in two processes on a half of the processors each: `make test`.

A third one waits for servers for most of its time; it has what the others leave of all processors.
Each has its own temporary folder, in memory where there is room: many tests only wait for the disk.
The output of the first is shown as it comes, that of the others after it, and at the end a line as
pytest writes it, of all. Not pytest-xdist: its workers hung once in a while as they started.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import BinaryIO

WAITING = ("tests/integration/milvus", "tests/integration/cluster")
PARTS = (
    ["tests/integration", "tests/browser", *(f"--ignore={path}" for path in WAITING)],
    ["tests", "src", "--ignore=tests/integration", "--ignore=tests/browser"],
    [*WAITING],
)
YIELDS = 5  # niceness of the third: a third of the weight of another process
MEMORY = Path("/dev/shm")
ROOM = 6e9  # bytes: more than twice what the tests leave there
NOTHING_TO_RUN = 5  # exit code of pytest

_COUNT = re.compile(r"(\d+) (failed|passed|skipped|deselected|xfailed|warning|error)s?\b")


def main(arguments: list[str]) -> int:
    """Run all parts with these arguments for pytest; the larger of their exit codes."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="visavis-tests-", dir=_place()) as folder:
        logs = [Path(folder, f"{at}.log") for at in range(len(PARTS))]
        running: list[subprocess.Popen[bytes]] = []
        try:
            for part, log, cores in zip(PARTS, logs, [*_halves(), None], strict=True):
                running.append(_started([*part, *arguments], log, cores))
            for process, log in zip(running, logs, strict=True):
                with log.open("rb") as output:
                    while process.poll() is None:
                        _show(output)
                        time.sleep(0.2)
                    _show(output)
        finally:
            for process in running:
                process.terminate()
                process.wait()
        sys.stdout.write(_total(logs, time.monotonic() - began) + "\n")
    codes = [process.returncode for process in running]
    return max(0 if code == NOTHING_TO_RUN else abs(code) for code in codes)


def _place() -> Path | None:
    """Memory, where it is a file system with enough room; None: the usual temporary folder."""
    fits = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM
    return MEMORY if fits else None


def _halves() -> list[set[int]]:
    """The processors of each part; nothing where they cannot be shared out."""
    if not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2:
        return [set(), set()]
    mine = sorted(os.sched_getaffinity(0))
    return [set(mine[: len(mine) // 2]), set(mine[len(mine) // 2 :])]


def _started(arguments: list[str], log: Path, cores: set[int] | None) -> subprocess.Popen[bytes]:
    """Run a part on these processors (nothing: all); None: on what the others leave."""
    place = log.with_suffix("")
    own = [f"--basetemp={place}", "-o", f"cache_dir=.pytest_cache/{place.name}"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "pytest", *own, *arguments],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    if cores:
        os.sched_setaffinity(process.pid, cores)  # at once: before it starts threads
    if cores is None and hasattr(os, "setpriority"):
        os.setpriority(os.PRIO_PROCESS, process.pid, YIELDS)
    return process


def _show(output: BinaryIO) -> None:
    sys.stdout.buffer.write(output.read())
    sys.stdout.flush()


def _total(logs: list[Path], seconds: float) -> str:
    counts: Counter[str] = Counter()
    for log in logs:
        last = (log.read_text(errors="replace").strip().splitlines() or [""])[-1]
        counts.update({word: int(number) for number, word in _COUNT.findall(last)})
    told = ", ".join(f"{count} {word}" for word, count in counts.items())
    return f"all parts: {told or 'nothing ran'} in {seconds:.0f}s"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
