"""docs/how-to/cluster.md as it stands: two Ray nodes, Milvus and S3, alone in a namespace.

Processes have a namespace of their own as well: `ray start` leaves daemons, which end with it.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import milvus_server
import object_server
import pytest
from milvus_server import APART
from object_server import ObjectServer

from visavis import ImageIndex
from visavis.buckets.folders import folder_at

INSIDE = "VISAVIS_TEST_HOW_TO"
"""The environment variable of the test inside."""
PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "cluster.md"
PROCESSES = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
SECONDS = 300.0


@pytest.mark.slow
@pytest.mark.skipif(INSIDE in os.environ, reason="runs the other")
def test_the_page_beside_its_servers(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    reason = milvus_server.why_not()
    if reason or not object_server.available():
        pytest.skip(reason or "no S3 server is installed")
    pytest_ = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*APART, *PROCESSES, *pytest_, f"--basetemp={tmp_path / 'inside'}", __file__],
        env=os.environ | {INSIDE: "1"},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]


@pytest.fixture
def storage(short: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectServer]:
    with object_server.running(Path(short) / "s3") as server:
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.fixture
def short() -> Iterator[str]:
    """A folder for sockets, whose paths must be short."""
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder:
        yield folder


def five_commands() -> list[str]:
    """The first block of the page, a command a line, with the hosts of this machine."""
    [block, *_] = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    lines = [line for line in block.splitlines() if line and not line.startswith("#")]
    hosts = r"\b(head|vectors)\.example\b"
    return [re.sub(hosts, "127.0.0.1", line) for line in lines]


@pytest.mark.skipif(INSIDE not in os.environ, reason="runs in namespaces of its own")
def test_from_one_machine_to_an_answer_of_a_cluster(
    storage: ObjectServer,
    short: str,
    gallery: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RAY_TMPDIR", short)
    monkeypatch.setenv("PATH", f"{sys.prefix}/bin", prepend=os.pathsep)
    pictures = sorted((gallery.parent / "images").iterdir())
    bucket = folder_at("s3://pictures/shop")
    for picture in pictures:
        bucket.write(picture.name, picture)
    with ImageIndex.create(tmp_path / "shop.index") as index:
        index.add([str(picture) for picture in pictures[:4]])
    exports, *commands, serve = five_commands()
    assert exports.startswith("export RAY_AUTH_MODE=token")
    with milvus_server.running(tmp_path / "milvus"):
        said = {}
        for command in commands:
            done = subprocess.run(
                ["bash", "-c", f"{exports}\n{command}"],
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
            assert done.returncode == 0, f"{command}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
            said[command] = done.stdout
        [indexed] = [output for command, output in said.items() if "--ray" in command]
        assert indexed.startswith("16 added, 0 unchanged"), indexed
        assert "20 records in milvus://127.0.0.1:19530/shop" in indexed
        with subprocess.Popen(["bash", "-c", f"{exports}\nexec {serve}"]) as server:
            try:
                assert b"<title>" in answer("/")
                asked = {"terms": [{"text": "a lamp"}], "by": "looks", "limit": 3}
                found = json.loads(answer("/v1/search", json.dumps(asked).encode()))
                assert "lamp" in found["results"][0]["id"]
                assert found["total_searched"] == 20
            finally:
                server.kill()


def answer(path: str, body: bytes | None = None) -> bytes:
    asked = urllib.request.Request(f"http://127.0.0.1:8000{path}", body)
    asked.add_header("Content-Type", "application/json")
    end = time.monotonic() + SECONDS
    while True:
        try:
            with urllib.request.urlopen(asked, timeout=60) as got:
                return bytes(got.read())
        except OSError:
            assert time.monotonic() < end
            time.sleep(0.2)
