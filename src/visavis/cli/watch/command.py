"""`visavis watch`: folders and catalogues, kept up to date in an index."""

import signal
import threading
from typing import TYPE_CHECKING, Annotated

import typer

from visavis.cli import options, terminal

if TYPE_CHECKING:
    from visavis.image_index import ImageIndex
    from visavis.settings import Settings
    from visavis.sources.base import SourceOptions
    from visavis.types import IndexReport

_WAIT = 5.0  # seconds for another writer, before it is said that one is waited for


def watch(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            help="Folders and catalogues (.csv .tsv .jsonl .parquet).",
            show_default=False,
        ),
    ],
    index: options.Index = None,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="MODEL", help="Name or folder, for a new index."),
    ] = None,
    image_column: options.ImageColumn = None,
    id_column: options.IdColumn = None,
    exclude: options.Exclude = None,
    poll: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            min=0.1,
            help="Look at folders every so many seconds instead of waiting for the system's "
            "events. [default: where it sends none]",
            show_default=False,
        ),
    ] = None,
    yes: Annotated[
        bool,
        typer.Option(
            "--yes",
            "-y",
            help="Remove what is gone, even if that is more than a tenth of a source at once.",
        ),
    ] = False,
    alert: Annotated[
        list[str] | None,
        typer.Option(
            metavar="concept:NAME",
            help="Print a line for each new picture that is such; may be repeated.",
        ),
    ] = None,
    alert_command: Annotated[
        str | None,
        typer.Option(
            metavar="COMMAND",
            help="Also run a command for each alert, without a shell; it gets the alert as JSON on "
            "standard input and in VISAVIS_ALERT, _ID, _URI and _SCORE.",
        ),
    ] = None,
    alert_webhook: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Also send each alert as JSON to a URL; one in a private network needs "
            "--allow-private.",
        ),
    ] = None,
    jobs: options.Jobs = None,
    device: options.Device = None,
    max_megapixels: options.MaxMegapixels = None,
    allow_private: options.AllowPrivate = False,
    json_output: options.Json = False,
) -> int:
    """Keep an index up to date while its folders change.

    It begins as `visavis index` does. Then what is new, changed, renamed or gone is taken in as
    soon as nothing more is written to it, until Ctrl-C. A disk that is unplugged loses nothing.
    """
    from visavis.cli.indexing import refuse_idle_options
    from visavis.cli.watch.alerting import alerting
    from visavis.cli.watch.lines import show
    from visavis.sources.base import SourceOptions
    from visavis.watching.watcher import Watcher, WatchOptions

    given = options.settings(index, device, jobs, max_megapixels, model)
    refuse_idle_options(sources, image_column or id_column, exclude)
    about_sources = SourceOptions(
        image_column=image_column,
        id_column=id_column,
        exclude=exclude or [],
        allow_private=allow_private,
    )
    _check(given, sources, about_sources)
    wanted = alert or [], alert_command, alert_webhook
    with (
        _opened(given, model) as target,
        alerting(target, *wanted, allow_private, json_output) as look,
    ):

        def report(done: "IndexReport") -> None:
            show(done, json_output=json_output)
            look()

        watcher = Watcher(
            target,
            sources,
            WatchOptions(poll, yes),
            report=report,
            say=terminal.tell,
            **about_sources,
        )
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        watcher.run(stop)
    terminal.tell("stopped; what was taken in is kept")
    return 0


def _check(given: "Settings", sources: list[str], about_sources: "SourceOptions") -> None:
    """Look at the sources first: a wrong name must not leave an empty index behind."""
    from visavis.store.open import store_exists
    from visavis.watching.places import watched

    if not store_exists(given.index):
        for source in sources:
            watched(source, about_sources, ())


def _opened(given: "Settings", model: str | None) -> "ImageIndex":
    from visavis.image_index import ImageIndex
    from visavis.store.open import store_exists

    return ImageIndex.create(
        given.index,
        model or (None if store_exists(given.index) else given.model or None),
        device=given.device,
        jobs=given.jobs or None,
        max_pixels=given.max_pixels,
        lock_seconds=_WAIT,
    )
