"""The HTTP API under load from another process, on loopback."""

import asyncio
import contextlib
import functools
import http.client
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TextIO
from urllib.parse import quote

import numpy as np
from PIL import Image

from benchmarks.galleries import GENERATOR, Clusters, Model, fill, record_id
from benchmarks.measure import Bound, Figure, Floor, Report, Size, seconds
from benchmarks.pictures import photo
from visavis import ImageIndex
from visavis.embedders.registry import DEFAULT_MODEL, load_embedder

_RECORDS: dict[Size, int] = {"full": 200_000, "small": 200_000, "tiny": 2_000}
# A photograph that is nowhere is the dearest one to ask with, as it is turned and asked anew: about
# 40 ms of a core at 200,000 records. So few are asked that two cores are done in a few minutes.
_ROUNDS: dict[Size, int] = {"full": 4, "small": 2, "tiny": 2}
_ASKED: dict[Size, int] = {"full": 40, "small": 20, "tiny": 5}  # searches in a round
_STORM: dict[Size, int] = {"full": 900, "small": 450, "tiny": 50}
_LONG: dict[Size, int] = {"full": 10_000, "small": 3_000, "tiny": 200}
_SEARCHES = 50  # of so many requests of the long run one is a search, the others are cheap
_CLIENTS = 64
_START, _ANSWER = 120, 120  # seconds until a server is ready, and until it has to answer at last
_CORES = os.cpu_count() or 1
_TICKS = os.sysconf("SC_CLK_TCK")


def run(size: Size, work: Path) -> Report:
    """Latency at one client, requests a second at many, and memory over many thousands."""
    report = Report("serve", size, notes=[GENERATOR])
    folder = work / f"serve-{_RECORDS[size]}.index"
    embedder = load_embedder(DEFAULT_MODEL)
    model = Model(embedder.name, embedder.ref, embedder.fingerprint)
    fill(folder, Clusters(_RECORDS[size], embedder.dim), model)
    report.notes.append(
        f"model {embedder.name}; a search sends a 640 × 480 JPEG of {len(_picture()):,} bytes as "
        "multipart; keep-alive connections; the load runs on the same cores as the server"
    )
    with serving(folder, workers=1) as server:
        report.figures += _alone(server, folder, size)
        report.figures += [*_similar(server, folder, size), _memory(server, size)]
    with serving(folder, workers=_CORES) as server:
        report.figures += _crowd(server, size)
    return report


def _alone(server: "Server", folder: Path, size: Size) -> list[Figure]:
    """One client, in turns with the same search in this process."""
    over: list[float] = []
    inside: list[float] = []
    tail: list[float] = []
    request = _post("/v1/search", *_multipart(_picture()))
    with ImageIndex.open(folder) as index:
        search = partial(index.search, _picture())
        for warm in range(_ROUNDS[size] + 1):
            with socket.create_connection(("127.0.0.1", server.port), _ANSWER) as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                ask = partial(_asked, connection, request)
                # One by one: what else the machine does for a second falls on both.
                turns = [(seconds(search), seconds(ask)) for _ in range(_ASKED[size])]
            direct, asked = zip(*turns, strict=True)
            if warm:
                inside.append(statistics.median(direct) * 1000)
                over.append(statistics.median(asked) * 1000)
                tail += asked
    floor = Floor("ImageIndex.search of the same bytes in this process", inside)
    p99 = float(np.quantile(tail, 0.99)) / statistics.median(tail)
    return [
        Figure("POST /v1/search, one client, median", "ms", over, floor, Bound(1.3)),
        Figure("the same, p99 ÷ median", "", [p99], bound=Bound(4.0, of="value")),
    ]


def _similar(server: "Server", folder: Path, size: Size) -> list[Figure]:
    """By the clock, as promised; and in processor time, which others on the cores hardly touch."""
    ids = [record_id(number) for number in range(0, _RECORDS[size], 97)]
    requests = [_get(f"/v1/images/{quote(id, safe='')}/similar") for id in ids]
    rounds, served, direct = [], [], []
    with ImageIndex.open(folder) as index:
        for number in range(_ROUNDS[size] + 1):
            before = server.cpu_seconds()
            load = asyncio.run(_load(server.port, requests, _STORM[size], clients=8))
            spent = server.cpu_seconds() - before
            assert set(load.statuses) == {200}, load.statuses
            began = time.process_time()
            for at in range(_STORM[size]):
                index.similar(ids[at % len(ids)])
            if number:
                rounds.append(_STORM[size] / load.seconds)
                served.append(_STORM[size] / max(spent, 1 / _TICKS))
                direct.append(_STORM[size] / (time.process_time() - began))
    floor = Floor("ImageIndex.similar of the same records, in a second of a core", direct)
    bound = Bound(500, of="value", at_least=True)
    return [
        Figure("GET /similar, one worker, 8 clients", "requests/s", rounds, bound=bound),
        Figure("the same, in a second of a core of the server", "requests", served, floor),
    ]


def _memory(server: "Server", size: Size) -> Figure:
    """Resident memory after many requests over that after the first tenth of them."""
    body, headers = _multipart(_picture())
    post = _post("/v1/search", body, headers)
    requests = [_get(f"/v1/images/{quote(record_id(3), safe='')}/similar")]
    requests = requests * (_SEARCHES - 1) + [post]
    asyncio.run(_load(server.port, requests, _LONG[size] // 10, clients=16))
    before = server.resident()
    asyncio.run(_load(server.port, requests, _LONG[size], clients=16))
    what = f"memory after {_LONG[size]:,} requests ÷ before"
    return Figure(what, "", [server.resident() / before], bound=Bound(1.05, of="value"))


def _crowd(server: "Server", size: Size) -> list[Figure]:
    """Sixty-four clients against as many workers as there are cores."""
    body, headers = _multipart(_picture())
    request = _post("/v1/search", body, headers)
    found, possible, strange = [], [], 0
    for number in range(_ROUNDS[size] + 1):  # the first round warms up
        mine, all_before = server.cpu_seconds() + time.process_time(), _busy_seconds()
        load = asyncio.run(_load(server.port, [request], _STORM[size] // 3, _CLIENTS))
        mine = server.cpu_seconds() + time.process_time() - mine
        others = max(0.0, _busy_seconds() - all_before - mine)
        strange += sum(status not in (200, 429, 503) for status in load.statuses)
        if number:
            done = len(load.statuses)
            found.append(done / load.seconds)
            free = _CORES - others / load.seconds
            possible.append(free / (mine / done))
    floor = Floor(
        "cores ÷ CPU seconds a request (server and load together), less what other programs took",
        possible,
    )
    return [
        Figure(
            f"POST /v1/search, {_CLIENTS} clients, {_CORES} workers",
            "requests/s",
            found,
            floor,
            Bound(0.85, at_least=True),
        ),
        Figure("answers but 200, 429 and 503", "", [strange], bound=Bound(0, of="value")),
    ]


def _busy_seconds() -> float:
    """CPU seconds of all programs on this machine since it started."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    return (sum(fields[:3]) + sum(fields[5:8])) / _TICKS


# -- the server ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Server:
    """A running `visavis serve`."""

    process: subprocess.Popen[bytes]
    port: int

    def _pids(self) -> list[int]:
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]

    def cpu_seconds(self) -> float:
        """Of all its processes."""
        ticks = 0
        for pid in self._pids():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / _TICKS

    def resident(self) -> int:
        """Bytes of its own memory (not of mapped files)."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"RssAnon:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) * 1024


@contextmanager
def serving(folder: Path, workers: int) -> Iterator[Server]:
    """`visavis serve` on a free port of loopback, ready to answer."""
    command = [sys.executable, "-m", "visavis", "serve", "--index", str(folder), "--port", "0"]
    command += ["--rate-limit", "0", "--workers", str(workers)]
    with tempfile.TemporaryFile("w+", encoding="utf-8") as log:  # a pipe fills, and then it waits
        process = subprocess.Popen(command, stderr=log)
        try:
            yield Server(process, _listening(process, log))
        finally:
            process.terminate()
            process.wait()


def _listening(process: subprocess.Popen[bytes], log: TextIO) -> int:
    """The port of a server, once it answers there. Raises RuntimeError with its log if not."""
    end = time.monotonic() + _START
    while process.poll() is None and time.monotonic() < end:
        log.seek(0)
        found = re.search(r"127\.0\.0\.1:(\d+)", log.read())
        if found is not None and _ready(int(found[1])):
            return int(found[1])
        time.sleep(0.1)
    log.seek(0)
    raise RuntimeError(f"the server is not ready after {_START} s: {log.read()}")


def _ready(port: int) -> bool:
    with contextlib.closing(
        http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    ) as connection:
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False


# -- the load --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Load:
    """What came back, and in which time."""

    statuses: list[int]
    seconds: float


async def _load(port: int, requests: Sequence[bytes], count: int, clients: int) -> _Load:
    """Each client has one connection and sends its next request when it has its answer."""
    statuses: list[int] = []
    waiting = iter(range(count))

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            for number in waiting:
                writer.write(requests[number % len(requests)])
                statuses.append(await asyncio.wait_for(answered(reader), _ANSWER))
        finally:
            writer.close()
            await writer.wait_closed()

    async def answered(reader: asyncio.StreamReader) -> int:
        """The status of an answer that is read to its end."""
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        assert length is not None
        await reader.readexactly(int(length[1]))
        return int(head[9:12])

    started = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    return _Load(statuses, time.perf_counter() - started)


def _get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


def _post(path: str, body: bytes, headers: dict[str, str]) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _asked(connection: socket.socket, request: bytes) -> None:
    """One request and its whole answer, with nothing of a client library in between."""
    connection.sendall(request)
    answer = b""
    while (length := _whole(answer)) is None or len(answer) < length:
        piece = connection.recv(1 << 20)
        assert piece, "the server closed the connection"
        answer += piece
    assert answer.startswith(b"HTTP/1.1 200"), answer[:100]


def _whole(answer: bytes) -> int | None:
    """How long an answer is, once its head is there."""
    head = answer.partition(b"\r\n\r\n")[0]
    found = re.search(rb"content-length: (\d+)", head)
    return len(head) + 4 + int(found[1]) if found and len(head) < len(answer) else None


def _multipart(data: bytes) -> tuple[bytes, dict[str, str]]:
    head = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n'
    return head + data + b"\r\n--b--\r\n", {"Content-Type": "multipart/form-data; boundary=b"}


@functools.cache
def _picture() -> bytes:
    """A 640 × 480 JPEG."""
    with Image.open(BytesIO(photo(np.random.default_rng(5)))) as image:
        out = BytesIO()
        image.resize((640, 480)).save(out, "JPEG", quality=85)
    return out.getvalue()
