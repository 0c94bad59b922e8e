"""The real command: start and stop, several workers over one index, a worker that dies."""

import base64
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from PIL import Image
from served import Clients, KeyFile, Serve, Served, picture

from visavis.image_index import ImageIndex

COUNT = 56
SIMILAR = "/v1/images/mug-01-front/similar"

_HANGS_UP = hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN


def _command(*arguments: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "visavis", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _workers(served: Served) -> list[int]:
    """The processes that serve (and Python's own resource tracker, which nobody needs)."""
    listed = Path(f"/proc/{served.process.pid}/task/{served.process.pid}/children")
    pids = [int(pid) for pid in listed.read_text().split()]
    return [pid for pid in pids if "spawn_main" in _started_as(pid)]


def _started_as(pid: int) -> str:
    """The command line of a process; nothing of one that has just ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except FileNotFoundError:
        return ""


def test_a_missing_index_is_exit_code_3_and_a_sentence(tmp_path: Path) -> None:
    done = _command("serve", "--index", tmp_path / "nowhere", "--port", 0)
    assert done.returncode == 3
    assert "visavis index FOLDER" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_open_host_without_keys_is_refused_before_anything_starts(drawn_index: Path) -> None:
    done = _command("serve", "--index", drawn_index, "--host", "0.0.0.0", "--port", 0)
    assert done.returncode == 2
    assert "--api-key-file" in done.stderr


def test_a_port_that_is_taken_is_told(serve: Serve, drawn_index: Path) -> None:
    served = serve(drawn_index)
    port = served.address.rpartition(":")[2]
    done = _command("serve", "--index", drawn_index, "--port", port)
    assert done.returncode == 2
    assert f"port {port}" in done.stderr


def test_a_new_key_opens_what_it_says(serve: Serve, drawn_index: Path, tmp_path: Path) -> None:
    file = tmp_path / "keys"
    done = _command("serve", "--new-key", "shop", "--api-key-file", file)
    key = done.stdout.strip()
    assert key not in file.read_text()
    assert file.stat().st_mode & 0o77 == 0
    served = serve(drawn_index, "--api-key-file", str(file))
    assert served.get("/v1/info").status_code == 401
    assert served.get("/v1/info", headers={"X-API-Key": key}).status_code == 200


@pytest.mark.parametrize("workers", ["1", "2"])
def test_requests_in_flight_finish_before_the_end(
    serve: Serve, drawn_index: Path, workers: str
) -> None:
    served = serve(drawn_index, "--workers", workers)
    sent = threading.Event()

    def body() -> Any:
        yield b'{"terms": '
        sent.set()
        time.sleep(0.6)
        yield b'[{"id": "mug-01-front"}]}'

    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(
            served.post, "/v1/search", content=body(), headers={"Content-Type": "application/json"}
        )
        sent.wait(5)
        time.sleep(0.2)
        assert served.stop() == 0
        assert answer.result().status_code == 200
    with pytest.raises(httpx.TransportError):
        served.get("/healthz")


def test_what_any_process_adds_or_removes_all_see_within_a_second(
    serve: Serve, fresh_index: Path, keys: KeyFile
) -> None:
    served = serve(fresh_index, "--workers", "2", "--api-key-file", str(keys.path))

    def settled(expected: int) -> None:
        """All of 12 fresh connections, which the workers share, tell the same."""
        time.sleep(0.5)
        seen = {served.get("/v1/info", headers=keys.reader).json()["records"] for _ in range(12)}
        assert seen == {expected}

    settled(COUNT)
    files = {"image": ("a.jpg", picture())}
    added = served.post("/v1/images", files=files, data={"id": "new"}, headers=keys.writer)
    assert added.json()["added"] == 1
    settled(COUNT + 1)
    assert _command("remove", "new", "mug-01-front", "--index", fresh_index).returncode == 0
    settled(COUNT - 1)
    found = served.post("/v1/search", files=files, headers=keys.reader).json()["results"]
    assert "new" not in [match["id"] for match in found]


def test_a_worker_that_is_killed_under_load_costs_its_own_requests_alone(
    serve: Serve, fresh_index: Path, keys: KeyFile
) -> None:
    served = serve(fresh_index, "--workers", "2", "--api-key-file", str(keys.path), "--public")
    victim = _workers(served)[0]
    over = time.monotonic() + 3
    statuses: list[int] = []
    broken: list[str] = []
    acknowledged: list[str] = []

    def ask() -> None:
        while time.monotonic() < over:
            try:
                statuses.append(served.get(SIMILAR).status_code)
            except httpx.TransportError as error:
                broken.append(repr(error))

    def add() -> None:
        number = 0
        while time.monotonic() < over:
            number += 1
            try:
                told = served.post(
                    "/v1/images",
                    files={"image": ("a.jpg", picture(mark=number))},
                    data={"id": f"new-{number}"},
                    headers=keys.writer,
                )
            except httpx.TransportError as error:
                broken.append(repr(error))
                continue
            if told.status_code == 200:
                acknowledged.append(f"new-{number}")

    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(ask) for _ in range(3)] + [pool.submit(add)]
        time.sleep(0.7)
        os.kill(victim, signal.SIGKILL)
        for job in running:
            job.result()
    assert set(statuses) == {200}
    assert len(broken) <= 8  # what the dead worker had in hand or accepted
    assert victim not in _workers(served)
    patience = time.monotonic() + 30  # until the new worker has started, on a slow machine too
    while len(_workers(served)) < 2 and time.monotonic() < patience:
        time.sleep(0.05)
    assert len(_workers(served)) == 2
    with ImageIndex.open(fresh_index) as index:
        assert all(id in index for id in acknowledged)
        index.compact()  # checks the whole file
    assert acknowledged


def _until_replaced(served: Served, old: list[int], count: int = 2) -> None:
    patience = time.monotonic() + 30  # on a slow machine
    while set(_workers(served)) & set(old) or len(_workers(served)) < count:
        assert time.monotonic() < patience
        assert served.process.poll() is None
        time.sleep(0.02)


def test_a_worker_that_dies_while_the_index_is_away_is_replaced(
    serve: Serve, fresh_index: Path
) -> None:
    served = serve(fresh_index, "--workers", "2")
    old = _workers(served)
    away = Path(shutil.move(fresh_index, fresh_index.with_suffix(".away")))
    for pid in old:
        os.kill(pid, signal.SIGKILL)
    _until_replaced(served, old)
    young = _workers(served)
    answer = served.get("/v1/info")
    assert answer.status_code == 503
    shutil.move(away, fresh_index)
    patience = time.monotonic() + 20
    # Each worker looks for the index by itself, so that one may be ready before the other.
    while {served.get(SIMILAR).status_code for _ in range(8)} != {200}:
        assert time.monotonic() < patience
        time.sleep(0.1)
    assert _workers(served) == young
    assert served.stop() == 0


def test_a_worker_that_dies_young_is_replaced_as_well(serve: Serve, drawn_index: Path) -> None:
    served = serve(drawn_index, "--workers", "2")
    for _ in range(3):
        victim = _workers(served)[0]
        os.kill(victim, signal.SIGKILL)
        _until_replaced(served, [victim])
    assert served.get(SIMILAR).status_code == 200


@pytest.mark.skipif(not _HANGS_UP, reason="this system has no SIGHUP, or nohup keeps it away")
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_terminal_that_is_closed_is_a_stop(
    serve: Serve, drawn_index: Path, tmp_path: Path, workers: str
) -> None:
    served = serve(drawn_index, "--workers", workers, TMPDIR=str(tmp_path))
    all_of_it = [*_workers(served), served.process.pid] if workers == "2" else [served.process.pid]
    for pid in all_of_it:
        os.kill(pid, signal.SIGHUP)
    assert served.process.wait(20) == 0
    assert not list(tmp_path.glob("visavis-metrics-*"))


def test_the_log_tells_how_a_worker_ended(serve: Serve, drawn_index: Path) -> None:
    served = serve(drawn_index, "--workers", "2")
    victim = _workers(served)[0]
    os.kill(victim, signal.SIGKILL)
    _until_replaced(served, [victim])
    over = time.monotonic() + 20
    while f"the worker {victim} ended (SIGKILL)" not in served.log.read_text():
        assert time.monotonic() < over
        time.sleep(0.05)


@pytest.mark.skipif(sys.platform != "linux", reason="blocks of files are counted as Linux does")
def test_workers_live_on_where_temporary_files_have_no_room(
    serve: Serve, drawn_index: Path, tmp_path: Path
) -> None:
    """What is mapped into memory lies on the disk whole; with holes a full one ends the process."""
    served = serve(drawn_index, "--workers", "2", TMPDIR=str(tmp_path))
    [folder] = tmp_path.glob("visavis-metrics-*")
    over = time.monotonic() + 20
    while len(list(folder.glob("*.db"))) < 8:
        assert time.monotonic() < over
        time.sleep(0.05)
    for file in folder.glob("*.db"):
        status = file.stat()
        assert status.st_blocks * 512 >= status.st_size > 60_000
    shutil.rmtree(folder)
    folder.write_text("a file where the folder was: nothing can be written there")
    victims = _workers(served)
    for victim in victims:
        os.kill(victim, signal.SIGKILL)
    _until_replaced(served, victims)
    assert served.get(SIMILAR).status_code == 200
    assert "visavis_requests_total" in served.get("/metrics").text
    assert "/metrics is without the numbers of this worker" in served.log.read_text()
    assert served.stop() == 0


def test_a_worker_that_dies_after_the_last_key_was_taken_back_is_replaced(
    serve: Serve, drawn_index: Path, keys: KeyFile
) -> None:
    served = serve(drawn_index, "--workers", "2", "--api-key-file", str(keys.path))
    keys.path.write_text("# taken back\n")
    [*old] = _workers(served)
    for pid in old:
        os.kill(pid, signal.SIGKILL)
    _until_replaced(served, old)
    assert served.get("/healthz").status_code == 200
    young = _workers(served)
    assert served.get(SIMILAR).status_code == 401
    assert _workers(served) == young  # none of them dies of it


def test_a_server_without_a_key_to_begin_with_is_refused(drawn_index: Path, tmp_path: Path) -> None:
    (tmp_path / "keys").touch()
    done = _command(
        "serve", "--index", drawn_index, "--port", 0, "--api-key-file", tmp_path / "keys"
    )
    assert done.returncode == 2
    assert "there is no key in it" in done.stderr


def test_no_worker_outlives_its_supervisor(serve: Serve, drawn_index: Path) -> None:
    served = serve(drawn_index, "--workers", "2")
    workers = _workers(served)
    served.process.kill()
    served.process.wait()
    patience = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in workers):
        assert time.monotonic() < patience
        time.sleep(0.05)
    with socket.socket() as again:
        parts = urlsplit(served.address)
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind((parts.hostname, parts.port))  # it is free again


def test_clients_that_come_together_are_shared_among_the_workers(
    serve: Serve, drawn_index: Path
) -> None:
    served = serve(drawn_index, "--workers", "2")

    def sockets(pid: int) -> int:
        open_files = Path(f"/proc/{pid}/fd").iterdir()
        return sum(str(file.readlink()).startswith("socket:") for file in open_files)

    parts = urlsplit(served.address)

    def shares() -> list[int]:
        before = [sockets(pid) for pid in _workers(served)]
        held = []
        for _ in range(60):
            connection = socket.socket()
            connection.setblocking(False)
            connection.connect_ex((parts.hostname, parts.port))
            held.append(connection)
        time.sleep(0.5)
        added = [sockets(pid) - was for pid, was in zip(_workers(served), before, strict=True)]
        for connection in held:
            connection.close()
        time.sleep(0.5)
        return added

    # On a busy machine a worker may sleep through a round, so a tenth is asked for of all together.
    rounds = [shares() for _ in range(6)]
    assert all(sum(added) >= 55 for added in rounds)  # one that asked for readiness may have left
    assert min(map(sum, zip(*rounds, strict=True))) >= 36


def test_numbers_are_of_all_workers(serve: Serve, drawn_index: Path) -> None:
    served = serve(drawn_index, "--workers", "2")
    for _ in range(20):
        assert served.get(SIMILAR).status_code == 200
    line = 'visavis_requests_total{method="GET",route="/v1/images/{id}/similar",status="200"} 20.0'
    assert line in served.get("/metrics").text


def test_what_a_killed_worker_had_in_hand_is_not_counted_for_ever(
    serve: Serve, drawn_index: Path
) -> None:
    served = serve(drawn_index, "--workers", "2")
    parts = urlsplit(served.address)
    head = b"POST /v1/search HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n"
    head += b"Content-Type: application/json\r\n\r\n{"
    held = []
    for _ in range(8):
        connection = socket.create_connection((parts.hostname or "", parts.port or 0))
        connection.sendall(head)
        held.append(connection)

    def in_flight() -> float:
        told = served.get("/metrics").text
        (line,) = [line for line in told.splitlines() if line.startswith("visavis_requests_in_fl")]
        return float(line.rpartition(" ")[2])

    time.sleep(0.3)
    assert in_flight() == 9  # and the one that asks
    old = _workers(served)
    for victim in old:
        os.kill(victim, signal.SIGKILL)
    over = time.monotonic() + 20
    while set(_workers(served)) & set(old) or len(_workers(served)) < 2:
        assert time.monotonic() < over
        time.sleep(0.1)
    assert in_flight() == 1
    for connection in held:
        connection.close()


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells")
def test_a_search_does_not_pay_for_its_memory_anew(serve: Serve, drawn_index: Path) -> None:
    """glibc gives the memory of threads back after each request unless it is told not to."""
    served = serve(drawn_index)
    files = {"image": ("a.jpg", picture())}

    def pages() -> int:
        told = Path(f"/proc/{served.process.pid}/stat").read_text().rpartition(")")[2]
        return int(told.split()[7])  # minor faults

    with httpx.Client(base_url=served.address, trust_env=False) as client:
        for _ in range(20):
            assert client.post("/v1/search", files=files).status_code == 200
        before = pages()
        for _ in range(50):
            assert client.post("/v1/search", files=files).status_code == 200
    assert (pages() - before) / 50 < 100


def test_an_index_that_gets_another_model_is_followed(
    clients: Clients, fresh_index: Path, plug_in: None
) -> None:
    client = clients(fresh_index)
    asked: list[int] = []
    done = threading.Event()
    image = base64.b64encode(picture()).decode()

    def ask() -> None:
        while not done.is_set():
            for query in ({"id": "mug-01-front"}, {"image": image}):
                asked.append(client.post("/v1/search", json={"terms": [query]}).status_code)

    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(ask)
        with ImageIndex.open(fresh_index) as index:
            index.rebuild("fake")
        time.sleep(0.3)
        done.set()
        asking.result()
    assert set(asked) == {200}
    assert client.get("/v1/info").json()["model"] == "fake"


def test_an_index_that_was_deleted_and_made_anew_is_followed(
    clients: Clients, fresh_index: Path, photos: Path
) -> None:
    client = clients(fresh_index)
    assert client.get("/v1/info").json()["records"] == COUNT
    shutil.rmtree(fresh_index)
    time.sleep(0.6)
    answer = client.get("/v1/info")
    assert answer.status_code == 503
    assert str(fresh_index) not in answer.text
    with ImageIndex.create(fresh_index, "classic") as index:
        index.add(photos)
    time.sleep(0.6)
    assert client.get("/v1/info").json()["records"] == 8
    assert client.get("/v1/images/mug-01-front.jpg/thumbnail").status_code == 200


def test_when_all_threads_are_busy_the_next_is_told_to_come_back(
    clients: Clients, drawn_index: Path
) -> None:
    client = clients(threads=1, queue=1)
    query = {"terms": [{"image": _large()}]}
    with ThreadPoolExecutor(12) as pool:
        jobs = [pool.submit(client.post, "/v1/search", json=query) for _ in range(12)]
        answers = [job.result() for job in jobs]
    statuses = {answer.status_code for answer in answers}
    assert statuses == {200, 503}
    for answer in answers:
        if answer.status_code == 503:
            assert int(answer.headers["retry-after"]) >= 1
    assert client.post("/v1/search", json=query).status_code == 200


def _large() -> str:

    out = BytesIO()
    Image.effect_noise((2000, 2000), 80).save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no socket takes IPv4 and IPv6 here")
@pytest.mark.parametrize(("host", "proxy"), [("::ffff:127.0.0.1", "127.0.0.1"), ("::1", "::1")])
def test_a_proxy_is_believed_by_whichever_family_it_comes(
    serve: Serve, drawn_index: Path, host: str, proxy: str
) -> None:
    served = serve(drawn_index, "--host", host, "--public", "--log-requests")
    told = served.get("/v1/info", headers={"X-Forwarded-For": "203.0.113.7"})
    assert told.status_code == 200
    over = time.monotonic() + 20
    while " 203.0.113.7 GET /v1/info " not in served.log.read_text():
        assert time.monotonic() < over
        time.sleep(0.05)
    assert f" {proxy} GET /readyz " in served.log.read_text()


def test_clients_behind_a_proxy_of_this_machine_are_told_apart(
    serve: Serve, drawn_index: Path
) -> None:
    served = serve(drawn_index, "--rate-limit", "1", "--public")  # 4 at once

    def statuses(client: str) -> list[int]:
        headers = {"X-Forwarded-For": client}
        return [served.get("/v1/info", headers=headers).status_code for _ in range(6)]

    assert 429 in statuses("9.9.9.1")
    assert statuses("9.9.9.2")[:4] == [200] * 4


def test_a_model_that_is_gone_is_exit_code_5_and_a_sentence(
    tmp_path: Path, plug_in: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    ImageIndex.create(tmp_path / "i", "fake").close()
    monkeypatch.delenv("PYTHONPATH")
    done = _command("serve", "--index", tmp_path / "i", "--port", 0)
    assert done.returncode == 5
    assert "fake" in done.stderr
    assert "Traceback" not in done.stderr
