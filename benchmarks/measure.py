"""What every benchmark speaks: sizes, figures with their floors and bounds, reports, stopwatches.

A figure is measured in rounds, and its floor in the same rounds, one after the other: whatever else
the machine does falls on both. What is judged is the median of the rounds' ratios.
"""

import os
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

Size = Literal["full", "small", "tiny"]
"""full: all that is promised; small: without the millions; tiny: does it still run?"""

_PACKAGES = ("numpy", "pillow", "onnxruntime", "faiss-cpu", "typer", "rich", "visavis")


@dataclass(frozen=True, slots=True)
class Floor:
    """What nobody can get under (or, with another sense, over) with the same parts."""

    what: str
    rounds: Sequence[float]

    @property
    def value(self) -> float:
        """The median round."""
        return statistics.median(self.rounds)


@dataclass(frozen=True, slots=True)
class Bound:
    """What was promised: of the ratio to the floor, or of the value itself."""

    limit: float
    of: Literal["ratio", "value"] = "ratio"
    at_least: bool = False

    def holds(self, measured: float) -> bool:
        """Whether it is kept."""
        return measured >= self.limit if self.at_least else measured <= self.limit

    def __str__(self) -> str:
        return f"{self.of} {'≥' if self.at_least else '≤'} {self.limit:g}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured thing: a value for each round, and what it is held against."""

    what: str
    unit: str
    rounds: Sequence[float]
    floor: Floor | None = None
    bound: Bound | None = None

    @property
    def value(self) -> float:
        """The median round."""
        return statistics.median(self.rounds)

    @property
    def ratios(self) -> list[float]:
        """Each round over the floor of the same round."""
        if self.floor is None:
            return []
        return [mine / its for mine, its in zip(self.rounds, self.floor.rounds, strict=True)]

    @property
    def ratio(self) -> float | None:
        """The median of the rounds' ratios."""
        return statistics.median(self.ratios) if self.floor else None

    @property
    def holds(self) -> bool | None:
        """Whether the bound is kept; None when nothing was promised."""
        if self.bound is None:
            return None
        judged = self.ratio if self.bound.of == "ratio" else self.value
        return judged is not None and self.bound.holds(judged)

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape of a figure."""
        noisy = self.ratios or list(self.rounds)
        shape: dict[str, Any] = {
            "what": self.what,
            "unit": self.unit,
            "value": _short(self.value),
            "rounds": [_short(value) for value in self.rounds],
            "spread": [_short(min(noisy)), _short(max(noisy))],
        }
        if self.floor is not None:
            shape["floor"] = {"what": self.floor.what, "value": _short(self.floor.value)}
            shape["ratio"] = _short(self.ratio or 0.0)
        if self.bound is not None:
            shape["bound"] = str(self.bound)
            shape["holds"] = self.holds
        return shape


@dataclass(slots=True)
class Report:
    """What one benchmark found."""

    name: str
    size: Size
    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """How it was measured, and what was left out and why."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape of a report."""
        return {
            "benchmark": self.name,
            "size": self.size,
            "machine": machine(),
            "versions": versions(),
            "figures": [figure.to_dict() for figure in self.figures],
            "notes": self.notes,
        }


def in_turns(rounds: int, *parts: Callable[[], float]) -> list[list[float]]:
    """What each part returns in each round, all parts taking turns within a round.

    Every other round runs backwards, so that no part always follows the same one.
    """
    found: list[list[float]] = [[] for _ in parts]
    order = list(enumerate(parts))
    for number in range(rounds):
        for at, part in order if number % 2 == 0 else reversed(order):
            found[at].append(part())
    return found


def seconds(work: Callable[[], object]) -> float:
    """How long it takes, by the clock on the wall."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def cpu_seconds(work: Callable[[], object]) -> float:
    """How long it keeps processors busy, all threads of this process together."""
    started = time.process_time()
    work()
    return time.process_time() - started


def peak_kilobytes() -> int:
    """The most memory that this process has had resident, in KiB.

    Linux hands the ru_maxrss of the parent on to a child, so its own count is read there.
    """
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 1024 if sys.platform == "darwin" else peak  # bytes there


def machine() -> Mapping[str, Any]:
    """The machine in words that name nobody."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(memory),
        "system": platform.system(),
        "architecture": platform.machine(),
    }


def versions() -> Mapping[str, str]:
    """Python and the packages that the figures depend on."""
    return {"python": platform.python_version()} | {name: version(name) for name in _PACKAGES}


def _short(value: float) -> float:
    return float(f"{value:.4g}")
