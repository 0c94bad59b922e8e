"""How many processors there are for us, which in a container are often fewer than the machine's."""

import os
from collections.abc import Iterator
from functools import cache
from math import ceil
from pathlib import Path, PurePosixPath

_MOUNTED = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")


@cache
def cores() -> int:
    """How many processors this process can keep busy, at least 1.

    Those that it may run on (its affinity), and no more than the quota of its control groups has
    time for: a container or a service with 1.5 processors of 64 gets 2, not 64.
    """
    return max(1, min([_runnable(), *(ceil(quota) for quota in quotas())]))


def quotas(mounted: Path = _MOUNTED, own: Path = _OWN) -> Iterator[float]:
    """The limits, in processors, of this process's control groups and of those that they are in.

    Files as cgroups(7) and the kernel's cgroup-v2 and sched-bwc documents have them. A container
    often sees its own group as the root, whatever its name.
    """
    for place in _groups(mounted, own):
        try:
            yield _quota(place)
        except (OSError, ValueError, ZeroDivisionError):
            continue  # there is no limit, or none that can be read


def _quota(group: Path) -> float:
    if (group / "cpu.max").exists():
        limit, period = (group / "cpu.max").read_text().split()  # "max 100000": none
    else:
        limit = (group / "cpu.cfs_quota_us").read_text()  # -1: none
        period = (group / "cpu.cfs_period_us").read_text()
    found = float(limit) / float(period)
    if not 0 < found < float("inf"):
        raise ValueError("no limit")
    return found


def _groups(mounted: Path, own: Path) -> Iterator[Path]:
    try:
        lines = own.read_text().splitlines()
    except OSError:  # another system than Linux
        return
    for line in lines:
        _, controllers, name = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        root = mounted / "cpu" if controllers else mounted  # the first version, and the second
        inner = PurePosixPath(name.lstrip("/"))
        yield from (root / group for group in (inner, *inner.parents))


def _runnable() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
