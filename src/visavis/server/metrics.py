"""What the server counts, in Prometheus' text format.

With one process the numbers live in it. With several (`--workers`), prometheus-client keeps them
in files below $PROMETHEUS_MULTIPROC_DIR, which `visavis serve` sets before the workers start, and
any worker answers for all.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, values
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

_LOG = logging.getLogger("visavis.server")

MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"

_ROOM = {
    "counter": 1 << 20,
    "histogram": 1 << 20,
    "gauge_livesum": 1 << 16,
    "gauge_liveall": 1 << 16,
}
"""Bytes of the files in which a process keeps its numbers: all that it can ever count has room."""

_PROCESS = {
    "resident_bytes": "Memory of the process",
    "open_files": "Files and connections that it has open",
    "threads": "Its threads",
    "cpu_seconds": "Processor time that it has taken",
}
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


def forget_process(pid: int) -> None:
    """Leave out what a worker that died had in hand; what it had counted stays."""
    mark_process_dead(pid)  # type: ignore[no-untyped-call]


def _make_room() -> None:
    """Give the numbers of this process files without holes, where several processes share them.

    prometheus-client maps them into memory, and a process that writes into a hole on a disk that is
    full is ended by the system. Where there is no room, the numbers stay with this process.
    """
    folder = os.environ.get(MULTIPROCESS)
    if not folder:
        return
    made: list[Path] = []
    try:
        for kind, size in _ROOM.items():
            path = Path(folder, f"{kind}_{os.getpid()}.db")
            if not path.exists():
                made.append(path)
                path.write_bytes(bytes(size))
    except OSError as error:
        for path in made:
            with suppress(OSError):
                path.unlink()
        del os.environ[MULTIPROCESS]
        values.ValueClass = values.MutexValue
        _LOG.warning("%s: /metrics is without the numbers of this worker (%s)", folder, error)


class _Sizes(Collector):
    """How large the index is, asked when somebody looks."""

    def __init__(self, count: Callable[[], int]) -> None:
        self._count = count

    def collect(self) -> Iterable[Metric]:
        yield GaugeMetricFamily(
            "visavis_index_records", "Records in the index", value=self._count()
        )

    def describe(self) -> Iterable[Metric]:
        return ()


class Metrics:
    """The counters of one application."""

    def __init__(self) -> None:
        _make_room()
        self._registry = CollectorRegistry()
        kept = self._registry
        self.requests = Counter(
            "visavis_requests", "Requests answered", ("route", "method", "status"), registry=kept
        )
        self.latency = Histogram(
            "visavis_request_seconds",
            "From the first byte of a request to the last of its answer",
            ("route",),
            buckets=_SECONDS,
            registry=kept,
        )
        self._stages = Histogram(
            "visavis_stage_seconds",
            "Time in the stages of a request: queue, decode, embed, search",
            ("stage",),
            buckets=_SECONDS,
            registry=kept,
        )
        self.refused = Counter(
            "visavis_refused",
            "Requests refused because the queue was full",
            ("pool",),
            registry=kept,
        )
        self.in_flight = Gauge(
            "visavis_requests_in_flight",
            "Requests being answered",
            registry=kept,
            multiprocess_mode="livesum",
        )

        self._process = {
            name: Gauge(f"visavis_process_{name}", text, registry=kept, multiprocess_mode="liveall")
            for name, text in _PROCESS.items()
        }

    def note_process(self) -> None:
        """Note what this process takes just now; on Linux alone."""
        try:
            status = Path("/proc/self/statm").read_text().split()
            files = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - counted, and faster
        except OSError:
            return
        self._process["resident_bytes"].set(int(status[1]) * os.sysconf("SC_PAGE_SIZE"))
        self._process["open_files"].set(files)
        self._process["threads"].set(threading.active_count())
        self._process["cpu_seconds"].set(time.process_time())

    def stage(self, name: str, seconds: float) -> None:
        """Note how long a stage took."""
        self._stages.labels(name).observe(seconds)

    def text(self, records: Callable[[], int]) -> bytes:
        """All numbers as Prometheus reads them; of all workers when there are several."""
        self.note_process()
        if os.environ.get(MULTIPROCESS):
            everyone = CollectorRegistry()
            MultiProcessCollector(everyone)  # type: ignore[no-untyped-call]
        else:
            everyone = self._registry
        sizes = CollectorRegistry()
        sizes.register(_Sizes(records))
        return generate_latest(everyone) + generate_latest(sizes)
