"""What leaves the index at the end of a run: what its source no longer has, and nothing else."""

from collections.abc import Sequence
from pathlib import Path

from visavis.errors import SourceError
from visavis.sources.base import Source
from visavis.store.base import Sweep
from visavis.types import Entry, Failure, IndexReport


def shown_to_be_there(source: Source, block: Sequence[Entry | Failure]) -> int:
    """How many images of a source are there; in a folder, a broken link shows nothing."""
    if source.kind == "catalogue":
        return len(block)
    return sum(isinstance(entry, Entry) for entry in block)


def prune(
    sweep: Sweep,
    source: Source,
    met: int,
    report: IndexReport,
) -> None:
    """Remove the records of a source that a run has not met, and count them in its report.

    `met` is how many images the source showed. Raises SourceError, and removes nothing, when there
    were none although the index has records of the source.
    """
    if not source.prunes:
        return
    if met == 0 and (held := sweep.count()):
        raise SourceError(
            f"{source.uri}: nothing is there now, and the index has {held} records of it (an "
            "unplugged disk?); nothing was removed - to drop them: visavis remove --source "
            f"{source.uri}"
        )
    if any(failure.uri.startswith(f"{source.uri}#row=") for failure in report.failed):
        report.notes.append(
            f"{source.uri}: some rows could not be read, so it cannot be told which records are "
            "gone; nothing was removed"
        )
        return
    removed, moved = sweep.gone(_Spared(report.failed))
    report.removed, report.moved = removed - moved, moved
    report.added -= moved


class _Spared:
    """Tells which records stay although the run did not meet them: those it failed to read.

    A file that is there and cannot be read now, a catalogue's picture on an unplugged disk, a
    folder without permission: none of them is a reason to forget a record.
    """

    def __init__(self, failed: Sequence[Failure]) -> None:
        self._uris = {failure.uri for failure in failed}

    def __call__(self, uri: str) -> bool:
        if not self._uris:
            return False
        return uri in self._uris or any(str(up) in self._uris for up in Path(uri).parents)
