"""The same records through another model: every vector is made again, then all change at once.

New vectors gather in a database of their own, so a run that was stopped goes on where it was; until
the last moment the index answers with the old model. Running servers follow the change.
"""

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from visavis.embedders.base import Embedder
from visavis.errors import IndexDamagedError, SourceError
from visavis.flows.ahead import ahead
from visavis.flows.aspects.colours import renew_colours
from visavis.flows.ingest import IngestOptions, Progress
from visavis.flows.looking import embedded, look_at
from visavis.matching.signature import signature
from visavis.store.base import ModelFacts, VectorStore
from visavis.store.capabilities import Rebuilding, has_evidence, rebuildable
from visavis.types import Failure, ImageRecord, IndexReport, Vectors

Read = Callable[[str], bytes]
"""The bytes at a record's URI; raises ImageError."""

_FAILED_AT_MOST = 0.1  # of the records; more looks like a disk that is not there
_Numbered = tuple[int, ImageRecord]


class _Embedded(NamedTuple):
    """A batch through the new model."""

    numbers: list[int]
    vectors: Vectors
    hashes: list[str]
    signatures: list[bytes]
    failed: list[Failure]


def reindex(
    store: VectorStore,
    embedder: Embedder,
    read: Read,
    options: IngestOptions,
    progress: Progress | None = None,
) -> IndexReport:
    """Give every record a vector of another model; the caller holds the write lock.

    Records whose picture cannot be read any more, or not by the model, leave the index and are
    reported as failed. Raises SourceError, and changes nothing, when that is more than one in ten.
    """
    started = time.monotonic()
    report = IndexReport()
    model = ModelFacts(embedder.name, embedder.ref, embedder.fingerprint, embedder.dim)
    with rebuildable(store).rebuild(model) as rebuild:
        report.unchanged = rebuild.count()
        for batch in _embedded(rebuild, embedder, read, options):
            if has_evidence(store):  # first: what a run that was stopped has put is not read again
                store.evidence.keep(dict(zip(batch.hashes, batch.signatures, strict=True)))
            rebuild.put(batch.numbers, batch.vectors, batch.hashes)
            report.added += len(batch.numbers)
            report.failed += batch.failed
            if progress is not None:
                progress(report)
        total = report.unchanged + report.added + len(report.failed)
        if len(report.failed) > _FAILED_AT_MOST * total:
            first = report.failed[0]
            raise SourceError(
                f"{store.facts.place}: {len(report.failed)} of {total} pictures cannot be read, or "
                f"not by this model (the first: {first.uri}: {first.reason}); the index was left "
                "as it is"
            )
        renewed = _colours_renewed(store)
        left = rebuild.swap()
    if not renewed:
        renew_colours(store)
    report.notes += [left] if left else []
    report.removed = len(report.failed)
    if report.failed:
        report.notes.append(
            f"{report.removed} records left the index, as their pictures could not be read, or not "
            "by this model; index their folder or catalogue again when they are back"
        )
    report.seconds = time.monotonic() - started
    return report


def _colours_renewed(store: VectorStore) -> bool:
    """Renew colours, now that all have signatures; readers read them anew at the swap.

    Where old vectors are damaged, which is what a rebuild mends, it has to wait for the new ones.
    """
    try:
        renew_colours(store)
    except IndexDamagedError:
        return False
    return True


def _embedded(
    rebuild: Rebuilding, embedder: Embedder, read: Read, options: IngestOptions
) -> Iterator[_Embedded]:
    """Batches of new vectors."""

    def work(batch: Sequence[_Numbered]) -> _Embedded:
        return _embed(batch, embedder, read, options.max_pixels)

    return ahead(rebuild.missing(), work, options.jobs, "visavis-embed")


def _embed(
    batch: Sequence[_Numbered], embedder: Embedder, read: Read, max_pixels: int
) -> _Embedded:
    looked, failed = look_at(batch, lambda item: read(item[1].uri), _uri, embedder.side, max_pixels)
    made, refused = embedded(looked, _uri, embedder)
    vectors = np.array([vector for _, vector in made], np.float32).reshape(-1, embedder.dim)
    hashes = [hashlib.sha256(one.data).hexdigest() for one, _ in made]
    signatures = [signature(one.picture.pixels).packed() for one, _ in made]
    numbers = [one.item[0] for one, _ in made]
    return _Embedded(numbers, vectors, hashes, signatures, failed + refused)


def _uri(item: _Numbered) -> str:
    return item[1].uri
