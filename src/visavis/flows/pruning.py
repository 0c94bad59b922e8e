"""What leaves the index at the end of a run: what its source no longer has, and nothing else."""

import os
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path

from visavis.errors import LargeRemovalError, SourceError
from visavis.images.files import local_path
from visavis.sources.base import Source, is_remote
from visavis.sources.folder import FolderSource
from visavis.sources.part import FolderPart
from visavis.store.base import Gone, Sweep
from visavis.types import Entry, Failure, IndexReport

_SHARE = 10  # a tenth of a source may leave at once, and a single record in any case


def shown_to_be_there(source: Source, block: Sequence[Entry | Failure]) -> int:
    """How many images of a source are there; in a folder, a broken link shows nothing."""
    if source.lists_missing:
        return len(block)
    return sum(isinstance(entry, Entry) for entry in block)


def prune(
    sweep: Sweep, source: Source, held: int, met: int, report: IndexReport, *, remove_many: bool
) -> None:
    """Remove the records of a source that a run has not met, and count them in its report.

    `held` is how many there were when it began, `met` how many images the source showed. Raises
    SourceError, and removes nothing, when it showed none although the index has some of it;
    LargeRemovalError when they are more than a tenth, unless `remove_many`.
    """
    unsettled: Collection[str] = ()
    if isinstance(source, FolderPart):
        source.check()
        unsettled = source.unsettled
    elif met == 0 and held:
        raise SourceError(
            f"{source.uri}: nothing is there now, and the index has {held} records of it (an "
            "unplugged disk?); nothing was removed - to drop them: visavis remove --source "
            f"{source.uri}"
        )
    empty = source.empty if isinstance(source, FolderSource) and not remove_many else ()
    spared = _Spared(report.failed, empty, unsettled)
    gone = sweep.gone(spared, None if remove_many else max(1, held // _SHARE))
    _count(gone, report)
    for folder, count in spared.in_empty.items():
        report.failed.append(
            Failure(
                folder,
                f"the folder is empty, and the index has {count} records of it (is its disk "
                "there?); they stay, unless you say --yes",
            )
        )
    if gone.refused:
        raise LargeRemovalError(
            f"{source.uri}: {gone.refused} of its {held} records would leave the index, more than "
            "a tenth; what is new was taken in, nothing was removed - if they are gone for good, "
            "say so with --yes"
        )


def drop_moved(sweep: Sweep, report: IndexReport) -> None:
    """Of a list: take out what is gone from its place and was named at another one."""
    _count(sweep.gone(_there, 0), report)


def _count(gone: Gone, report: IndexReport) -> None:
    report.removed += gone.removed - gone.moved
    report.moved += gone.moved
    report.added -= min(gone.moved, report.added)  # of a part, the run before may have met them


def _there(id: str, uri: str) -> bool:
    """Whether a picture that a list named once can still be had."""
    return is_remote(uri) or os.path.lexists(local_path(uri))


class _Spared:
    """Decides which records stay although the run did not meet them: those it failed to read.

    A file that is there and cannot be read now, a catalogue's picture on an unplugged disk, a row
    that is damaged, a folder without permission or without anything in it: none of them is a reason
    to forget a record.
    """

    def __init__(
        self, failed: Sequence[Failure], empty: Sequence[str], others: Collection[str] = ()
    ) -> None:
        self._uris = {failure.uri for failure in failed} | set(others)
        self._ids = {id for failure in failed for id in failure.about}
        self._empty = set(empty)
        self.in_empty: Counter[str] = Counter()
        """How many records stay because of each folder that is empty."""

    def __call__(self, id: str, uri: str) -> bool:
        if id in self._ids or uri in self._uris:
            return True
        if not self._uris and not self._empty:
            return False
        folders = [str(folder) for folder in Path(uri).parents]
        for folder in folders:
            if folder in self._empty:
                self.in_empty[folder] += 1
                return True
        return any(folder in self._uris for folder in folders)
