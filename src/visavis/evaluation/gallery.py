"""The records and vectors of an index, side by side in memory, to be searched exhaustively."""

import difflib
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np

from visavis.errors import UsageError
from visavis.filters import described, parse_all
from visavis.image_index import ImageIndex
from visavis.types import ImageRecord, Vectors


@dataclass(frozen=True, slots=True, eq=False)
class Gallery:
    """Records in the order of their ids, which is how a search breaks ties, and their vectors."""

    records: tuple[ImageRecord, ...]
    vectors: Vectors

    def __len__(self) -> int:
        return len(self.records)

    def rows(self) -> dict[str, int]:
        """Where each id stands."""
        return {record.id: row for row, record in enumerate(self.records)}

    def only(self, rows: Iterable[int]) -> "Gallery":
        """The part with these rows, given in ascending order."""
        chosen = list(rows)
        return Gallery(tuple(self.records[row] for row in chosen), self.vectors[chosen])


def load_gallery(
    index: ImageIndex, where: Iterable[str] = (), without: Collection[str] = ()
) -> Gallery:
    """The records of an index that pass a filter, `without` those of some ids.

    Takes a gigabyte of memory for a million vectors of 256 dimensions, three while it loads. Raises
    FilterError, and UsageError when there is no record, or none that other models have too.
    """
    chosen = parse_all(where)
    passed = 0
    records: list[ImageRecord] = []
    blocks = [np.empty((0, index.store.model().dim), np.float32)]
    for block in index.store.rows(chosen):
        passed += len(block.records)
        kept = [at for at, record in enumerate(block.records) if record.id not in without]
        records += [block.records[at] for at in kept]
        blocks.append(block.vectors[kept])
    if passed and not records:
        raise UsageError(
            "the models have no picture in common"
            + (f" that passes {described(chosen)}" if chosen else "")
            + "; there is nothing to evaluate"
        )
    if not records:
        reason = f"no record passes {described(chosen)}" if chosen else "the index is empty"
        raise UsageError(f"{index.path}: {reason}; there is nothing to evaluate")
    if len({record.id for record in records}) != len(records):  # one was met, replaced, and met
        raise UsageError(f"{index.path}: the index was being written to; evaluate it again")
    order = sorted(range(len(records)), key=lambda at: records[at].id)
    return Gallery(tuple(records[at] for at in order), np.concatenate(blocks)[order])


def check_field(name: str, records: Iterable[ImageRecord], place: str) -> None:
    """Raise UsageError when no record has the field; `place` says where it was looked for."""
    names: set[str] = set()
    for record in records:
        if name in record.fields:
            return
        names |= record.fields.keys()
    near = difflib.get_close_matches(name, names, n=1)
    if near:
        hint = f"did you mean {near[0]!r}?"
    else:
        hint = f"fields: {', '.join(sorted(names))}" if names else "there are no fields at all"
    raise UsageError(f"no record of {place} has a field {name!r}; {hint}")
