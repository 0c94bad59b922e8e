"""Runs all tests, in two processes on a half of the processors each: `make test`.

Whichever is done takes the next of the units below. A third one has what these leave of all
processors: it begins with what waits for servers for most of its time. Each has its own temporary
folder, in memory where there is room: many tests only wait for the disk. What the units print is
shown one after the other, and at the end a line as pytest writes it, of all. Not pytest-xdist: its
workers hung once in a while as they started.

A few tests that fail are tried once more with nothing beside them, and are named in any case: a
browser or a server that gets no processor for seconds is no fault of ours, and a fault fails twice.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter, deque
from pathlib import Path
from typing import BinaryIO

WAITING = ("tests/integration/milvus", "tests/integration/cluster")
APART = ("tests/integration/server", *WAITING)
ALONE = ("tests/browser", "tests/integration", "tests/unit", "tests/test_docs.py")
UNITS = (  # the longest first
    ["tests/browser"],
    ["tests/integration", *(f"--ignore={path}" for path in APART)],
    ["tests/integration/server"],
    ["tests/unit", "--ignore=tests/unit/training"],
    ["tests/unit/training", "src"],
    ["tests", *(f"--ignore={path}" for path in ALONE)],
    ["tests/test_docs.py"],
)
YIELDS = 5  # niceness of the third process: a third of the weight of another
MEMORY = Path("/dev/shm")
ROOM = 6e9  # bytes: more than twice what the tests leave there
FAILED, NOTHING_TO_RUN = 1, 5  # exit codes of pytest
FEW = 5  # failures; more are no bad luck

_COUNT = re.compile(r"(\d+) (failed|passed|skipped|deselected|xfailed|warning|error)s?\b")


def main(arguments: list[str]) -> int:
    """Run all units with these arguments for pytest; the largest of their exit codes."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="visavis-tests-", dir=_place()) as folder:
        run = Run(Path(folder), arguments)
        try:
            for log in run.logs:
                run.show(log)
            codes = [run.code(log) for log in run.logs]
        finally:
            run.stop()
        sys.stdout.write(_total(run.logs, time.monotonic() - began) + "\n")
        if max(codes) == FAILED:
            codes = run.again(codes)
    return max(codes)


class Run:
    """Units that are running, and those that are still to be run."""

    def __init__(self, folder: Path, arguments: list[str]) -> None:
        self._arguments = arguments
        self._all = [*UNITS, list(WAITING)]
        self._waiting = deque(enumerate(UNITS))
        self.logs = [folder / f"{at}.log" for at in range(len(UNITS) + 1)]
        last = self.logs[-1]
        self.started = {last: _started([*WAITING, *arguments], last, None)}
        self._lanes: list[tuple[set[int] | None, subprocess.Popen[bytes] | None]]
        self._lanes = [*((cores, None) for cores in _halves()), (None, self.started[last])]

    def show(self, log: Path) -> None:
        """Show what a unit prints until it is done; the others go on meanwhile."""
        while log not in self.started:
            self._go_on()
        with log.open("rb") as output:
            while self.started[log].poll() is None:
                self._go_on()
                _show(output)
            _show(output)

    def _go_on(self) -> None:
        for at, (cores, process) in enumerate(self._lanes):
            if self._waiting and (process is None or process.poll() is not None):
                number, unit = self._waiting.popleft()
                log = self.logs[number]
                self.started[log] = _started([*unit, *self._arguments], log, cores)
                self._lanes[at] = cores, self.started[log]
        time.sleep(0.2)

    def code(self, log: Path) -> int:
        """How a unit that is done ended: 0, or an exit code of pytest or of a signal."""
        code = self.started[log].returncode
        return 0 if code == NOTHING_TO_RUN else abs(code)

    def again(self, codes: list[int]) -> list[int]:
        """Try what failed once more, where that is little; the codes after that."""
        logs = [log for log, code in zip(self.logs, codes, strict=True) if code == FAILED]
        names = [name for log in logs for name in _failed(log)]
        if len(names) > FEW:
            return codes
        sys.stdout.write("\n".join(["tried once more, with nothing beside it:", *names]) + "\n")
        for at, (log, unit) in enumerate(zip(self.logs, self._all, strict=True)):
            if codes[at] == FAILED:
                options = [*self._arguments, "--last-failed", "--last-failed-no-failures=none"]
                self.started[log] = _started([*unit, *options], log, set())
                self.show(log)
                codes[at] = self.code(log)
        return codes

    def stop(self) -> None:
        """End what is still running."""
        for process in self.started.values():
            process.terminate()
            process.wait()


def _place() -> Path | None:
    """Memory, where it is a file system with enough room; None: the usual temporary folder."""
    fits = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM
    return MEMORY if fits else None


def _halves() -> list[set[int]]:
    """The processors of both processes; nothing where they cannot be shared out."""
    if not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2:
        return [set(), set()]
    mine = sorted(os.sched_getaffinity(0))
    return [set(mine[: len(mine) // 2]), set(mine[len(mine) // 2 :])]


def _started(arguments: list[str], log: Path, cores: set[int] | None) -> subprocess.Popen[bytes]:
    """Run a unit on these processors (nothing: all); None: on what the others leave."""
    place = log.with_suffix("")
    own = [f"--basetemp={place}", "-o", f"cache_dir=.pytest_cache/{place.name}"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "pytest", *own, *arguments],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=_environ(),
        )
    if cores:
        os.sched_setaffinity(process.pid, cores)  # at once: before it starts threads
    if cores is None and hasattr(os, "setpriority"):
        os.setpriority(os.PRIO_PROCESS, process.pid, YIELDS)
    return process


def _environ() -> dict[str, str]:
    """As it is, but Python keeps bytecode: hundreds of servers and commands are started.

    Each would else compile what it imports of the package, half a second of a processor for a
    server. Images of containers often forbid it, to stay small.
    """
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _failed(log: Path) -> list[str]:
    """The names of the tests of a unit that failed, as pytest keeps them."""
    kept = Path(".pytest_cache", log.stem, "v", "cache", "lastfailed")
    return list(json.loads(kept.read_text())) if kept.exists() else []


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
