"""An index in a real Milvus: `python -m benchmarks.bench_milvus [--small] [--tiny]`.

It wants `make milvus`, and runs beside a server in a network of its own (tests/fake). Ratios are to
the same work without Milvus, in the same rounds: a store that keeps nothing, and that of a folder.
"""

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.__main__ import OUT, table
from benchmarks.measure import Bound, Figure, Floor, Report, Size, in_turns, seconds
from benchmarks.milvus_asking import asking
from benchmarks.pictures import draw_photos, draw_tiny
from visavis import ImageIndex
from visavis.errors import StoreError
from visavis.store.base import ModelFacts
from visavis.store.milvus.address import Address
from visavis.store.milvus.evidence import MilvusEvidence
from visavis.store.milvus.store import MilvusStore
from visavis.types import ImageRecord, Vectors

_SERVER = Path(__file__).parents[1] / "tests" / "fake" / "milvus_server.py"
_HERE = "milvus://127.0.0.1:19530"
_PHOTOS = {"full": 400, "small": 100, "tiny": 10}
_FILES = {"full": 20_000, "small": 5_000, "tiny": 300}
_GROWN = {"full": (10_000, 50_000), "small": (2_000, 10_000), "tiny": (100, 200)}
_KILLS = {"full": 5, "small": 2, "tiny": 1}
_ROUNDS = {"full": 5, "small": 3, "tiny": 1}

_INDEXING = """
import sys
from benchmarks.milvus_asking import asking
from benchmarks.measure import peak_kilobytes
from visavis import ImageIndex
with ImageIndex.create(sys.argv[1], "classic") as index:
    assert index.add(sys.argv[2]).added == int(sys.argv[3])
print(peak_kilobytes())
"""


def run(size: Size, work: Path, server: Path) -> Report:
    """All figures, beside a server whose data are in a folder."""
    report = Report("milvus", size, notes=["Milvus 2.3.5, one node, on the same machine"])
    report.figures = [
        *_writing(size, work),
        *asking(size, _ROUNDS[size], work, _new()),
        _unchanged(size, work),
        _memory(size, work),
        _kills(size, server, sealing=False),
        _kills(size, server, sealing=True),
    ]
    return report


# -- indexing --------------------------------------------------------------------------------------


class _NoEvidence(MilvusEvidence):
    """Keeps nothing."""

    def keep(self, signatures: Mapping[str, bytes]) -> None:
        """Does nothing."""

    def note(self, name: str, value: bytes) -> None:
        """Does nothing."""


class _NullStore(MilvusStore):
    """Takes what is written, and keeps nothing of it."""

    def __init__(self, address: Address) -> None:
        super().__init__(address)
        self.evidence = _NoEvidence(self._named)

    def upsert(self, source: int, records: Sequence[ImageRecord], vectors: Vectors) -> None:
        """Does nothing."""

    def settle(self, thorough: bool = False) -> None:
        """Does nothing."""


class _TimedStore(MilvusStore):
    """Notes when the last records were written, and the end of the run begins."""

    written = 0.0

    def upsert(self, source: int, records: Sequence[ImageRecord], vectors: Vectors) -> None:
        """As ever."""
        super().upsert(source, records, vectors)
        self.written = time.perf_counter()


def _writing(size: Size, work: Path) -> list[Figure]:
    count, tree = _PHOTOS[size], work / "photos"
    draw_photos(tree, count)
    ends = []

    def into(kind: type[MilvusStore]) -> float:
        place = _new()
        ImageIndex.create(place).close()
        store = kind(Address.parse(place))
        with ImageIndex(store) as index:
            index.embedder(1)
            began = time.perf_counter()
            index.add(tree)
            ended = time.perf_counter()
            assert len(index) == (count if kind is _TimedStore else 0)
        if not isinstance(store, _TimedStore):
            return count / (ended - began)
        ends.append(ended - store.written)
        return count / (store.written - began)

    mine, floor = in_turns(_ROUNDS[size], lambda: into(_TimedStore), lambda: into(_NullStore))
    return [
        Figure(
            f"index {count:,} photos of 1024 × 768 with the built-in model, until all are written",
            "images/s",
            mine,
            Floor("a store that keeps nothing", floor),
            Bound(0.9, at_least=True),
        ),
        Figure("the end of that run, in which Milvus seals them", "s", ends),
    ]


def _unchanged(size: Size, work: Path) -> Figure:
    count, tree = _FILES[size], work / "tiny"
    draw_tiny(tree, count, 200)
    with ImageIndex.create(_new(), "classic") as index:
        index.add(tree)

        def again() -> None:
            report = index.add(tree)
            assert (report.unchanged, report.added, report.failed) == (count, 0, [])

        rates = [count / seconds(again) for _ in range(_ROUNDS[size])]
    bound = Bound(20_000, of="value", at_least=True)
    return Figure(f"index {count:,} unchanged files again", "files/s", rates, bound=bound)


def _memory(size: Size, work: Path) -> Figure:
    peaks = []
    for count in _GROWN[size]:
        tree = work / f"grown-{count}"
        draw_tiny(tree, count, 1_000)
        command = [sys.executable, "-c", _INDEXING, _new(), str(tree), str(count)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout) / 1024)
    few, many = _GROWN[size]
    return Figure(
        f"peak of indexing {many:,} images into Milvus",
        "MB",
        [peaks[1]],
        Floor(f"of indexing {few:,}", [peaks[0]]),
        Bound(1.15),
    )


# -- dying -----------------------------------------------------------------------------------------


def _kills(size: Size, folder: Path, *, sealing: bool) -> Figure:
    """Records that were acknowledged before the server was killed, and are not there after it.

    Where they are sealed each time afterwards, as the run that comes next does in its end, and
    where they never are, as of runs that are killed themselves.
    """
    sys.path.append(str(_SERVER.parent))
    import milvus_server

    server = milvus_server.MilvusServer(folder)
    address = Address.parse(_new())
    MilvusStore.create(address, ModelFacts("none", "none", "0123456789abcdef", 8)).close()
    acknowledged: list[str] = []
    lost = []
    for turn in range(_KILLS[size]):
        store = milvus_server.patiently(partial(MilvusStore, address))
        store.source("list", "all")
        before = len(acknowledged)
        writer = threading.Thread(target=_write, args=(store, turn, acknowledged))
        writer.start()
        while len(acknowledged) < before + 2_000:
            writer.join(0.05)
        server.kill()
        writer.join()
        store.close()
        server.start()
        again = milvus_server.patiently(partial(MilvusStore, address))
        found = milvus_server.patiently(partial(_ids, again))
        lost.append(float(len(set(acknowledged) - found)))
        if sealing:
            again.settle(thorough=True)
        again.close()
    between = "sealed between" if sealing else "none sealed"
    name = (
        f"of {len(acknowledged):,} records not found, at worst after {len(lost)} kills, {between}"
    )
    return Figure(name, "records", [max(lost)], bound=Bound(0, of="value"))


def _ids(store: MilvusStore) -> set[str]:
    return {record.id for record in store.records()}


def _write(store: MilvusStore, turn: int, acknowledged: list[str]) -> None:
    vector = np.full((200, 8), 8**-0.5, np.float32)
    with contextlib.suppress(StoreError):
        for block in range(10_000):
            ids = [f"{turn} {block:05} {at:03}" for at in range(200)]
            store.upsert(1, [ImageRecord(id, id, 1, 1.0, "0" * 64, 9, 9) for id in ids], vector)
            acknowledged.extend(ids)


# -- running ---------------------------------------------------------------------------------------


def _new() -> str:
    return f"{_HERE}/bench_{uuid.uuid4().hex[:8]}?timeout=60"


def main() -> int:
    """Run it; 1 when a bound does not hold, and where there is no Milvus the server's code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--beside", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.beside is None:
        with tempfile.TemporaryDirectory() as folder:
            apart = [sys.executable, str(_SERVER), "--apart", folder]
            again = [sys.executable, "-m", "benchmarks.bench_milvus", *sys.argv[1:]]
            return subprocess.run([*apart, *again, "--beside", folder], check=False).returncode
    size: Size = "tiny" if given.tiny else "small" if given.small else "full"
    with tempfile.TemporaryDirectory() as work:
        report = run(size, Path(work), given.beside)
    print(table(report))
    OUT.mkdir(parents=True, exist_ok=True)
    shape = json.dumps(report.to_dict(), indent=1, ensure_ascii=False)
    (OUT / "milvus.json").write_text(shape + "\n", encoding="utf-8")
    return int(size != "tiny" and any(figure.holds is False for figure in report.figures))


if __name__ == "__main__":
    sys.exit(main())
