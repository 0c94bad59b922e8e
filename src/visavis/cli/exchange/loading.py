"""`visavis load`: shards into an index."""

from typing import Annotated

import typer

from visavis.cli import options

SKIPPED = 4  # exit code with --strict


def load(
    shards: Annotated[
        list[str],
        typer.Argument(
            metavar="SHARDS...",
            help="Folders of shards (s3:// too), or single ones; exports in Parquet as well.",
            show_default=False,
        ),
    ],
    index: options.Index = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with code 4 if rows were skipped.")
    ] = False,
    json_output: options.Json = False,
) -> int:
    """Take shards, written by index --shards, into an index.

    The index is created if needed, and loading may be stopped and repeated. A picture that has
    changed comes in as the newest of these shards has it, unless its source was indexed into the
    index itself since that shard was made: then the index keeps what it has. A shard that is
    damaged, or was made by another model, is named and left out; the others are taken in, and the
    exit code is that of the error (2, or 3 for another model).
    """
    from visavis.cli.progress import reports
    from visavis.cli.progress.loading import LoadProgress
    from visavis.exchange.shards.loading import load_shards

    given = options.settings(index)
    with LoadProgress() as progress:
        loaded = load_shards(shards, given.index, progress=progress.update)
    with options.open_index(given) as target:
        reports.show(loaded.report, target, json_output)
    error = loaded.error()
    if error is not None:
        raise error
    return SKIPPED if strict and loaded.report.failed else 0
