"""A server as its tests hold it: clients, keys, the real command, and pictures to send."""

import signal
import subprocess
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import numpy as np
from PIL import Image
from starlette.testclient import TestClient

BASE = "http://127.0.0.1:8000"

Clients = Callable[..., TestClient]
Serve = Callable[..., "Served"]


class KeyFile(NamedTuple):
    """A key file, and the keys in it as headers."""

    path: Path
    reader: dict[str, str]
    writer: dict[str, str]


def picture(
    colour: tuple[int, int, int] = (200, 40, 40), kind: str = "JPEG", mark: int = 0
) -> bytes:
    """The bytes of a small picture; another `mark` gives other bytes."""
    pixels = np.full((48, 64, 3), colour, np.uint8)
    pixels[0, :16] ^= np.array([mark >> bit & 1 for bit in range(16)], np.uint8)[:, None]
    out = BytesIO()
    Image.fromarray(pixels).save(out, kind)
    return out.getvalue()


class Served(NamedTuple):
    """A running `visavis serve`."""

    process: subprocess.Popen[bytes]
    address: str
    log: Path

    def ready(self) -> bool:
        """Whether it answers by now."""
        try:
            return self.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def get(self, path: str, **options: Any) -> httpx.Response:
        """One request on a connection of its own."""
        return httpx.get(self.address + path, timeout=20, trust_env=False, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        """As `get`."""
        return httpx.post(self.address + path, timeout=20, trust_env=False, **options)

    def stop(self) -> int:
        """Ask it to stop, and wait."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)
