"""On a terminal: names that would command it, and a question before many records leave."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pty = pytest.importorskip("pty")

EVIL = "\x1b]0;owned\x07\x1b[31mred.jpg"


def on_terminal(*args: object, typed: bytes = b"", at: Path) -> tuple[int, bytes]:
    """The exit code of visavis on a terminal, and all that it wrote there."""
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "visavis", *map(str, args)]
    running = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, cwd=at)
    os.close(slave)
    os.write(master, typed)
    seen = b""
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        seen += part
    os.close(master)
    return running.wait(), seen


def test_no_name_reaches_a_terminal_as_a_command(tmp_path: Path, photos: Path) -> None:
    (photos / "mug-01-front.jpg").rename(photos / EVIL)
    (photos / "\x1b[2Jempty.jpg").write_bytes(b"")
    asked = [
        ("index", photos),
        ("search", photos / EVIL),
        ("search", photos / EVIL, "--files"),
        ("search", photos / EVIL, "--json"),
        ("search", f"./{EVIL}x"),
        ("search", f"id:{EVIL}x"),
        ("status",),
        ("remove", EVIL + "x"),
        ("index", photos / (EVIL + ".csv")),
    ]
    for command in asked:
        _, seen = on_terminal(*command, "--index", tmp_path / "i", at=tmp_path)
        for raw in (b"\x1b]0;owned", b"\x1b[31mred", b"\x1b[2Jempty"):
            assert raw not in seen, command
    assert b"\\x1b[31mred" in seen


@pytest.mark.parametrize("answer", ["y", "n"])
def test_whoever_sits_there_is_asked_before_many_leave(
    tmp_path: Path, photos: Path, answer: str
) -> None:
    on_terminal("index", photos, "--index", tmp_path / "i", at=tmp_path)
    for path in sorted(photos.glob("*lamp*")):
        path.unlink()
    code, seen = on_terminal(
        "index", photos, "--index", tmp_path / "i", typed=answer.encode() + b"\n", at=tmp_path
    )
    assert b"4 of its 8 records" in seen
    assert code == (0 if answer == "y" else 2)
    assert (b"4 removed" in seen) == (answer == "y")


def test_a_picture_is_read_from_a_pipe(tmp_path: Path, photos: Path) -> None:
    index = ["--index", str(tmp_path / "i")]
    visavis = [sys.executable, "-m", "visavis"]
    subprocess.run([*visavis, "index", str(photos), *index], check=True, capture_output=True)
    for terms in (["-"], ["0.5:-"]):
        found = subprocess.run(
            [*visavis, "search", *terms, *index, "-k", "1"],
            input=(photos / "mug-01-front.jpg").read_bytes(),
            check=True,
            capture_output=True,
        )
        assert b"\tmug-01-front.jpg\t" in found.stdout
    for piped in (b"", b"no picture"):
        told = subprocess.run(
            [*visavis, "search", "-", *index], input=piped, capture_output=True, check=False
        )
        assert told.returncode == 2
        assert len(told.stderr.splitlines()) == 1
