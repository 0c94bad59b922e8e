"""A drawn gallery, an index of it, and the command line as a function."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from visavis.cli.main import run
from visavis.drawn.gallery import write_gallery
from visavis.image_index import ImageIndex

COUNT = 56
"""Pictures in the gallery: 14 kinds of things, one product each, four views of every product."""


class Outcome(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


Cli = Callable[..., Outcome]


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the gallery: catalogue.csv and images/. Not to be changed."""
    folder = tmp_path_factory.mktemp("drawn")
    write_gallery(folder, COUNT)
    return folder


@pytest.fixture(scope="session")
def drawn_index(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of the catalogue. Not to be changed."""
    folder = tmp_path_factory.mktemp("index") / "drawn.index"
    with ImageIndex.create(folder, "classic") as index:
        assert index.add(drawn / "catalogue.csv").added == COUNT
    return folder


@pytest.fixture
def photos(drawn: Path, tmp_path: Path) -> Path:
    """A folder of eight pictures that a test may change."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("mug", "lamp"):
        for view in ("front", "close", "turned", "flipped"):
            shutil.copy(drawn / "images" / f"{name}-01-{view}.jpg", folder)
    return folder


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """An empty home and an empty working folder, so that nothing of this machine counts."""
    places = {
        "HOME": str(tmp_path / "home"),
        "XDG_CACHE_HOME": str(tmp_path / "home" / "cache"),
        "XDG_CONFIG_HOME": str(tmp_path / "home" / "config"),
        "XDG_DATA_HOME": str(tmp_path / "home" / "data"),
    }
    for name, value in places.items():
        monkeypatch.setenv(name, value)
    for name in ("INDEX", "MODEL", "MODELS", "JOBS", "DEVICE", "MAX_MEGAPIXELS", "WORDS"):
        monkeypatch.delenv(f"VISAVIS_{name}", raising=False)
    monkeypatch.chdir(tmp_path)
    return places


@pytest.fixture
def cli(home: dict[str, str], capsys: pytest.CaptureFixture[str]) -> Cli:
    """Runs one command line in this process."""

    def command(*arguments: Any) -> Outcome:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        return Outcome(code, *capsys.readouterr())

    return command
