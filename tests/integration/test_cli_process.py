"""The command line as other programs meet it: real processes, pipes, terminals and signals."""

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from visavis.image_index import ImageIndex

COLOUR = re.compile(rb"\x1b\[[0-9;]*(3|4|9)[0-9]m")
VISAVIS = [sys.executable, "-m", "visavis"]

pytestmark = pytest.mark.skipif(os.name == "nt", reason="pipes, terminals and signals of Unix")


@pytest.fixture
def environment(home: dict[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VISAVIS_")}
    return {**kept, **home, "TERM": "xterm-256color"}


def run(
    environment: dict[str, str], *arguments: str | os.PathLike[str], **options: object
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(  # type: ignore[call-overload,no-any-return]
        [*VISAVIS, *arguments], env=environment, capture_output=True, timeout=60, **options
    )


def on_terminal(environment: dict[str, str], *arguments: str | Path) -> bytes:
    """What a command shows on a terminal of its own."""
    import pty

    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*VISAVIS, *arguments], env=environment, stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        shown = b""
        while select.select([ours], [], [], 60)[0]:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # Linux's way of saying that the other end is closed
                break
            if not piece:
                break
            shown += piece
        os.close(ours)
    assert process.returncode == 0, shown
    return shown


def test_nothing_is_noted_of_the_machine_for_others(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    Image.new("RGB", (40, 30), "red").save(tmp_path / "red.png")
    index = tmp_path / "i"
    made = run({**kept, "HOME": str(home)}, "index", tmp_path / "red.png", "--index", index)
    assert made.returncode == 0, made.stderr
    assert not [path for path in home.rglob("*") if "onnx" in path.name or "Micro" in path.name]


def records() -> int:
    """How many the index of this test has: it opens, and can be written to."""
    with ImageIndex.open("visavis.index", lock_seconds=0) as index:
        index.remove("nobody", missing_ok=True)
        return len(index)


def test_python_m_visavis_is_the_command(environment: dict[str, str]) -> None:
    ran = run(environment, "--version")
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert ran.stdout.startswith(b"visavis ")


def test_off_a_terminal_there_are_no_escape_codes(
    environment: dict[str, str], photos: Path
) -> None:
    for arguments in (["index", photos], ["search", "id:mug-01-front.jpg"]):
        ran = run(environment, *arguments)
        assert ran.returncode == 0
        assert b"\x1b" not in ran.stdout + ran.stderr


def test_on_a_terminal_results_are_a_table_and_no_color_is_respected(
    environment: dict[str, str], drawn_index: Path
) -> None:
    search = ["search", "id:mug-01-front", "-k", "3", "--index", str(drawn_index)]
    shown = on_terminal(environment, *search)
    assert b"score" in shown
    assert "3 of 56 records · classic".encode() in shown
    plain = on_terminal({**environment, "NO_COLOR": "1"}, *search)
    assert not COLOUR.search(plain)


def test_on_a_terminal_indexing_shows_how_far_it_is(
    environment: dict[str, str], photos: Path
) -> None:
    shown = on_terminal(environment, "index", photos)
    assert b"indexing" in shown
    assert b"8 records in visavis.index" in shown


def test_paths_alone_come_out_as_the_bytes_they_are(
    environment: dict[str, str], photos: Path
) -> None:
    odd = (b"line\nbreak.jpg", b"\xe9t\xe9.jpg")
    for file, name in zip(sorted(photos.iterdir()), odd, strict=False):
        file.rename(photos / os.fsdecode(name))
    report = json.loads(run(environment, "index", photos, "--json").stdout)
    assert (report["added"], report["failed"]) == (8, [])

    wanted = {os.fsencode(file) for file in photos.iterdir()}
    ended_by_nul = run(environment, "search", "id:mug-01-front.jpg", "-0").stdout
    assert set(ended_by_nul.split(b"\0")[:-1]) == wanted
    assert run(environment, "search", "id:mug-01-front.jpg", "-f").stdout == (
        ended_by_nul.replace(b"\0", b"\n")
    )


def test_a_terminal_that_lacks_letters_stops_nothing(
    environment: dict[str, str], drawn_index: Path
) -> None:
    ascii_only = {**environment, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    assert run(ascii_only, "--help").returncode == 0
    ran = run(ascii_only, "search", "id:mug-01-front", "--index", drawn_index)
    assert ran.returncode == 0


def test_a_reader_that_has_seen_enough_is_no_error(
    environment: dict[str, str], drawn_index: Path
) -> None:
    ran = subprocess.run(
        f"'{sys.executable}' -m visavis search id:mug-01-front -k 56 --jsonl "
        f"--index '{drawn_index}' | head -1; echo ${{PIPESTATUS[0]}}",
        shell=True,
        executable="/bin/bash",
        env=environment,
        capture_output=True,
        timeout=60,
        check=True,
    )
    first, status = ran.stdout.splitlines()
    assert json.loads(first)["id"] == "mug-01-front"
    assert (status, ran.stderr) == (b"0", b"")


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_where_streams_are_closed_the_work_is_done(
    environment: dict[str, str], photos: Path, closed: str
) -> None:
    here = f"--index {photos}.index {closed}"
    for command in (f"index {photos}", "list", "search id:mug-01-front.jpg", "status"):
        script = f"{' '.join(VISAVIS)} {command} {here}"
        done = subprocess.run(
            ["sh", "-c", script], env=environment, capture_output=True, check=False
        )
        assert (done.returncode, b"Traceback" in done.stderr) == (0, False), done.stderr
    with ImageIndex.open(f"{photos}.index") as index:
        assert len(index) == 8


@pytest.mark.parametrize(
    ("command", "code", "told"),
    [
        ("index -", 0, b"there is no picture in it"),
        ("concept mark such -", 2, b"say which records to mark"),
        ("search -", 2, b"pipe one in"),
    ],
)
def test_where_the_input_is_closed_nothing_came(
    environment: dict[str, str], photos: Path, command: str, code: int, told: bytes
) -> None:
    with ImageIndex.create(f"{photos}.index", "classic"):
        pass
    script = f"{' '.join(VISAVIS)} {command} --index {photos}.index <&-"
    done = subprocess.run(["sh", "-c", script], env=environment, capture_output=True, check=False)
    assert done.returncode == code
    assert told in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has it")
def test_where_nobody_can_be_told_the_exit_code_says_how_it_ended(
    environment: dict[str, str], photos: Path
) -> None:
    for command, code in (("search", 2), (f"search id:a --index {photos}.no", 3), ("list x", 2)):
        script = f"{' '.join(VISAVIS)} {command} >/dev/full 2>&1"
        done = subprocess.run(["sh", "-c", script], env=environment, check=False)
        assert done.returncode == code


def test_a_closed_pipe_while_indexing_is_no_error(
    environment: dict[str, str], photos: Path
) -> None:
    reader, writer = os.pipe()
    os.close(reader)  # nobody reads from the start
    with subprocess.Popen(
        [*VISAVIS, "index", photos], env=environment, stdout=writer, stderr=subprocess.PIPE
    ) as process:
        os.close(writer)
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, b"")
    assert records() == 8


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stop_keeps_what_was_committed_and_says_so(
    environment: dict[str, str], photos: Path, number: signal.Signals
) -> None:
    with ImageIndex.create("visavis.index") as index:
        index.add(photos)
    with subprocess.Popen(
        # The command itself: `python -m` may end by the signal, which shells call 130 as well.
        [Path(sys.executable).with_name("visavis"), "index", "-"],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # A job in the background has the signal ignored, and so would have its children.
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    ) as process:
        deadline = time.monotonic() + 30
        while not Path("visavis.index/write.holder").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(number)
        if number == signal.SIGTERM:
            process.send_signal(number)  # as `timeout` does
        out, errors = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, b""), errors.decode()
    assert errors == b"interrupted; what was committed is kept\n"
    assert records() == 8


def test_an_error_is_one_sentence_on_standard_error_and_never_a_traceback(
    environment: dict[str, str],
) -> None:
    for arguments, code in ((["search", "id:x"], 3), (["search", "--top", "many", "x"], 2)):
        ran = run(environment, *arguments)
        assert (ran.returncode, ran.stdout) == (code, b"")
        assert b"Traceback" not in ran.stderr
        assert len(ran.stderr.splitlines()) == 1
