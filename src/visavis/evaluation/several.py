"""The same questions for several indexes of the same pictures, each by a model of its own."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from visavis.evaluation.tasks import Options, Task, sampled
from visavis.image_index import ImageIndex
from visavis.types import ImageRecord

_Picture = tuple[str, str]
"""Id and SHA-256."""


def agreed_tasks(
    indexes: Sequence[ImageIndex], make: Callable[[ImageIndex, Options], Task], options: Options
) -> list[Task]:
    """A task for each index, all of the same questions to the same records.

    A record or a query picture that one index lacks (its model could not take it, or it could not
    be read just then) is left out of all, and so is one that was another file by then. A sample is
    drawn of what is left, as it would be for a single index of just that.

    Args:
        indexes: Of the same pictures.
        make: Makes the task of an index.
        options: Of the tasks.
    """
    gone = unshared(indexes)
    sample = options.sample  # drawn last: samples of unlike pools have little in common
    options = replace(options, sample=None, without=options.without | gone)
    while True:
        tasks = [make(index, options) for index in indexes]
        records = _odd([_pictures(task.gallery.records) for task in tasks]) - options.without
        queries = _odd([_pictures(task.queries) for task in tasks]) - options.unasked
        if not records and not queries:
            return [sampled(task, sample, options.seed) for task in tasks]
        options = replace(
            options, without=options.without | records, unasked=options.unasked | queries
        )


def unshared(indexes: Sequence[ImageIndex]) -> frozenset[str]:
    """The ids of pictures that are not in all indexes, or are other files in some."""
    return _odd([_pictures(index.records()) for index in indexes])


def _pictures(records: Iterable[ImageRecord]) -> set[_Picture]:
    return {(record.id, record.sha256) for record in records}


def _odd(every: Sequence[set[_Picture]]) -> frozenset[str]:
    """The ids of pictures that are not in all sets."""
    first, *others = every
    return frozenset(id for id, _ in first.union(*others) - first.intersection(*others))
