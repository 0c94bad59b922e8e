"""What pictures say of themselves, for records that were indexed before it was read."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from visavis.errors import ImageError
from visavis.flows.ahead import ahead
from visavis.images.decode import read_about
from visavis.images.files import open_file
from visavis.sources.base import is_remote
from visavis.store.base import Change, VectorStore
from visavis.store.fields import as_text, described
from visavis.types import Failure, ImageRecord, IndexReport


class _Read(NamedTuple):
    changes: list[Change]
    unchanged: int
    away: int
    """Records whose pictures are on the web, or in object storage."""
    failed: list[Failure]


def describe(
    store: VectorStore, jobs: int, progress: Callable[[IndexReport], None] | None = None
) -> IndexReport:
    """Put into the records what the headers of their pictures say, of those on this machine."""
    report = IndexReport()
    changed = away = 0
    for part in ahead(store.records(), _read, jobs, "visavis-headers"):
        store.update(part.changes)
        changed += len(part.changes)
        away += part.away
        report.unchanged += part.unchanged
        report.failed += part.failed
        if progress is not None:
            progress(report)
    report.notes.append(f"{changed} records changed by what their pictures say")
    if away:
        report.notes.append(
            f"{away} pictures that are not on this machine were left out; index them again with "
            "--refresh"
        )
    return report


def _read(records: Sequence[ImageRecord]) -> _Read:
    """On a worker thread."""
    changes, failed = [], []
    away = 0
    for record in records:
        if is_remote(record.uri):
            away += 1
            continue
        try:
            with open_file(record.uri) as file:
                found = read_about(file)
        except ImageError as error:
            failed.append(Failure(error.uri, error.reason))
            continue
        fields = described(record.fields, found)
        if as_text(fields) != as_text(record.fields):
            changes.append(Change(record.id, record.size, record.modified, record.uri, fields))
    unchanged = len(records) - len(changes) - away - len(failed)
    return _Read(changes, unchanged, away, failed)
