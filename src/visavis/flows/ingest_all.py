"""Indexing several sources, one after the other, as one run."""

from collections.abc import Callable, Iterable

from visavis.embedders.base import Embedder
from visavis.errors import SourceError
from visavis.flows.ingest import IngestOptions, Progress, ingest
from visavis.sources.base import Source
from visavis.store.base import VectorStore
from visavis.types import IndexReport, merged


def ingest_all(
    sources: Iterable[Source],
    store: VectorStore,
    embedder: Embedder,
    options: IngestOptions,
    progress: Progress | None,
) -> tuple[IndexReport, SourceError | None]:
    """Index sources, closing each; the report, and an error for those that were refused.

    A source that cannot be opened raises SourceError at once, and the ones after it are not met.
    """
    return one_by_one(
        sources,
        lambda source, forward: ingest(source, store, embedder, options, forward),
        progress,
    )


def one_by_one(
    sources: Iterable[Source],
    run: Callable[[Source, Progress], IndexReport],
    progress: Progress | None,
) -> tuple[IndexReport, SourceError | None]:
    """Do something with each of some sources and close it; one report, and one error, for all."""
    done: list[IndexReport] = []
    refused: list[SourceError] = []

    def forward(report: IndexReport) -> None:
        if progress is not None:
            progress(merged([*done, report]))

    for source in sources:
        try:
            done.append(run(source, forward))
        except SourceError as error:
            refused.append(error)  # the others are done all the same
        finally:
            source.close()
    return merged(done), _one(refused)


def _one(errors: list[SourceError]) -> SourceError | None:
    """One error for all of them."""
    if len(errors) <= 1:
        return errors[0] if errors else None
    alike = {type(error) for error in errors}
    kind = alike.pop() if len(alike) == 1 else SourceError
    return kind("; ".join(map(str, errors)))
