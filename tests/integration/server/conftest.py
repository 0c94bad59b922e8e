"""Servers over the drawn gallery: in this process, and as the real command."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from served import BASE, Clients, KeyFile, Serve, Served
from starlette.testclient import TestClient

from visavis.server.app import create_app
from visavis.server.edge.keys import new_key
from visavis.server.options import ServerOptions

COMMAND = (sys.executable, "-m", "visavis", "serve", "--port", "0", "--rate-limit", "0")


@pytest.fixture
def fresh_index(drawn_index: Path, tmp_path: Path) -> Path:
    """An index of the drawn gallery that a test may change."""
    return Path(shutil.copytree(drawn_index, tmp_path / "fresh.index"))


@pytest.fixture
def clients(drawn_index: Path) -> Iterator[Clients]:
    """Makes clients of applications over the drawn gallery (or `index`), with some options."""
    with ExitStack() as stack:

        def made(index: Path | None = None, headers: Any = None, **options: Any) -> TestClient:
            chosen = replace(ServerOptions(index or drawn_index, rate=0, threads=2), **options)
            app = create_app(chosen)
            return stack.enter_context(
                TestClient(app, base_url=BASE, headers=headers, follow_redirects=False)
            )

        yield made


@pytest.fixture
def client(clients: Clients) -> TestClient:
    """A client of an application as it is without any option."""
    return clients()


@pytest.fixture
def keys(tmp_path: Path) -> KeyFile:
    """A key that reads and one that reads and writes."""
    path = tmp_path / "keys.txt"
    reader = new_key(path, "reader", ["read"])
    writer = new_key(path, "writer", ["read", "write"])
    return KeyFile(
        path, {"Authorization": f"Bearer {reader}"}, {"Authorization": f"Bearer {writer}"}
    )


@pytest.fixture
def writer(clients: Clients, fresh_index: Path, keys: KeyFile) -> TestClient:
    """A client that may write, over an index that may change."""
    return clients(fresh_index, headers=keys.writer, key_file=keys.path)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts the real command on a free port of this machine."""
    with ExitStack() as stack:

        def started(index: Path, *options: str, **environ: str) -> Served:
            log = tmp_path / f"serve-{time.monotonic_ns()}.log"
            with log.open("w") as out:
                process = subprocess.Popen(
                    [*COMMAND, "--index", index, *options], stderr=out, env=os.environ | environ
                )
            stack.callback(_killed, process)
            for _ in range(1200):  # a minute: other tests may have the processors
                if found := re.search(r" at (http://\S+?)/? \(stop", log.read_text()):
                    served = Served(process, found[1], log)
                    if served.ready():
                        return served
                if process.poll() is not None:
                    break
                time.sleep(0.05)
            raise AssertionError(f"the server did not start: {log.read_text()}")

        yield started


def _killed(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
    process.kill()
    process.wait()
