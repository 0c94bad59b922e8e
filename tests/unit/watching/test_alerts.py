"""Who is told of a new picture that is such, and what happens where that fails."""

import json
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest

from visavis.errors import ConceptNotFoundError, UsageError
from visavis.image_index import ImageIndex
from visavis.types import ImageRecord
from visavis.watching.alerts import Alert, Alerts
from visavis.watching.telling import Listeners, command, webhook

Draw = Callable[..., Path]

KINDS = {"red": (220, 30, 30), "green": (30, 220, 30), "blue": (30, 30, 220)}
ODD = Alert("it's $(odd)", 0.5, ImageRecord('a; touch "x" `y`.jpg', "/p/a.jpg", 1, 1.0, "ab", 1, 1))


@pytest.fixture
def colours(index: ImageIndex, draw: Draw, tmp_path: Path) -> ImageIndex:
    """Ten pictures in each of three colours, of which red is a concept."""
    chance = np.random.default_rng(7)
    for name, colour in KINDS.items():
        for at in range(10):
            near = np.array(colour) + chance.integers(-25, 25, 3)
            draw(f"photos/{name}-{at}.png", tuple(int(part) for part in near), mark=at)
    index.add(tmp_path / "photos")
    index.concept("red").mark(["red-0.png", "red-1.png"])
    index.concept("red").mark(["blue-0.png", "green-0.png"], good=False)
    return index


class Heard:
    """What was told and said."""

    def __init__(self, index: ImageIndex, *concepts: str) -> None:
        self.alerts: list[Alert] = []
        self.said: list[str] = []
        self.alerting = Alerts(index, concepts, tell=self.alerts.append, say=self.said.append)

    def look(self) -> list[str]:
        """The ids that were told of by this look."""
        self.alerts.clear()
        self.alerting.look()
        return [alert.record.id for alert in self.alerts]


def test_new_pictures_that_are_such_are_told_of_once(
    colours: ImageIndex, draw: Draw, tmp_path: Path
) -> None:
    heard = Heard(colours, "concept:red")
    assert heard.look() == []  # those that were there before are known
    draw("photos/new red.png", KINDS["red"], mark=200)
    draw("photos/new blue.png", KINDS["blue"], mark=201)
    colours.add(tmp_path / "photos")
    assert heard.look() == ["new red.png"]
    assert heard.look() == []
    (tmp_path / "photos" / "new red.png").rename(tmp_path / "photos" / "renamed.png")
    (tmp_path / "photos" / "red-3.png").rename(tmp_path / "photos" / "also renamed.png")
    colours.add(tmp_path / "photos")
    assert heard.look() == []


def test_new_marks_hold_from_then_on_and_tell_of_nothing_old(
    colours: ImageIndex, draw: Draw, tmp_path: Path
) -> None:
    heard = Heard(colours, "concept:red")
    colours.concept("red").mark([f"blue-{at}.png" for at in range(4)])
    colours.concept("red").mark([f"red-{at}.png" for at in range(4)], good=False)
    assert heard.look() == []
    draw("photos/new blue.png", KINDS["blue"], mark=201)
    colours.add(tmp_path / "photos")
    assert heard.look() == ["new blue.png"]


def test_pictures_that_come_together_with_marks_are_judged_by_these(
    colours: ImageIndex, draw: Draw, tmp_path: Path
) -> None:
    heard = Heard(colours, "concept:red")
    colours.concept("red").mark([f"blue-{at}.png" for at in range(4)])
    colours.concept("red").mark([f"red-{at}.png" for at in range(4)], good=False)
    draw("photos/new blue.png", KINDS["blue"], mark=201)
    draw("photos/new green.png", KINDS["green"], mark=202)
    colours.add(tmp_path / "photos")
    assert heard.look() == ["new blue.png"]  # none of the old blue ones
    assert heard.look() == []


def test_what_came_while_nothing_could_be_told_is_told_of_later(
    index: ImageIndex, draw: Draw, tmp_path: Path
) -> None:
    draw("photos/red.png", KINDS["red"], mark=1)
    draw("photos/old red.png", KINDS["red"], mark=2)
    index.add(tmp_path / "photos")
    index.concept("red").mark("red.png")
    heard = Heard(index, "concept:red")
    draw("photos/new red.png", KINDS["red"], mark=3)
    index.add(tmp_path / "photos")
    assert heard.look() == heard.look() == []
    [said] = heard.said
    assert said.startswith("concept:red cannot tell yet what is such: there are too few records")
    for at in range(12):
        draw(f"photos/blue {at}.png", (at, 20 * at, 200), mark=20 + at)
    index.add(tmp_path / "photos")
    assert heard.look() == ["new red.png"]
    assert len(heard.said) == 1


def test_a_concept_that_goes_away_is_said_once_and_stops_nothing(colours: ImageIndex) -> None:
    heard = Heard(colours, "concept:red")
    colours.concept("red").remove()
    assert heard.look() == heard.look() == []
    assert len(heard.said) == 1
    assert "no concept is called 'red'" in heard.said[0]


def test_only_concepts_that_say_something_can_be_waited_for(colours: ImageIndex) -> None:
    with pytest.raises(ConceptNotFoundError, match="did you mean 'red'"):
        Heard(colours, "concept:rad")
    colours.concept("odd").mark("red-5.png", good=False)
    with pytest.raises(UsageError, match="nothing is marked"):
        Heard(colours, "concept:odd")
    for text in ("red", "id:red-0.png", "0.5:concept:red"):
        with pytest.raises(UsageError, match="an alert waits for a concept"):
            Heard(colours, text)


# -- commands and servers --------------------------------------------------------------------------


def test_a_command_gets_an_alert_as_data_and_never_as_a_command(tmp_path: Path) -> None:
    script = tmp_path / "with space" / "hear.py"
    script.parent.mkdir()
    script.write_text(
        "import os, sys, pathlib\n"
        "told = [os.environ[f'VISAVIS_ALERT{end}'] for end in ('', '_ID', '_URI', '_SCORE')]\n"
        "told += [*sys.argv[2:], sys.stdin.read()]\n"
        "pathlib.Path(sys.argv[1]).write_text('\\n'.join(told))\n"
    )
    out = tmp_path / "out.txt"
    command(f"{sys.executable} '{script}' {out} '$HOME; ls'")(ODD)
    concept, id, uri, score, argument, shape = out.read_text().splitlines()
    assert (concept, id, uri) == (ODD.concept, ODD.record.id, ODD.record.uri)
    assert (float(score), argument) == (0.5, "$HOME; ls")
    assert json.loads(shape) == ODD.to_dict()


@pytest.mark.parametrize("line", ["", "no-such-command-here --x", "'unclosed"])
def test_a_command_that_cannot_be_run_is_refused_at_once(line: str) -> None:
    with pytest.raises(UsageError, match="--alert-command"):
        command(line)


def test_what_fails_is_said_and_the_next_ones_are_heard(tmp_path: Path) -> None:
    said: list[str] = []
    heard: list[Alert] = []
    failing = command(f"{sys.executable} -c \"raise SystemExit('no space on the lamp')\"")
    listeners = Listeners([failing, heard.append], said.append)
    listeners.tell(ODD)
    listeners.tell(ODD)
    listeners.close()
    assert heard == [ODD, ODD]
    assert len(said) == 2
    assert "the alert was not heard" in said[0]
    assert "ended with code 1: no space on the lamp" in said[0]


@pytest.fixture
def server() -> Iterator[tuple[str, list[bytes]]]:
    """A server on this machine that takes everything but what is sent to /broken."""
    bodies: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response({"/broken": 500, "/moved": 302}.get(self.path, 204))
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{made.server_port}", bodies
        made.shutdown()
        thread.join()


def test_a_server_is_told_only_where_that_is_allowed(server: tuple[str, list[bytes]]) -> None:
    url, bodies = server
    said: list[str] = []
    for hook in (
        webhook(url, allow_private=True),
        webhook(url, allow_private=False),
        webhook(f"{url}/broken", allow_private=True),
        webhook(f"{url}/moved", allow_private=True),
        webhook("http://127.0.0.1:9", allow_private=True),
    ):
        listeners = Listeners([hook], said.append)
        listeners.tell(ODD)
        listeners.close()
    assert [json.loads(body) for body in bodies] == [ODD.to_dict()] * 3
    private, broken, moved, closed = said
    assert "not on the public internet" in private
    assert "--allow-private" in private
    assert "it answered 500" in broken
    assert "it answered 302" in moved
    assert "it cannot be told" in closed
    for odd in ("ftp://a/b", "mailto:a@b", "http://", "example.org"):
        with pytest.raises(UsageError, match="--alert-webhook"):
            webhook(odd, allow_private=False)
