"""What all tests share: a home of their own, no network, drawn pictures, a simple embedder."""

import gc
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from visavis.drawn.gallery import write_gallery
from visavis.image_index import ImageIndex

FAKE = Path(__file__).parent / "fake"
PLUGIN = Path(__file__).parent / "plugin"  # what makes it a plug-in: only for tests that ask
sys.path.append(str(FAKE))

from visavis_fake import FakeEmbedder  # noqa: E402

Draw = Callable[..., Path]

_LOCAL = ("127.", "::1", "localhost", "::ffff:127.")


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes what the user has, nor another test's leavings."""
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home" / name.lower()))
    for name in ("INDEX", "MODEL", "MODELS", "JOBS", "DEVICE", "MAX_MEGAPIXELS", "WORDS"):
        monkeypatch.delenv(f"VISAVIS_{name}", raising=False)


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that reaches for the network fails, on machines that have one as well."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and not str(address[0]).startswith(_LOCAL):
            raise AssertionError(f"a test wanted to connect to {address[0]}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(scope="session")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The catalogue of 16 drawn pictures, the four views of four products; not to be changed."""
    return write_gallery(tmp_path_factory.mktemp("gallery"), count=16)


@pytest.fixture
def draw(tmp_path: Path) -> Draw:
    """Draws a picture of one colour, told apart from others of that colour by a few pixels."""

    def drawn(name: str, colour: tuple[int, int, int], mark: int = 0, side: int = 24) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.full((side, side, 3), colour, np.uint8)
        pixels[0, :16] ^= np.array([mark >> bit & 1 for bit in range(16)], np.uint8)[:, None]
        Image.fromarray(pixels).save(path)
        return path

    return drawn


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a small file system in memory; skips where that is not allowed."""
    mounted: list[Path] = []

    def mount(size: str) -> Path:
        place = tmp_path / f"disk {len(mounted)}"
        place.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(place)]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("only root can mount a disk that is soon full")
        mounted.append(place)
        return place

    yield mount
    for place in mounted:
        subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.fixture
def fake() -> FakeEmbedder:
    """An embedder whose vector is the mean colour."""
    return FakeEmbedder()


@pytest.fixture
def plug_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the models `fake` and `fake-halves` known by name, here and in child processes."""
    monkeypatch.syspath_prepend(PLUGIN)
    others = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join(filter(None, [str(PLUGIN), str(FAKE), *others]))
    )


@pytest.fixture
def index(tmp_path: Path, plug_in: None) -> Iterator[ImageIndex]:
    """A fresh, empty index made with the model `fake`."""
    with ImageIndex.create(tmp_path / "an.index", "fake", jobs=2, lock_seconds=0.2) as made:
        yield made


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Drive the browser last: its event loop stays with the thread that all tests share."""
    items.sort(key=lambda item: "browser" in item.path.parts)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Thousands of tests and torch come to stay: no search for circles need look at them."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()
