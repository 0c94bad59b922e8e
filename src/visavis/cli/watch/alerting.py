"""`visavis watch --alert concept:NAME`: who is told of what comes."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from visavis.cli import terminal

if TYPE_CHECKING:
    from visavis.image_index import ImageIndex
    from visavis.watching.alerts import Alert


@contextmanager
def alerting(
    index: "ImageIndex",
    concepts: list[str],
    command_line: str | None,
    url: str | None,
    allow_private: bool,
    json_output: bool,
) -> Iterator[Callable[[], None]]:
    """Gives what looks for new pictures of the concepts; those that wait are told at the end.

    Raises UsageError before anything is watched.
    """
    from visavis.errors import UsageError
    from visavis.watching.alerts import Alerts
    from visavis.watching.telling import Listeners, command, webhook

    if not concepts:
        if command_line is not None or url is not None:
            raise UsageError("--alert-command and --alert-webhook are for --alert concept:NAME")
        yield lambda: None
        return
    hearers = [] if command_line is None else [command(command_line)]
    hearers += [] if url is None else [webhook(url, allow_private)]
    listeners = Listeners(hearers, terminal.tell)

    def tell(alert: "Alert") -> None:
        _show(alert, json_output=json_output)
        listeners.tell(alert)

    alerts = Alerts(index, concepts, tell=tell, say=terminal.tell)
    try:
        yield alerts.look
    finally:
        listeners.close()


def _show(alert: "Alert", *, json_output: bool) -> None:
    """Print an alert at once, also into a pipe."""
    now = time.time()
    if json_output:
        terminal.echo_json({"at": round(now, 3)} | alert.to_dict())
    else:
        at = time.strftime("%H:%M:%S", time.localtime(now))
        line = f"{at}  concept:{alert.concept}  {alert.record.uri}  {alert.score:.3f}"
        terminal.echo(terminal.one_line(line))
    sys.stdout.flush()
