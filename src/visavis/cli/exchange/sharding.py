"""`visavis index SOURCE --shards DIR`: shards instead of an index."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from visavis.settings import Settings
    from visavis.sources.base import Source
    from visavis.types import IndexReport


def index_shards(
    shards: str,
    sources: "Sequence[Source]",
    model: str | None,
    given: "Settings",
    progress: "Callable[[IndexReport], None]",
    *,
    thumbnails: bool,
    refresh: bool,
) -> "tuple[IndexReport, str]":
    """Write the shards of some sources; the report, and what there is now.

    The model is the one named, else that of shards which are there, else that of a new index.

    Sources that are refused do not stop the others: SourceError is raised when all are done.
    """
    import os
    from functools import partial

    from visavis.embedders.registry import DEFAULT_MODEL, load_embedder
    from visavis.exchange.shards.held import first_model
    from visavis.exchange.shards.indexing import ShardOptions, index_to_shards
    from visavis.exchange.shards.place import ShardPlace
    from visavis.flows.ingest_all import one_by_one

    place = ShardPlace(shards)
    name = model or first_model(place) or given.model or DEFAULT_MODEL
    embedder = load_embedder(name, threads=1, device=given.device)
    jobs = given.jobs or os.cpu_count() or 1
    options = ShardOptions(thumbnails, refresh, jobs, given.max_pixels)
    run = partial(index_to_shards, place=place, embedder=embedder, options=options)
    report, refused = one_by_one(
        sources, lambda source, forward: run(source, progress=forward), progress
    )
    if refused is not None:
        raise refused
    count = len(place.names())
    what = "shard" if count == 1 else "shards"
    return report, f"{count} {what} in {place.uri}, model {embedder.name}"
