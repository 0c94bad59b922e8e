"""How many machines a gallery needs, simulated from measured costs: `python -m benchmarks.scale`.

In go the costs of one picture, one record and one question on one machine, from
benchmarks/growth.json (`python -m benchmarks growth` measures them), and those of `Milvus`. Out
comes the table of docs/scale.md. Indexing is a row of queues, each with as many servers as the
machines have; asking sends a question to all machines that hold vectors and waits for the slowest.
Nothing of it was run on more than one machine.
"""

import heapq
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import bench_growth as growth

MEASURED = Path(__file__).parent / "growth.json"
PAGE = Path(__file__).parents[1] / "docs" / "scale.md"
BEGIN, END = "<!-- begin: {} of python -m benchmarks.scale -->", "<!-- end -->"
_BATCH = 256
_BATCHES = 8_000  # simulated at most; more of them take proportionally longer
_JITTER = 0.3  # of the time of a batch or a question: standard deviation of its logarithm
_QUESTIONS = 8_000
_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Machine:
    """What is rented: an ordinary server."""

    cores: int = 16
    memory: float = 64e9
    disk: float = 2e12
    network: float = 1.25e9
    """Bytes a second."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Of one machine, measured. Seconds are CPU seconds on one core."""

    picture: float
    """To read, decode and embed one, and all else but writing."""
    bytes: float
    """Of a picture's file."""
    write: float
    """To write a record to a folder, its part of the approximate index included."""
    disk: float
    """Bytes of a record in a folder."""
    memory: tuple[float, float]
    """Bytes of memory, opened and searched: fixed, and for each record."""
    search: tuple[float, float]
    """Fixed, and for each record: of a search in a folder."""
    hnsw: tuple[float, float]
    """Of a search in one HNSW graph: fixed, and for each doubling of its vectors."""
    hnsw_build: float
    """To add a vector to an HNSW graph, 80,000 being there."""

    @classmethod
    def read(cls, path: Path = MEASURED) -> "Costs":
        """From the report of the benchmark `growth`."""
        kept = figures(path)
        (build,) = (value for what, value in kept.items() if what.startswith(growth.HNSW_BUILD))
        return cls(
            kept[growth.PICTURE] * 1e-3,
            kept[growth.BYTES],
            kept[growth.WRITE] * 1e-6,
            kept[growth.DISK],
            (kept[growth.MEMORY_FIXED], kept[growth.MEMORY]),
            (kept[growth.SEARCH_FIXED] * 1e-3, kept[growth.SEARCH] * 1e-9),
            (kept[growth.HNSW_FIXED] * 1e-3, kept[growth.HNSW] * 1e-3),
            build * 1e-3,
        )


def figures(path: Path = MEASURED) -> dict[str, float]:
    """What the benchmark `growth` has measured, by the names of its figures."""
    report = json.loads(path.read_text(encoding="utf-8"))
    return {one["what"]: one["value"] for one in report["figures"]}


@dataclass(frozen=True, slots=True)
class Milvus:
    """Milvus 2.3.5: measured on one node with 256 dimensions, scaled by the vector's length."""

    dim: int = 448
    write: float = (2.5 + 3.4) / 50_000 * 448 / 256
    """Client and server, of an upsert in batches of 1,000."""
    disk: float = 488e6 / 50_000 * 448 / 256
    """Log, segments and index of a row, before old logs are dropped."""
    segment: float = 1e9
    """Bytes of vectors in a sealed segment, each with a graph of its own (the server's default)."""
    call: float = 1.0e-3
    """Of a question on each machine, whatever it holds: the time of an answer over few rows."""
    links: float = 2 * 16 * 4 * 1.1
    """Bytes of a vector's links in the graph, M = 16."""
    diskann_memory: float = 0.125
    """Share of the vectors that DISKANN holds in memory: its documentation, PQCodeBudgetGBRatio."""
    diskann_reads: int = 100
    """Pages of 4 KB that it reads for a question in a segment: an estimate, of six hops of 16."""
    page_read: float = 20e-6
    """Of one such page from an NVMe disk, read ahead, in seconds of a core."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A row of the table."""

    pictures: float
    kept: str
    workers: int
    hours: float
    holders: int
    memory: float
    disk: float
    million_pictures: float
    """CPU hours."""
    million_questions: float
    """CPU hours."""
    median: float
    late: float
    """Seconds of an answer: the median, and what one in a hundred takes longer than."""
    busiest: tuple[str, str]
    """While indexing, while asking."""


def through(
    arrivals: NDArray[np.float64], servers: int, work: NDArray[np.float64]
) -> NDArray[np.float64]:
    """When each of a queue's jobs is done: first come, first served, by so many servers."""
    free = [0.0] * servers
    done = np.empty_like(arrivals)
    for at, (arrived, takes) in enumerate(zip(arrivals.tolist(), work.tolist(), strict=True)):
        begins = max(arrived, heapq.heappop(free))
        done[at] = begins + takes
        heapq.heappush(free, begins + takes)
    return done


def indexing(
    pictures: float, stages: Sequence[tuple[str, int, float]], seed: int = 1
) -> tuple[float, str]:
    """(seconds, the busiest stage) of indexing; a stage is its name, servers, seconds a picture."""
    random = np.random.default_rng(seed)
    batches = max(1, math.ceil(pictures / _BATCH))
    count = min(batches, _BATCHES)
    times = np.zeros(count)
    for _, servers, seconds in stages:
        work = _jittered(random, seconds * min(_BATCH, pictures), count)
        times = through(np.sort(times), servers, work)
    busiest = max(stages, key=lambda stage: stage[2] / stage[1])[0]
    return float(times.max()) * batches / count, busiest


def asking(
    rate: float, machines: int, cores: int, seconds: float, seed: int = 1
) -> tuple[float, float]:
    """(median, 99 %) seconds of an answer: questions come at random, each goes to all machines."""
    random = np.random.default_rng(seed)
    arrivals = np.cumsum(random.exponential(1 / rate, _QUESTIONS))
    slowest = np.zeros(_QUESTIONS)
    for _ in range(machines):
        done = through(arrivals, cores, _jittered(random, seconds, _QUESTIONS))
        slowest = np.maximum(slowest, done - arrivals)
    return float(np.median(slowest)), float(np.quantile(slowest, 0.99))


def in_a_folder(pictures: float, costs: Costs, machine: Machine, rate: float) -> Plan:
    """One machine: it indexes, holds and answers."""
    seconds = costs.search[0] + costs.search[1] * pictures
    stages = (
        ("network", 1, costs.bytes / machine.network),
        ("model", machine.cores, costs.picture),
        ("writing", 1, costs.write),
    )
    took, busiest = indexing(pictures, stages)
    median, late = asking(rate, 1, machine.cores, seconds)
    busy = "nothing" if rate * seconds < machine.cores / 2 else "processors"
    return Plan(
        pictures,
        "a folder",
        1,
        took / 3600,
        1,
        costs.memory[0] + costs.memory[1] * pictures,
        costs.disk * pictures,
        (costs.picture + costs.write) * 1e6 / 3600,
        seconds * 1e6 / 3600,
        median,
        late,
        (busiest, busy),
    )


def in_milvus(
    pictures: float, kind: str, costs: Costs, machine: Machine, rate: float, server: Milvus
) -> Plan:
    """Workers index within a day, machines of Milvus hold the vectors in HNSW graphs or DISKANN."""
    vector = 4.0 * server.dim
    on_disk = kind == "DISKANN"
    held = vector * server.diskann_memory if on_disk else vector + server.links
    memory, disk = held * pictures, (server.disk + (4096 if on_disk else 0)) * pictures
    segments = max(1, math.ceil(vector * pictures / server.segment))
    one = server.segment / vector
    in_segment = (
        server.diskann_reads * server.page_read
        if on_disk
        else costs.hnsw[0] + costs.hnsw[1] * math.log2(one)
    )
    needed = {
        "memory": memory / (0.7 * machine.memory),
        "disk": disk / (0.8 * machine.disk),
        "processors": rate * segments * in_segment / (0.5 * machine.cores),
    }
    holders = math.ceil(max(needed.values()))
    seconds = server.call + math.ceil(segments / holders) * in_segment
    build = costs.hnsw_build * math.log2(one) / math.log2(80_000)
    workers = math.ceil(pictures * costs.picture / (0.9 * machine.cores * _DAY))
    stages = (
        ("network", workers, costs.bytes / machine.network),
        ("model", workers * machine.cores, costs.picture),
        ("Milvus", holders * machine.cores, server.write + build),
    )
    took, busiest = indexing(pictures, stages)
    median, late = asking(rate, holders, machine.cores, seconds)
    scarce = max(needed, key=lambda name: needed[name])
    return Plan(
        pictures,
        f"Milvus, {kind}",
        workers,
        took / 3600,
        holders,
        memory,
        disk,
        (costs.picture + server.write + build) * 1e6 / 3600,
        holders * seconds * 1e6 / 3600,
        median,
        late,
        (busiest, scarce if needed[scarce] > 0.5 else "nothing"),
    )


def plans(costs: Costs, machine: Machine | None = None, rate: float = 100) -> list[Plan]:
    """The rows of the table: ten thousand pictures to a billion, asked 100 times a second."""
    machine, server = machine or Machine(), Milvus()
    rows = [in_a_folder(10.0**power, costs, machine, rate) for power in (4, 5, 6, 7)]
    rows += [in_milvus(pictures, "HNSW", costs, machine, rate, server) for pictures in (1e7, 1e8)]
    rows += [in_milvus(1e9, kind, costs, machine, rate, server) for kind in ("HNSW", "DISKANN")]
    return rows


def table(rows: Sequence[Plan]) -> str:
    """The table of docs/scale.md."""
    head = (
        "| Pictures | Vectors in | Machines to index, time | Machines to answer | Memory | Disk "
        "| CPU hours: a million pictures, a million questions | Answer: median, 99 % | Busiest |"
    )
    lines = [head, "| --: | --- | --- | --: | --: | --: | --- | --- | --- |"]
    for row in rows:
        cells = (
            f"{row.pictures:,.0f}",
            row.kept,
            f"{row.workers}, {_time(row.hours)}",
            f"{row.holders}",
            _bytes(row.memory),
            _bytes(row.disk),
            f"{row.million_pictures:.1f}, {row.million_questions:.1f}",
            f"{1e3 * row.median:.1f} ms, {1e3 * row.late:.1f} ms",
            f"{row.busiest[0]}; {row.busiest[1]}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _jittered(random: np.random.Generator, seconds: float, count: int) -> NDArray[np.float64]:
    return seconds * random.lognormal(-(_JITTER**2) / 2, _JITTER, count)


def _time(hours: float) -> str:
    if hours < 1:
        return f"{max(1, round(60 * hours))} min"
    return f"{hours:.0f} h" if hours >= 10 else f"{hours:.1f} h"


def _bytes(count: float) -> str:
    for size, name in ((1e12, "TB"), (1e9, "GB")):
        if count >= size:
            return f"{count / size:.3g} {name}"
    return f"{count / 1e6:.3g} MB"


def growth_table(kept: dict[str, float]) -> str:
    """What was measured of each size, and how far from straight it is."""
    counts = sorted(
        int(what.split()[1].replace(",", ""))
        for what in kept
        if what.startswith("writing: ") and what.endswith(" records")
    )
    lines = [
        "| Records | Writing, processor time | On disk | Memory | A search, processor time |",
        "| --: | --: | --: | --: | --: |",
    ]
    for count in counts:
        write, disk, memory, search = (kept[growth.at_size(one, count)] for one in growth.UNITS)
        cells = (f"{count:,}", f"{write:.3g} s", _bytes(disk), _bytes(memory))
        lines.append(f"| {' | '.join(cells)} | {1e3 * search:.2g} ms |")
    far = [kept[f"{stage}: {growth.FARTHEST}"] for stage in growth.UNITS]
    told = (
        f"Up to some {growth.SEARCHED_EXACTLY:,} records are searched exactly, in memory; from "
        f"there on by an approximate index. Writing, disk and memory lie within "
        f"{max(far[:3]) - 1:.0%} of a straight line, searches within {far[3] - 1:.0%}. Memory "
        "counts mapped pages."
    )
    return "\n".join([*lines, "", told])


def filled(page: str) -> str:
    """The page with both tables as they are now."""
    for name, made in (
        ("plan", table(plans(Costs.read()))),
        ("growth", growth_table(figures())),
    ):
        before, begin, rest = page.partition(BEGIN.format(name))
        page = f"{before}{begin}\n\n{made}\n\n{END}{rest.partition(END)[2]}"
    return page


def main() -> int:
    """Put the tables into docs/scale.md."""
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
