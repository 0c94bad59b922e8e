"""Keeps what Ray writes on standard error away from people, who read our sentences there."""

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def kept_from_people(log: Path) -> Iterator[None]:
    """While the block runs, file descriptor 2 is a log, and `sys.stderr` goes on as before.

    Python's own errors go where they went; what C++ and child processes write goes to the log.
    """
    people = sys.stderr
    if not isinstance(people, io.TextIOWrapper) or _number(people) != 2:
        yield  # it leads elsewhere already
        return
    people.flush()
    terminal = os.dup(2)
    with log.open("ab") as file:
        os.dup2(file.fileno(), 2)
    sys.stderr = io.TextIOWrapper(
        os.fdopen(os.dup(terminal), "wb"),
        people.encoding,
        people.errors,
        line_buffering=True,
        write_through=True,
    )
    try:
        yield
    finally:
        sys.stderr.close()
        sys.stderr = people
        os.dup2(terminal, 2)
        os.close(terminal)


def _number(stream: io.TextIOWrapper) -> int | None:
    try:
        return stream.fileno()
    except io.UnsupportedOperation:  # it is kept in memory
        return None
