"""Trainings that are stopped from outside, and gone on with."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.integration.conftest import Cli

EPOCHS = 12
KILLED = (signal.SIGKILL, -signal.SIGKILL)
INTERRUPTED = (signal.SIGINT, 130)
TERMINATED = (signal.SIGTERM, 130)
"""Ways to stop a training, and how the command ends then."""


def watched(
    command: list[str], line: str, act: Callable[["subprocess.Popen[str]"], None]
) -> tuple[int, str]:
    """Run a command, and act when it writes a line that begins so; its code, what it said then."""
    running = subprocess.Popen(
        [sys.executable, "-m", "visavis", *command],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    with running:
        assert running.stderr is not None
        for said in running.stderr:
            if said.startswith(line):
                act(running)
                break
        rest = running.stderr.read()
    return running.returncode, rest


def check_going_on(
    cli: Cli, command: Callable[..., list[str]], number: signal.Signals, code: int, *also: str
) -> None:
    """A training that was stopped, and gone on with, ends as one that nobody stopped.

    `command` takes further options; `also` are files that have to be the same besides the records.
    """
    longer = ("--epochs", str(EPOCHS), "--patience", str(EPOCHS))
    assert cli(*command("--out", "whole/mine", *longer)).code == 0
    again = command("--out", "stopped/mine", *longer)
    ended, rest = watched(again, f"epoch 3 of {EPOCHS}", lambda it: it.send_signal(number))
    assert ended == code, rest
    assert ("stopped; go on with the same command and --resume" in rest) == (code == 130)
    assert not Path("stopped/mine/model.json").exists()
    resumed = cli(*again, "--resume")
    assert resumed.code == 0, resumed.err
    assert f"epoch {EPOCHS} of {EPOCHS}" in resumed.err
    assert f"epoch 2 of {EPOCHS}" not in resumed.err
    for name in ("metrics.json", "curves.json", "model.onnx", *also):
        assert Path("stopped/mine", name).read_bytes() == Path("whole/mine", name).read_bytes()
