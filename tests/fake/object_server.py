"""A real S3 server for tests, on free ports of this machine alone: SeaweedFS.

The group `test` has it for Linux on x86-64; where it is absent, what needs it is skipped.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

INSTALLED = Path(sys.executable).with_name("weed")
KEY, SECRET = "a-key", "a-secret"
READER = "reader-key", "reader-secret"
"""May read the bucket `shared`, and nothing else."""
PUBLIC = "public"
"""A bucket that anybody may read."""
_SHARED = "shared"


def available() -> bool:
    """Whether it is installed."""
    return INSTALLED.exists()


class ObjectServer:
    """A server with its data in a folder; always at the same port."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = _free_ports(8)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._ports[0]}"

    def environment(self, key: str = KEY, secret: str = SECRET) -> dict[str, str]:
        """What a process needs to know to read it."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / "s3.json").write_text(json.dumps(_IDENTITIES))
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command(), cwd=self._folder, stdout=log, stderr=log, start_new_session=True
            )
        for _ in range(600):
            if self._answers():
                return
            time.sleep(0.1)
        raise AssertionError((self._folder / "server.log").read_text(errors="replace")[-3000:])

    def _command(self) -> list[str]:
        s3, s3_rpc, master, master_rpc, volume, volume_rpc, filer, filer_rpc = self._ports
        chosen: Mapping[str, object] = {
            "dir": self._folder,
            "ip": "127.0.0.1",
            "ip.bind": "127.0.0.1",
            "s3.config": self._folder / "s3.json",
            "s3.port": s3,
            "s3.port.grpc": s3_rpc,
            "s3.port.iceberg": 0,
            "s3.port.lance": 0,
            "s3.localSocket": self._folder / "s3.sock",
            "master.port": master,
            "master.port.grpc": master_rpc,
            "master.electionTimeout": "1s",  # after a kill it waits twice as long
            "master.volumeSizeLimitMB": 64,
            "master.telemetry": "false",  # else it reports to its maker
            "volume.port": volume,
            "volume.port.grpc": volume_rpc,
            "volume.max": 100,
            "filer.port": filer,
            "filer.port.grpc": filer_rpc,
            "filer.localSocket": self._folder / "filer.sock",
        }
        return [
            str(INSTALLED),
            "server",
            "-s3",
            *(f"-{name}={value}" for name, value in chosen.items()),
        ]

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.endpoint}/healthz", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def signal(self, number: int) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        for port in self._ports:  # it has sockets in /tmp as well, wherever its data are
            for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                left.unlink(missing_ok=True)

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """It takes connections in the block, and answers nothing."""
        assert self._process is not None
        self.signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED)  # until its last thread stands still
        try:
            yield
        finally:
            self.signal(signal.SIGCONT)


_IDENTITIES = {
    "identities": [
        {
            "name": "owner",
            "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        },
        {
            "name": "reader",
            "credentials": [{"accessKey": READER[0], "secretKey": READER[1]}],
            "actions": [f"Read:{_SHARED}", f"List:{_SHARED}"],
        },
        {"name": "anonymous", "actions": [f"Read:{PUBLIC}", f"List:{PUBLIC}"]},
    ]
}


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


@contextlib.contextmanager
def running(folder: Path) -> Iterator[ObjectServer]:
    """A server that is there until the block ends."""
    server = ObjectServer(folder)
    try:
        server.start()
        yield server
    finally:
        server.kill()
