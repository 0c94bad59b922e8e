"""The command line: parse, call, show. All errors end here.

A command's module is imported when the command is called, and imports the engine inside its
functions: `visavis --help` and `visavis search` should be there at once.
"""

import gc
import io
import os
import re
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import typer
import typer.main

from visavis import __version__
from visavis.cli import terminal
from visavis.cli.lazy import LazyCommands, LazyGroup, Place
from visavis.errors import UsageError, VisavisError

USAGE = 2
INTERRUPTED = 130

_ONCE = 1.0  # seconds in which a signal that comes again means the same stop
_CLI = "visavis.cli"
_OPTION = re.compile(r"--?[a-zA-Z][\w-]*")
_COLLECTED = 100_000
"""New objects between two garbage collections. By Python's own number they go over all that
hundreds of imports make, which took a tenth of the time of a search from nothing; a search ends
with some 80,000."""
COMMANDS = {
    "index": Place(f"{_CLI}.indexing", "index", "Index pictures, or update an index."),
    "watch": Place(
        f"{_CLI}.watch.command", "watch", "Keep an index up to date while its folders change."
    ),
    "search": Place(f"{_CLI}.searching", "search", "Find pictures that look like the query."),
    "list": Place(f"{_CLI}.listing.command", "list_", "List records, by filters and in an order."),
    "have": Place(f"{_CLI}.having", "have", "Check whether pictures are already in an index."),
    "duplicates": Place(
        f"{_CLI}.duplicates", "duplicates", "Find the copies in an index, and set them aside."
    ),
    "explain": Place(
        f"{_CLI}.explaining", "explain", "Say what a record is to a picture, and why."
    ),
    "concept": Place(f"{_CLI}.concepts.commands", "app", "Teach an index what you mean."),
    "tag": Place(f"{_CLI}.tagging", "tag", "Suggest tags for images."),
    "status": Place(f"{_CLI}.upkeep", "status", "Show what an index holds."),
    "remove": Place(f"{_CLI}.upkeep", "remove", "Remove records from an index."),
    "compact": Place(f"{_CLI}.upkeep", "compact", "Check an index and tidy it up."),
    "map": Place(
        f"{_CLI}.pages.mapping",
        "map_",
        "Draw a map of an index, on which pictures that are alike are near one another.",
    ),
    "export": Place(
        f"{_CLI}.exchange.files",
        "export",
        "Write records and vectors to a file that other tools open.",
    ),
    "import": Place(
        f"{_CLI}.exchange.files", "import_", "Make vectors that were computed elsewhere searchable."
    ),
    "load": Place(
        f"{_CLI}.exchange.loading", "load", "Take shards, written by index --shards, into an index."
    ),
    "copy": Place(
        f"{_CLI}.exchange.copying", "copy", "Copy an index: to another folder, to Milvus, or back."
    ),
    "site": Place(
        f"{_CLI}.pages.site",
        "site",
        "Write a static site: pictures, and what is similar to each.",
    ),
    "doctor": Place(f"{_CLI}.upkeep", "doctor", "Check this installation."),
    "serve": Place(f"{_CLI}.serving", "serve", "Serve an index: an HTTP API and a web page."),
    "demo": Place(f"{_CLI}.demo", "demo", "Try visavis on drawn pictures, or on yours."),
    "evaluate": Place(f"{_CLI}.measure.evaluating", "evaluate", "Measure search quality."),
    "compare": Place(
        f"{_CLI}.measure.comparing",
        "compare",
        "Compare what several models find for the same queries.",
    ),
    "train": Place(f"{_CLI}.train.commands", "app", "Train a model on your own pictures."),
    "models": Place(f"{_CLI}.models", "app", "List, add and check models."),
    "words": Place(f"{_CLI}.words", "app", "Inspect word vectors."),
}

app = typer.Typer(
    name="visavis",
    cls=LazyGroup,
    help="Reverse image search over your own pictures.",
    epilog="Exit codes: 0 success · 1 nothing found (--exit-code) · 2 usage · 3 index · "
    "4 files skipped (--strict) · 5 model · 6 cluster · 130 interrupted.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: it may say [default: …], and reads well in a pipe
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        terminal.echo(f"visavis {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Reverse image search over your own pictures."""


def main() -> None:
    """The `visavis` command."""
    gc.set_threshold(_COLLECTED)
    _open_streams()
    _stop_as_by_ctrl_c()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A name that the terminal cannot show must stop nothing.
            stream.reconfigure(errors="backslashreplace")
    code = run(sys.argv[1:])
    gc.freeze()  # spares the end of Python its search for circles, a tenth of a search's time
    sys.exit(code)


def _stop_as_by_ctrl_c() -> None:
    """Let SIGTERM and a closed terminal stop a command as Ctrl-C does, with a word, unless ignored.

    So `docker stop`, systemd and job schedulers lose nothing either. Some commands have ways of
    their own to stop. `timeout` sends the signal twice, to the process and its group: one is meant.
    """
    stopped = float("-inf")

    def stop(number: int, frame: object) -> None:
        nonlocal stopped
        before, stopped = stopped, time.monotonic()
        if stopped - before > _ONCE:
            raise KeyboardInterrupt

    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, stop)


def _open_streams() -> None:
    """Let what was closed before we began (`>&-`, as services do) lead to nowhere.

    Otherwise the next file that is opened would take its place, such as the index's.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(nowhere, mode, encoding="utf-8"))


def run(arguments: list[str]) -> int:
    """Run one command line; returns its exit code."""
    try:
        _refuse_empty(arguments)
        code = _invoke(arguments or ["--help"])
        sys.stdout.flush()
    except (Exception, KeyboardInterrupt) as error:
        return _ended_by(error, arguments)
    return code if isinstance(code, int) else 0


def _refuse_empty(arguments: Sequence[str]) -> None:
    """Raise UsageError for an argument of nothing: as the name of a folder it would be this one."""
    for before, argument in zip(("", *arguments), arguments, strict=False):
        option = before if argument == "" else argument.removesuffix("=")
        if argument == "" or (argument.endswith("=") and _OPTION.fullmatch(option)):
            behind = f" behind {option}" if _OPTION.fullmatch(option) else ""
            raise UsageError(f'an argument{behind} is empty; is a variable not set, as in "$X"?')


def _ended_by(error: BaseException, arguments: Sequence[str]) -> int:
    """Report an error; returns its exit code. Raises it again when it is a bug."""
    match error:
        case typer.Exit():
            return error.exit_code
        case typer.Abort():
            return _tell("interrupted", INTERRUPTED)
        case _ if _interrupted(error):
            return _tell("interrupted; what was committed is kept", INTERRUPTED)
        case typer.TyperException():
            what = error.format_message().rstrip(".")
            return _tell(f"error: {what}; {_advice(error, arguments)}", USAGE)
        case VisavisError():
            return _tell(f"error: {error}", error.exit_code)
        case BrokenPipeError():  # the reader of a pipe, such as head, has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        case OSError():
            what = f"{error.filename or 'the system'}: {error.strerror or error}"
            return _tell(f"error: {what}", USAGE)
    raise error


def _interrupted(error: BaseException | None) -> bool:
    """Whether it comes from Ctrl-C: of one in a library's import another error is made."""
    met: set[int] = set()  # some libraries name an error as its own cause
    while error is not None and not isinstance(error, KeyboardInterrupt):
        met.add(id(error))
        error = error.__cause__ or error.__context__
        if id(error) in met:
            return False
    return error is not None


def whole_command() -> Any:
    """The command line with all its commands."""
    group: Any = typer.main.get_command(app)
    group.commands = LazyCommands(COMMANDS)
    return group


def _invoke(arguments: list[str]) -> Any:
    # Not `app(arguments)`: Typer would turn Ctrl-C and a closed pipe into exits of its own.
    command = whole_command()
    with command.make_context("visavis", list(arguments)) as context:
        return command.invoke(context)


def _advice(error: typer.TyperException, arguments: Sequence[str]) -> str:
    context = getattr(error, "ctx", None)
    path = context.command_path if context else " ".join(["visavis", *_names(arguments)])
    return f"see: {path} --help"


def _names(arguments: Sequence[str]) -> Iterator[str]:
    """Of a command line, what names the command: some errors of Typer's do not say it."""
    command = whole_command()
    for word in arguments:
        command = getattr(command, "commands", {}).get(word)
        if command is None:
            return
        yield word


def _tell(sentence: str, code: int) -> int:
    try:
        terminal.tell(sentence)
    except OSError:  # nobody can be told, and the code still says how it ended
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    return code
