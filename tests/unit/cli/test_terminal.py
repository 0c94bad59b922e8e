"""What reaches a terminal: nothing that commands it."""

from pathlib import Path

import pytest

import visavis.cli
from visavis.cli.terminal import one_line, printable, tell


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;owned\x07", r"\x1b]0;owned\x07"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("\x9b31m", r"\x9b31m"),  # the same in one character
        ("a\rb\x08\x7f", r"a\rb\x08\x7f"),
        ("gpj.\u202eexe", r"gpj.\u202eexe"),  # turns the direction of writing
        ("grün 🙃 写真 \\ 'x'", "grün 🙃 写真 \\ 'x'"),
    ],
)
def test_control_characters_are_escaped_and_nothing_else(text: str, shown: str) -> None:
    assert printable(text) == one_line(text) == shown


def test_a_part_of_a_line_cannot_end_it() -> None:
    assert one_line("new\nline\t.jpg") == r"new\nline\t.jpg"
    assert printable("two\nlines\t.") == "two\nlines\t."


def test_passwords_in_urls_are_told_to_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    tell("skipped https://anna:s3cret@example.org/a.jpg: 401; see https://example.org/b@c:d")
    told = "skipped https://anna:***@example.org/a.jpg: 401; see https://example.org/b@c:d\n"
    assert capsys.readouterr() == ("", told)


def test_all_commands_print_through_here() -> None:
    commands = Path(visavis.cli.__file__).parent
    raw = {path.name for path in commands.rglob("*.py") if "typer.echo(" in path.read_text()}
    assert raw <= {"terminal.py", "models.py", "searching.py"}  # a question; pictures
