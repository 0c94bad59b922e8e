"""Several servers over one collection, as they stand behind a proxy."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from milvus_server import FOLDER, MilvusServer
from served import Served

from visavis import ImageIndex

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/sbin:/bin")
FRAME = """\
daemon off;
user root;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/f;
    uwsgi_temp_path {folder}/u;
    scgi_temp_path {folder}/s;
    upstream visavis {{ {servers} }}
    server {{
        listen 127.0.0.1:{port};
        location / {{ proxy_pass http://visavis; proxy_set_header Host 127.0.0.1; }}
    }}
}}
"""


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextlib.contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def servers(gallery: Path, place: str, tmp_path: Path) -> Iterator[list[Served]]:
    """Two processes that know of one another nothing; a call may take two seconds."""
    with ImageIndex.create(place, "classic") as index:
        index.add(gallery)
    with contextlib.ExitStack() as stack:
        started = []
        for at in range(2):
            port, log = _free_port(), tmp_path / f"serve-{at}.log"
            command = [sys.executable, "-m", "visavis", "serve", "--index", f"{place}?timeout=2"]
            command += ["--port", str(port), "--rate-limit", "0"]
            with log.open("w") as out:
                process = subprocess.Popen(
                    [*command, "--files", tmp_path / "shelf", "--read-only"], stderr=out
                )
            stack.enter_context(_ended(process))
            started.append(Served(process, f"http://127.0.0.1:{port}", log))
        for one in started:
            _until(one.ready, one.log)
        yield started


def _until(holds: object, log: Path, seconds: float = 60) -> None:
    assert callable(holds)
    over = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < over, log.read_text()
        time.sleep(0.1)


def test_two_servers_behind_a_proxy_answer_as_one_and_follow_milvus(
    servers: list[Served], gallery: Path, tmp_path: Path
) -> None:
    if NGINX is None:
        pytest.skip("nginx is missing")
    port = _free_port()
    named = " ".join(f"server {one.address.removeprefix('http://')};" for one in servers)
    conf = tmp_path / "nginx.conf"
    conf.write_text(FRAME.format(folder=tmp_path, servers=named, port=port))
    picture = next(gallery.parent.rglob("lamp-01-front.*")).read_bytes()

    def asked(client: httpx.Client) -> list[str]:
        answer = client.post("/v1/search", files={"image": picture})
        assert answer.status_code == 200, answer.text
        return [match["id"] for match in answer.json()["results"]]

    with (
        _ended(subprocess.Popen([NGINX, "-p", tmp_path, "-c", conf])),
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as client,
    ):
        _until(lambda: _answers(client), tmp_path / "error.log")
        answers = [asked(client) for _ in range(4)]
        assert answers[0][0] == "lamp-01-front"
        assert answers == 4 * [answers[0]]
        for one in servers:
            assert one.get("/v1/info").json()["records"] == 16

        milvus = MilvusServer(Path(os.environ[FOLDER]))
        milvus.signal(signal.SIGSTOP)
        try:
            for one in servers:
                _until(lambda one=one: one.get("/readyz").status_code == 503, one.log)
                refused = one.get("/readyz").json()["error"]
                assert "the index cannot be used just now" in refused["message"]
                assert one.get("/healthz").status_code == 200
            assert client.post("/v1/search", files={"image": picture}).status_code == 503
        finally:
            milvus.signal(signal.SIGCONT)
        for one in servers:
            _until(one.ready, one.log)
        servers[0].process.send_signal(signal.SIGKILL)
        servers[0].process.wait()
        assert [asked(client) for _ in range(3)] == 3 * [answers[0]]


def _answers(client: httpx.Client) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return client.get("/healthz").status_code == 200
    return False
