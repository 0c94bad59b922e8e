"""An index that may only be read: another user's, on a read-only disk, with and without its log."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from visavis import ImageIndex
from visavis.errors import StoreError

ASK = """
import sys
from visavis import ImageIndex
with ImageIndex.open(sys.argv[1]) as index:
    found = index.search("id:a.png", limit=9)
    print(*[match.record.id for match in found.matches], len(index), index.info().records)
"""


@pytest.fixture
def held(tmp_path: Path, draw: Callable[..., Path]) -> Path:
    """An index of two pictures, in a folder that everybody may pass through."""
    for name, colour in (("a.png", (200, 0, 0)), ("b.png", (0, 0, 200))):
        draw(f"photos/{name}", colour)
    with ImageIndex.create(tmp_path / "held", "classic") as index:
        index.add(tmp_path / "photos")
    return tmp_path / "held"


def ask(index: Path, *before: str) -> str:
    done = subprocess.run(
        [*before, sys.executable, "-c", ASK, str(index)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(params=["another user", "read-only mount"])
def reader(request: pytest.FixtureRequest, held: Path) -> Iterator[Callable[[], str]]:
    """Asks the index from where it cannot be written."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("only root can be somebody else")
    if request.param == "another user":
        # Root without the power over permissions: other users may not see the interpreter.
        dropped = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")

        def as_other() -> str:
            for path in (held, *held.rglob("*")):
                path.chmod(0o555 if path.is_dir() else 0o444)
            try:
                return ask(held, *dropped)
            finally:
                for path in (held, *held.rglob("*")):
                    path.chmod(0o755 if path.is_dir() else 0o644)

        yield as_other
        return
    trial = ["unshare", "-m", "sh", "-c", f"mount --bind {held} {held} && mount -o remount,ro,bind"]
    trial[-1] += f' {held} && exec "$@"'
    if subprocess.run([*trial, "sh", "true"], capture_output=True, check=False).returncode:
        pytest.skip("nothing may be mounted here")
    yield lambda: ask(held, *trial, "sh")


def test_it_is_searched_and_shown(reader: Callable[[], str]) -> None:
    assert reader() == "a.png b.png 2 2"


def test_what_a_writer_holds_in_its_log_is_seen(reader: Callable[[], str], held: Path) -> None:
    with ImageIndex.open(held) as writer, writer.writing():
        writer.remove("b.png")
        assert reader() == "a.png 1 1"


def test_a_log_without_its_index_is_read_from_a_copy(reader: Callable[[], str], held: Path) -> None:
    """As a disk has it that was pulled out while somebody wrote."""
    file = held / "index.sqlite"
    writer = sqlite3.connect(file)
    writer.execute("UPDATE records SET id = 'z.png' WHERE id = 'b.png'")
    writer.commit()
    shutil.copy(f"{file}-wal", held / "kept")
    writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(file, held / "after")
    writer.execute("UPDATE records SET id = 'b.png' WHERE id = 'z.png'")
    writer.commit()
    writer.close()
    (held / "kept").rename(f"{file}-wal")
    assert reader() == "a.png z.png 2 2"
    assert Path(f"{file}-wal").stat().st_size > 0


def test_a_reader_notices_that_the_owner_writes(
    held: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as forbidding:
        forbidding.setattr("os.access", lambda path, mode: mode != os.W_OK)
        reader = ImageIndex.open(held)
        assert len(reader) == 2
    with ImageIndex.open(held) as writer:
        writer.remove("b.png")
    with reader:
        assert len(reader) == 1


def test_whoever_may_only_read_is_told_so_when_writing(
    held: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: mode != os.W_OK)
    with ImageIndex.open(held) as reader, pytest.raises(StoreError, match="may only be read"):
        reader.remove("a.png")


def test_on_a_full_disk_it_is_searched_and_writing_says_so(held: Path, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root mounts a small disk")
    small = tmp_path / "small"
    small.mkdir()
    fill = f"mount -t tmpfs -o size=3m none {small} && cp -r {held} {small}/held"
    if subprocess.run(
        ["unshare", "-m", "sh", "-c", fill], capture_output=True, check=False
    ).returncode:
        pytest.skip("nothing may be mounted here")
    fill += f"; cat /dev/zero >{small}/fill 2>&-; "
    index = small / "held"
    for _ in range(2):  # the first leaves files behind that are too short
        assert (
            ask(index, "unshare", "-m", "sh", "-c", fill + 'exec "$@"', "sh") == "a.png b.png 2 2"
        )
    write = f"{sys.executable} -m visavis remove a.png --index {index}"
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", f"{fill} {write}; {write}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert done.stderr.count("no space left for the index") == 2
