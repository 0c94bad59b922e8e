"""`visavis index --ray`: the same run, by the machines of a cluster."""

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from visavis.cli import terminal
from visavis.errors import UsageError
from visavis.processors import cores

if TYPE_CHECKING:
    from visavis.cli.progress.indexing import IndexProgress
    from visavis.cluster.workers import Cluster, Rate
    from visavis.flows.workers.base import Hire
    from visavis.image_index import ImageIndex
    from visavis.settings import Settings
    from visavis.types import IndexReport

_NOT_FOR_CLUSTERS = ("--parts", "--rebuild", "--tag", "--tag-concepts", "--metadata")

DEADLINE = 300.0
"""Seconds until some shard has to be done, where nobody says."""


def check_ray_options(
    where: str | None, deadline: float | None, jobs: int | None, others: Mapping[str, object]
) -> None:
    """Raise UsageError for options that would do nothing."""
    if where is None and deadline is not None:
        raise UsageError("--ray-deadline is for --ray")
    if where is None:
        return
    idle = [name for name in _NOT_FOR_CLUSTERS if others.get(name)]
    if idle:
        raise UsageError(f"--ray is for indexing sources alone; leave out {', '.join(idle)}")
    if where != "local" and jobs is not None:
        raise UsageError("--jobs is for --ray local; a cluster has the cores that it has")


def index_by_cluster(
    where: str,
    deadline: float | None,
    given: "Settings",
    making: "Callable[..., ImageIndex]",
    adding: "Callable[[ImageIndex, Callable[[IndexReport], None]], IndexReport]",
    summary: "Callable[[ImageIndex], str]",
    progress: "IndexProgress",
    *,
    allow_private: bool,
    refresh: bool,
) -> "tuple[IndexReport, str]":
    """Index by a cluster; the report, and what there is now.

    Args:
        where: local, auto or HOST:PORT.
        deadline: Seconds until some shard has to be done.
        given: The settings.
        making: Opens the index or makes it, with the options that it is given.
        adding: Brings it up to date, telling what is done.
        summary: Says what there is.
        progress: Shows how far it is.
        allow_private: Whether workers may fetch URLs in private networks.
        refresh: Whether workers ask URLs again.

    Raises UsageError, ClusterError, ExtraMissingError, and what indexing raises.
    """
    web = {"allow_private": allow_private, "refresh": refresh}
    with (
        hired(where, deadline, given, progress, **web) as (hire, update),
        making(device="cpu", workers=hire) as index,
    ):
        return adding(index, update), summary(index)


@contextlib.contextmanager
def hired(
    where: str,
    deadline: float | None,
    given: "Settings",
    progress: "IndexProgress",
    *,
    allow_private: bool,
    refresh: bool,
) -> "Iterator[tuple[Hire, Callable[[IndexReport], None]]]":
    """What hires the machines of a cluster, and what shows how far they are.

    At the end, each machine's rate is told. Arguments and errors as for `index_by_cluster`.
    """
    with _joined(where, deadline, given, allow_private, refresh) as cluster:

        def update(report: "IndexReport") -> None:
            progress.update(report)
            progress.tell_nodes(in_words(cluster.rates()))

        yield cluster.hire, update
        progress.stop()
        for rate in cluster.rates():
            terminal.tell(f"node {rate.node}: {rate.images} images, {rate.a_second:.0f} a second")


def in_words(rates: "Sequence[Rate]") -> str:
    """Rates on one line: `10.0.0.3 41/s, 10.0.0.4 39/s`."""
    return ", ".join(f"{rate.node} {rate.a_second:.0f}/s" for rate in rates)


@contextlib.contextmanager
def _joined(
    where: str, deadline: float | None, given: "Settings", allow_private: bool, refresh: bool
) -> Iterator["Cluster"]:
    from visavis.cluster.quiet import kept_from_people
    from visavis.cluster.session import joined
    from visavis.cluster.workers import Cluster

    jobs, device, seconds = given.jobs or cores(), given.device, deadline or DEADLINE
    with (
        tempfile.TemporaryDirectory(prefix="visavis-log-") as folder,
        kept_from_people(Path(folder) / "ray.log"),
        joined(where, jobs, device) as session,
    ):
        yield Cluster(session, device, seconds, allow_private=allow_private, refresh=refresh)
