"""`visavis index SOURCE --shards DIR`: shards instead of an index."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from visavis.processors import cores

if TYPE_CHECKING:
    from visavis.cli.progress.indexing import IndexProgress
    from visavis.flows.workers.base import Hire
    from visavis.settings import Settings
    from visavis.sources.base import Source
    from visavis.types import IndexReport


def to_shards(
    shards: str,
    sources: "Sequence[Source]",
    model: str | None,
    given: "Settings",
    progress: "IndexProgress",
    cluster: tuple[str | None, float | None],
    *,
    thumbnails: bool,
    refresh: bool,
    allow_private: bool,
) -> "tuple[IndexReport, str]":
    """Write the shards of some sources; the report, and what there is now.

    The model is the one named, else that of shards which are there, else that of a new index.
    `cluster` says whose machines do the work, and their deadline; without one, threads do it.

    Sources that are refused do not stop the others: SourceError is raised when all are done.
    """
    from visavis.cli.cluster.joining import hired
    from visavis.flows.workers.threads import Threads

    write = partial(_written, shards, sources, model, given, thumbnails, refresh)
    where, deadline = cluster
    if where is None:
        return write(Threads, progress.update)
    web = {"allow_private": allow_private, "refresh": refresh}
    with hired(where, deadline, given, progress, **web) as (hire, update):
        return write(hire, update)


def _written(
    shards: str,
    sources: "Sequence[Source]",
    model: str | None,
    given: "Settings",
    thumbnails: bool,
    refresh: bool,
    hire: "Hire",
    progress: "Callable[[IndexReport], None]",
) -> "tuple[IndexReport, str]":
    from visavis.embedders.registry import DEFAULT_MODEL, load_embedder
    from visavis.exchange.shards.held import first_model
    from visavis.exchange.shards.indexing import ShardOptions, index_to_shards
    from visavis.exchange.shards.place import ShardPlace
    from visavis.flows.ingest_all import one_by_one

    place = ShardPlace(shards)
    name = model or first_model(place) or given.model or DEFAULT_MODEL
    embedder = load_embedder(name, threads=1, device=given.device)
    jobs = given.jobs or cores()
    options = ShardOptions(thumbnails, refresh, jobs, given.max_pixels, hire)
    run = partial(index_to_shards, place=place, embedder=embedder, options=options)
    report, refused = one_by_one(
        sources, lambda source, forward: run(source, progress=forward), progress
    )
    if refused is not None:
        raise refused
    count = len(place.names())
    what = "shard" if count == 1 else "shards"
    return report, f"{count} {what} in {place.uri}, model {embedder.name}"
