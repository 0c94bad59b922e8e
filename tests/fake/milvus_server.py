"""A real Milvus server for tests, alone in a network namespace: it listens on every interface.

`make milvus` installs it in an environment of its own; where it is absent, what needs it skips.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from visavis.errors import StoreError

T = TypeVar("T")

INSTALLED = Path(__file__).parents[2] / ".venv-milvus" / "bin" / "milvus-server"
FOLDER = "VISAVIS_TEST_MILVUS_FOLDER"
"""The environment variable of the tests beside a server: where its data are."""
APART = ("unshare", "--net", "sh", "-c", 'ip link set lo up; exec "$@"', "sh")
"""Before a command: it gets a network of its own, of which nobody else hears."""
PORT = 19_530
_SETTINGS = (
    "proxy.timeTickInterval=50",  # a strong read waits for one
    "common.session.ttl=30",  # seconds that it waits after a kill, and may be late when it is busy
    "rocksmq.retentionTimeInMinutes=10",
    "log.level=warn",
)


def why_not() -> str:
    """Why there is none here; nothing: it is installed, and may have a network of its own."""
    if not INSTALLED.exists():
        return f"there is no Milvus at {INSTALLED}; `make milvus` puts it there"
    return why_not_apart()


def why_not_apart() -> str:
    """Why commands cannot have networks of their own here; nothing: they can."""
    tools = [name for name in ("unshare", "ip", "setsid") if not shutil.which(name)]
    if tools:
        return f"a server alone in a network needs {', '.join(tools)}"
    if (
        os.geteuid()
        or subprocess.run([*APART, "true"], capture_output=True, check=False).returncode
    ):
        return "this system gives no network namespace"
    return ""


class MilvusServer:
    """A server with its data in a folder."""

    def __init__(self, folder: Path, *settings: str) -> None:
        self._folder = folder
        self._settings = (*_SETTINGS, *settings)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with (self._folder / "server.log").open("ab") as log:
            subprocess.run(
                ["setsid", "--fork", *self._command()],
                cwd=self._folder,
                env=os.environ | self._environment(),
                stdout=log,
                stderr=log,
                check=True,
            )
        for _ in range(1_200):
            if _healthy():
                return
            time.sleep(0.2)
        raise AssertionError((self._folder / "server.log").read_text(errors="replace")[-3000:])

    def _command(self) -> list[str | Path]:
        """The program that unpacks the server and writes its settings; then the server itself.

        That program would take another port where one was in use a moment ago.
        """
        if (self._folder / "configs").exists():
            return [self._folder / "bin" / "milvus", "run", "standalone"]
        settings = [part for one in self._settings for part in ("--extra-config", one)]
        return [INSTALLED, "--data", self._folder, "--proxy-port", str(PORT), *settings]

    def _environment(self) -> dict[str, str]:
        return {
            "DEPLOY_MODE": "STANDALONE",
            "METRICS_PORT": "9091",
            "MILVUS_RUN_DIR": str(self._folder / "run"),
            "LD_LIBRARY_PATH": str(self._folder / "bin"),
        }

    def signal(self, number: int) -> None:
        """Send the server itself a signal; the program that started it takes no notice."""
        for process in self._processes():
            os.kill(process, number)

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        self.signal(signal.SIGKILL)
        while self._processes():
            time.sleep(0.05)

    def _processes(self) -> list[int]:
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (process / "cmdline").read_bytes()
                here = str(self._folder).encode()
                if here in words and (here + b"/bin/milvus" in words or b"milvus-server" in words):
                    found.append(int(process.name))
        return found


def _healthy() -> bool:
    try:
        with urllib.request.urlopen("http://127.0.0.1:9091/healthz", timeout=5) as answer:
            return bool(answer.read() == b"OK")
    except OSError:
        return False


@contextlib.contextmanager
def running(folder: Path, *settings: str) -> Iterator[MilvusServer]:
    """A server that is there until the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    server = MilvusServer(folder, *settings)
    try:
        server.start()
        yield server
    finally:
        server.kill()


def patiently(ask: Callable[[], T]) -> T:
    """What it gives once the server, just started, has loaded the collection: within minutes."""
    for _ in range(900):
        with contextlib.suppress(StoreError):
            return ask()
        time.sleep(0.2)
    return ask()


def main(*words: str) -> int:
    """Run a command beside a server; its exit code. After --apart: alone in a network."""
    if words[0] == "--apart":
        if reason := why_not():
            sys.stderr.write(f"{reason}\n")
            return 77
        command = [*APART, sys.executable, __file__, *words[1:]]
        return subprocess.run(command, check=False).returncode
    with running(Path(words[0])):
        return subprocess.run(words[1:], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
