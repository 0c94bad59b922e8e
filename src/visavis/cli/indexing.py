"""`visavis index`: folders, catalogues and lists into an index."""

import io
import sys
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from visavis.cli import options, terminal

if TYPE_CHECKING:
    from collections.abc import Callable

    from visavis.image_index import ImageIndex
    from visavis.sources.base import Source
    from visavis.types import IndexReport

SKIPPED = 4  # exit code with --strict
_WIDE = 4096  # dimensions; of more, searches have no approximate index
_SHOWN = 20  # lines of failures and notes on a screen; --json has them all


def index(
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SOURCE...",
            help="Folders, catalogues (.csv .tsv .jsonl .parquet), pictures, URLs, "
            "s3://BUCKET/PREFIX; - reads paths from standard input.",
            show_default=False,
        ),
    ] = None,
    index: options.Index = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="MODEL",
            help="Name, folder, or several as 0.7:a+0.3:b, for a new index or with --rebuild.",
        ),
    ] = None,
    reduce: Annotated[
        int | None,
        typer.Option(
            "--reduce",
            min=1,
            metavar="N",
            help="Reduce vectors to N dimensions (PCA of the first pictures), for a new index.",
        ),
    ] = None,
    shards: Annotated[
        str | None,
        typer.Option(
            "--shards",
            metavar="DIR",
            help="Write Parquet shards into this folder (s3:// too) instead of an index, for "
            "`visavis load`.",
        ),
    ] = None,
    thumbnails: Annotated[
        bool, typer.Option("--thumbnails", help="With --shards: with small pictures in them.")
    ] = False,
    image_column: options.ImageColumn = None,
    id_column: options.IdColumn = None,
    exclude: options.Exclude = None,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Make every vector again, with --model if given.")
    ] = False,
    tag: Annotated[
        int | None,
        typer.Option(
            "--tag",
            min=0,
            metavar="N",
            help="Give every record up to N tags in the field tags, for --where tags~dog; 0 "
            "removes them.",
        ),
    ] = None,
    vocabulary: options.Vocabulary = None,
    metadata: Annotated[
        bool,
        typer.Option(
            "--metadata",
            help="Read when, where and with what the pictures of an older index were taken, off "
            "their headers alone.",
        ),
    ] = False,
    yes: Annotated[
        bool,
        typer.Option(
            "--yes",
            "-y",
            help="Remove what is gone, even if that is more than a tenth of a source, or all of "
            "an emptied folder in it.",
        ),
    ] = False,
    refresh: Annotated[
        bool,
        typer.Option(
            "--refresh", help="Read everything again, even if it seems unchanged; ask URLs again."
        ),
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with code 4 if files were skipped.")
    ] = False,
    jobs: options.Jobs = None,
    device: options.Device = None,
    max_megapixels: options.MaxMegapixels = None,
    allow_private: options.AllowPrivate = False,
    json_output: options.Json = False,
) -> int:
    """Index pictures, or update an index.

    Unchanged files are not read again, moved ones keep their vectors, and what left a folder or
    catalogue leaves the index. A broken picture is reported and skipped.
    """
    from visavis.cli.progress.indexing import IndexProgress
    from visavis.errors import UsageError
    from visavis.image_index import ImageIndex
    from visavis.types import merged

    given = options.settings(index, device, jobs, max_megapixels, model)
    _check_tasks(bool(sources or rebuild or metadata), tag, vocabulary)
    others: dict[str, object] = {
        "--index": index,
        "--rebuild": rebuild,
        "--tag": tag is not None,
        "--yes": yes,
    }
    others |= {"--metadata": metadata, "--reduce": reduce}
    _check_shards(shards, thumbnails, [name for name, value in others.items() if value])
    if reduce is not None and (rebuild or not sources or "-" in sources):
        raise UsageError("--reduce is for a new index, of sources that can be read twice")
    refuse_idle_options(sources or [], image_column or id_column, exclude)
    if (yes or refresh) and not sources:
        raise UsageError("--yes and --refresh are for sources; none was given")
    # Opened before the index is made: a wrong name must not leave an empty index behind.
    opening = partial(
        _opened,
        image_column=image_column,
        id_column=id_column,
        exclude=exclude or [],
        allow_private=allow_private,
        refresh=refresh,
    )
    opened = opening(sources or [])
    columns = {"image_column": image_column, "id_column": id_column}
    if shards is not None:
        from visavis.cli.exchange.sharding import index_shards

        with IndexProgress(sources or [], exclude or [], **columns) as progress:
            how = {"thumbnails": thumbnails, "refresh": refresh}
            report, place = index_shards(shards, opened, model, given, progress.update, **how)
            progress.stop()
            tell(report, json_output, place)
        return SKIPPED if strict and report.failed else 0
    if rebuild or not opened:
        target = options.open_index(given)
    else:
        target = ImageIndex.create(
            given.index,
            model or (given.model or None if not _exists(given.index) else None),
            device=given.device,
            jobs=given.jobs or None,
            reduce=reduce,
            sources=opened,
            max_pixels=given.max_pixels,
        )
        _warn_of_width(target)
    with target, IndexProgress(sources or [], exclude or [], **columns) as progress:
        reports = []
        words = _vocabulary(vocabulary)
        if tag and not rebuild:
            target.tagging.check(words)
        if rebuild:
            reports.append(
                target.rebuild(model, allow_private=allow_private, progress=progress.update)
            )
        if opened:
            add = partial(target.add, progress=progress.update, refresh=refresh)
            again = [source for source in sources or [] if source != "-"]
            reports.append(
                _added(partial(add, *opened), lambda: add(*opening(again), remove_many=True), yes)
            )
        reports += [target.describe(progress.update)] if metadata else []
        if tag is not None:
            tagged = target.tagging.write(
                tag, vocabulary=words, allow_private=allow_private, progress=progress.tagging
            )
            reports.append(tagged)
        report = merged(reports)
        _tell_untagged(target, report, tag)
        progress.stop()
        show(report, target, json_output)
    return SKIPPED if strict and report.failed else 0


def _check_tasks(others: bool, tag: int | None, vocabulary: str | None) -> None:
    """Raise UsageError where there is nothing to do."""
    from visavis.errors import UsageError

    if not others and tag is None:
        raise UsageError(
            "nothing to index; give folders, catalogues or pictures, --rebuild, --tag or --metadata"
        )
    if vocabulary is not None and not tag:
        raise UsageError("--vocabulary is for --tag N")


def _check_shards(shards: str | None, thumbnails: bool, others: list[str]) -> None:
    """Raise UsageError for options that mean nothing to shards, or to an index."""
    from visavis.errors import UsageError

    if shards is None and thumbnails:
        raise UsageError("--thumbnails is for --shards; an index makes them when they are shown")
    if shards is not None and others:
        raise UsageError(f"--shards writes files, and no index; leave out {', '.join(others)}")


def refuse_idle_options(sources: list[str], column: str | None, exclude: list[str] | None) -> None:
    """An option that would do nothing is a mistake in the command."""
    from pathlib import Path

    from visavis.buckets.address import is_object
    from visavis.errors import UsageError
    from visavis.sources.base import is_remote
    from visavis.sources.tables import CATALOGUE_SUFFIXES

    paths = [Path(source) for source in sources if source != "-" and not is_remote(source)]
    catalogues = [path for path in paths if path.suffix.lower() in CATALOGUE_SUFFIXES]
    if column is not None and not catalogues:
        raise UsageError("--image-column and --id-column are for catalogues; none was given")
    folders = [path for path in paths if path.is_dir()]
    away = [path for path in paths if path not in catalogues and not path.exists()]
    buckets = any(map(is_object, sources))
    if (
        exclude and not buckets and not folders + away
    ):  # what is away may be a folder on a disk that comes back
        raise UsageError("--exclude is for folders and s3://; none was given")


def _added(
    add: "Callable[..., IndexReport]", again: "Callable[[], IndexReport]", yes: bool
) -> "IndexReport":
    """The report of adding; where too much would leave, somebody who sits there is asked."""
    from visavis.errors import LargeRemovalError

    try:
        return add(remove_many=yes)
    except LargeRemovalError as error:
        if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
            raise
        terminal.tell(str(error))
        if not typer.confirm("Remove them?", err=True):
            raise
    return again()


def _vocabulary(file: str | None) -> list[str] | None:
    if file is None:
        return None
    from pathlib import Path

    from visavis.embedders.tagger import read_vocabulary

    return read_vocabulary(Path(file))


def _tell_untagged(index: "ImageIndex", report: "IndexReport", tag: int | None) -> None:
    if tag is None and report.added and index.tagging.made:
        report.notes.append("the new pictures have no tags yet; give them some with --tag N")


def _warn_of_width(index: "ImageIndex") -> None:
    """Say what very wide vectors cost, before they are made."""
    dim = index.info().dim
    if dim > _WIDE and not len(index):
        terminal.tell(
            f"note: {dim:,} dimensions take {2 * dim / 1000:.0f} KB a picture on disk, and every "
            "search reads half of that for each; begin with --reduce 256 to keep the weightiest"
        )


def _exists(index: str) -> bool:
    from visavis.store.open import store_exists

    return store_exists(index)


def _opened(
    sources: list[str], *, allow_private: bool, refresh: bool, **catalogue: Any
) -> "list[Source]":
    from visavis.sources.base import open_source
    from visavis.sources.paths import PathList

    if "-" in sources and isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="surrogateescape")  # names need not be UTF-8
    return [
        PathList(sys.stdin, allow_private=allow_private, refresh=refresh)
        if source == "-"
        else open_source(source, allow_private=allow_private, refresh=refresh, **catalogue)
        for source in sources
    ]


def show(report: "IndexReport", index: "ImageIndex", json_output: bool) -> None:
    """Report what a run did to an index."""
    info = index.info()
    what = "record" if info.records == 1 else "records"
    place = index.store.facts.place
    tell(report, json_output, f"{info.records} {what} in {place}, model {info.model}")


def tell(report: "IndexReport", json_output: bool, last: str) -> None:
    """Report what a run did; for people, what there is now in the last line."""
    if json_output:
        terminal.echo_json(report.to_dict())
        return
    lines = [f"skipped {failure.uri}: {failure.reason}" for failure in report.failed]
    lines += [f"note: {note}" for note in report.notes]
    for line in lines[:_SHOWN]:
        terminal.tell(line)
    if len(lines) > _SHOWN:
        terminal.tell(f"… and {len(lines) - _SHOWN} more; --json lists them all")
    counts = [
        f"{getattr(report, name)} {name}" for name in ("added", "unchanged", "moved", "removed")
    ]
    counts += [f"{report.tagged} tagged"] if report.tagged else []
    rate = report.added / report.seconds if report.seconds > 0 else 0.0
    pace = f" ({rate:.0f} images a second)" if report.added and rate >= 1 else ""
    terminal.echo(
        f"{', '.join(counts)}, {len(report.failed)} skipped in {report.seconds:.1f} s{pace}"
    )
    terminal.echo(last)
