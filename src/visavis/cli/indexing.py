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
    from visavis.settings import Settings
    from visavis.sources.base import Source
    from visavis.types import IndexReport

SKIPPED = 4  # exit code with --strict
_WIDE = 4096  # dimensions; of more, searches have no approximate index


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
    ray: Annotated[
        str | None,
        typer.Option(
            "--ray",
            metavar="WHERE",
            help="Have the machines of a Ray cluster read and embed: local (this one alone), auto "
            "($RAY_ADDRESS, or the cluster of this machine) or HOST:PORT.",
        ),
    ] = None,
    ray_deadline: Annotated[
        float | None,
        typer.Option(
            "--ray-deadline",
            min=1,
            metavar="SECONDS",
            help="Give up when the cluster has done nothing for so long. [default: 300]",
            show_default=False,
        ),
    ] = None,
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
            help="Give every record up to N tags in the field tags, for --where tags=dog; 0 "
            "removes them.",
        ),
    ] = None,
    vocabulary: options.Vocabulary = None,
    tag_concepts: Annotated[
        bool,
        typer.Option(
            "--tag-concepts",
            help="Write to every record which concepts it is, as `visavis concept tag` does.",
        ),
    ] = False,
    parts: options.Parts = None,
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
    from visavis.cli.cluster.joining import check_ray_options, index_by_cluster
    from visavis.cli.concepts.tagging import write_concepts
    from visavis.cli.exchange.sharding import to_shards
    from visavis.cli.progress.indexing import IndexProgress
    from visavis.cli.progress.reports import show, summary, tell
    from visavis.cli.upkeep import keep_parts
    from visavis.errors import UsageError
    from visavis.types import merged

    given = options.settings(index, device, jobs, max_megapixels, model)
    tasks = bool(sources or rebuild or metadata or tag_concepts or parts is not None)
    _check_tasks(tasks, tag, vocabulary)
    others: dict[str, object] = {
        "--index": index,
        "--rebuild": rebuild,
        "--tag": tag is not None,
        "--tag-concepts": tag_concepts,
        "--yes": yes,
    }
    others |= {"--metadata": metadata, "--reduce": reduce, "--parts": parts is not None}
    _check_shards(shards, thumbnails, [name for name, value in others.items() if value])
    check_ray_options(ray, ray_deadline, jobs, others)
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
        with IndexProgress(sources or [], exclude or [], **columns) as progress:
            how = {"thumbnails": thumbnails, "refresh": refresh, "allow_private": allow_private}
            cluster = ray, ray_deadline
            report, last = to_shards(shards, opened, model, given, progress, cluster, **how)
            progress.stop()
            tell(report, json_output, last)
        return SKIPPED if strict and report.failed else 0
    making = partial(_made, given, model, reduce, opened)
    again = partial(opening, [source for source in sources or [] if source != "-"])
    adding = partial(_brought_up_to_date, opened, again, refresh, yes)
    if ray is not None:
        with IndexProgress(sources or [], exclude or [], **columns) as progress:
            web = {"allow_private": allow_private, "refresh": refresh}
            report, last = index_by_cluster(
                ray, ray_deadline, given, making, adding, summary, progress, **web
            )
            progress.stop()
            tell(report, json_output, last)
        return SKIPPED if strict and report.failed else 0
    target = options.open_index(given) if rebuild or not opened else making(device=given.device)
    with target, IndexProgress(sources or [], exclude or [], **columns) as progress:
        reports = []
        words = _vocabulary(vocabulary)
        _check_tagging(target, bool(tag) and not rebuild, words, tag_concepts)
        reports += keep_parts(target, parts, allow_private, progress.keeping)
        if rebuild:
            reports.append(
                target.rebuild(model, allow_private=allow_private, progress=progress.update)
            )
        if opened:
            reports.append(adding(target, progress.update))
        reports += [target.describe(progress.update)] if metadata else []
        if tag is not None:
            tagged = target.tagging.write(
                tag, vocabulary=words, allow_private=allow_private, progress=progress.tagging
            )
            reports.append(tagged)
        report = merged(reports)
        if tag_concepts:
            report.notes += write_concepts(target)
        _tell_untagged(target, report, tag, tag_concepts)
        progress.stop()
        show(report, target, json_output)
    return SKIPPED if strict and report.failed else 0


def _made(
    given: "Settings",
    model: str | None,
    reduce: int | None,
    sources: "list[Source]",
    **options: Any,
) -> "ImageIndex":
    """The index of the settings, or a new one of that model."""
    from visavis.image_index import ImageIndex

    made = ImageIndex.create(
        given.index,
        model or (given.model or None if not _exists(given.index) else None),
        jobs=given.jobs or None,
        reduce=reduce,
        sources=sources,
        max_pixels=given.max_pixels,
        **options,
    )
    _warn_of_width(made)
    return made


def _brought_up_to_date(
    sources: "list[Source]",
    again: "Callable[[], list[Source]]",
    refresh: bool,
    yes: bool,
    index: "ImageIndex",
    progress: "Callable[[IndexReport], None]",
) -> "IndexReport":
    """The report of indexing sources; `again` opens them once more, should somebody be asked."""
    add = partial(index.add, progress=progress, refresh=refresh)
    return _added(partial(add, *sources), lambda: add(*again(), remove_many=True), yes)


def _check_tasks(others: bool, tag: int | None, vocabulary: str | None) -> None:
    """Raise UsageError where there is nothing to do."""
    from visavis.errors import UsageError

    if not others and tag is None:
        raise UsageError(
            "nothing to index; give folders, catalogues or pictures, --rebuild, --tag, "
            "--tag-concepts, --parts or --metadata"
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
    from visavis.images.files import IMAGE_SUFFIXES
    from visavis.sources.base import is_remote
    from visavis.sources.endings import CATALOGUE_SUFFIXES

    paths = [Path(source) for source in sources if source != "-" and not is_remote(source)]
    catalogues = [path for path in paths if path.suffix.lower() in CATALOGUE_SUFFIXES]
    if column is not None and not catalogues:
        raise UsageError("--image-column and --id-column are for catalogues; none was given")
    folders = [path for path in paths if path.is_dir()]
    away = [path for path in paths if path not in catalogues and not path.exists()]
    buckets = [one for one in sources if is_object(one) and not one.endswith(IMAGE_SUFFIXES)]
    if exclude and not folders + away + buckets:  # what is away may be on a disk that comes back
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


def _check_tagging(
    index: "ImageIndex", tags: bool, words: list[str] | None, concepts: bool
) -> None:
    """Raise, before any work is done, what tagging would raise after it."""
    if tags:
        index.tagging.check(words)
    if concepts:
        index.concepts.check()


def _tell_untagged(
    index: "ImageIndex", report: "IndexReport", tag: int | None, concepts: bool
) -> None:
    if tag is None and report.added and index.tagging.made:
        report.notes.append("the new pictures have no tags yet; give them some with --tag N")
    if not concepts and report.added and index.concepts.made and len(index.concepts):
        report.notes.append("the new pictures have no concepts yet; --tag-concepts gives them some")


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
    from visavis.sources.paths import PathList, piped_names

    if "-" in sources and isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="surrogateescape")  # names need not be UTF-8
    return [
        PathList(piped_names(sys.stdin), allow_private=allow_private, refresh=refresh)
        if source == "-"
        else open_source(source, allow_private=allow_private, refresh=refresh, **catalogue)
        for source in sources
    ]
