"""What is done with an alert: a command is run, or a server is told; neither holds up the watch.

A command is run without a shell. What is known of a picture reaches it through its environment and
its standard input, never as a part of the command line.
"""

import json
import os
import shlex
import shutil
import subprocess
import threading
from collections.abc import Callable, Sequence
from queue import Full, Queue
from urllib.parse import urlsplit

from visavis.disk import reason
from visavis.errors import UsageError, VisavisError
from visavis.sources.web.fetch import is_url
from visavis.sources.web.posting import post
from visavis.watching.alerts import Alert

Hear = Callable[[Alert], None]
"""Does something with an alert; raises VisavisError or OSError where that fails."""

_SECONDS = 30.0  # that a command or a server may take
_WAITING = 1_000  # alerts
_AT_THE_END = 5.0  # seconds for those that still wait when the watch ends
_SHOWN = 200  # characters of what a command says


def command(line: str) -> Hear:
    """Runs a command for each alert. Raises UsageError where it cannot be understood or found.

    It gets the alert as JSON on its standard input and, without having to read that, in the
    environment: VISAVIS_ALERT (the concept), VISAVIS_ALERT_ID, _URI and _SCORE.
    """
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise UsageError(f"--alert-command {line!r} is not understood ({error})") from error
    if not words or shutil.which(words[0]) is None:
        raise UsageError(f"--alert-command {line!r}: there is no such command")

    def hear(alert: Alert) -> None:
        _run(words, alert)

    return hear


def webhook(url: str, allow_private: bool) -> Hear:
    """Sends each alert as JSON to a URL. Raises UsageError for what is no http(s) URL."""
    if not is_url(url) or not urlsplit(url).hostname:
        raise UsageError(f"--alert-webhook wants an http(s) URL, not {url!r}")

    def hear(alert: Alert) -> None:
        body = json.dumps(alert.to_dict()).encode()
        post(url, body, allow_private=allow_private, seconds=_SECONDS)

    return hear


class Listeners:
    """Hands alerts to those who want to hear of them, on a thread of its own.

    Args:
        hearers: Called with each alert, one after the other.
        say: Called with a sentence where one of them has failed.
    """

    def __init__(self, hearers: Sequence[Hear], say: Callable[[str], None]) -> None:
        self._hearers = hearers
        self._say = say
        self._waiting: Queue[Alert | None] = Queue(_WAITING)
        self._thread = threading.Thread(target=self._work, name="visavis-alert", daemon=True)
        if hearers:
            self._thread.start()

    def tell(self, alert: Alert) -> None:
        """Let them hear of an alert, soon."""
        if not self._hearers:
            return
        try:
            self._waiting.put_nowait(alert)
        except Full:
            self._say(
                f"{alert.record.id}: {_WAITING} alerts wait already; this one is not passed on"
            )

    def close(self) -> None:
        """Let those that wait be heard, for some seconds."""
        if not self._hearers:
            return
        try:
            self._waiting.put(None, timeout=_AT_THE_END)
        except Full:
            self._say(f"{self._waiting.qsize()} alerts were not passed on")
            return
        self._thread.join(_AT_THE_END)
        if self._thread.is_alive():
            self._say(f"{self._waiting.qsize()} alerts were not passed on")

    def _work(self) -> None:
        while (alert := self._waiting.get()) is not None:
            for hear in self._hearers:
                try:
                    hear(alert)
                except (VisavisError, OSError) as error:
                    self._say(f"{alert.record.id}: the alert was not heard: {reason(error)}")


def _run(words: Sequence[str], alert: Alert) -> None:
    variables = {
        "VISAVIS_ALERT": alert.concept,
        "VISAVIS_ALERT_ID": alert.record.id,
        "VISAVIS_ALERT_URI": alert.record.uri,
        "VISAVIS_ALERT_SCORE": f"{alert.score:.6f}",
    }
    try:
        done = subprocess.run(
            words,
            input=json.dumps(alert.to_dict()).encode(),
            env={
                **os.environ,
                **{name: value.replace("\0", "") for name, value in variables.items()},
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise OSError(f"{words[0]} took more than {_SECONDS:g} seconds and was ended") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()[-_SHOWN:]
        raise OSError(f"{words[0]} ended with code {done.returncode}{': ' if said else ''}{said}")
