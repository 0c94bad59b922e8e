"""`visavis watch`: folders and catalogues, kept up to date in an index."""

import signal
import threading
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from visavis.cli import options, terminal

if TYPE_CHECKING:
    from visavis.image_index import ImageIndex
    from visavis.settings import Settings
    from visavis.sources.base import SourceOptions

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
    with _opened(given, model) as target:
        watcher = Watcher(
            target,
            sources,
            WatchOptions(poll, yes),
            report=partial(show, json_output=json_output),
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
