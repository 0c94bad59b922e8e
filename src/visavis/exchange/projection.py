"""Where records lie on the kept map, as columns that Embedding Atlas reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from visavis.flows.mapping.kept import KeptMap, keys_of, read_map
from visavis.store.base import VectorStore
from visavis.types import Filter, ImageRecord

X, Y, NEIGHBORS = "projection_x", "projection_y", "neighbors"
"""The names of the columns."""


@dataclass(frozen=True, slots=True)
class Projection:
    """The places of an export's records."""

    kept: KeptMap
    on_map: dict[tuple[str, str], int]
    """Of an id and its content: the row on the map."""
    in_file: dict[int, int]
    """Of a row on the map: the row in the file."""
    missing: int
    """Records that are not on the map."""

    def columns(self, records: Sequence[ImageRecord]) -> dict[str, list[Any]]:
        """The values of some records; None for those that are not on the map.

        A neighbour is called by its row in the file, counted from zero; those that are not in the
        file are left out. Distances are 1 - cosine.
        """
        rows = [self.on_map.get(key) for key in _keys(records)]
        places = [None if row is None else self.kept.positions[row] for row in rows]
        return {
            X: [None if place is None else float(place[0]) for place in places],
            Y: [None if place is None else float(place[1]) for place in places],
            NEIGHBORS: [None if row is None else self._neighbours(row) for row in rows],
        }

    def _neighbours(self, row: int) -> dict[str, list[Any]]:
        pairs = zip(
            self.kept.neighbours[row].tolist(), self.kept.cosines[row].tolist(), strict=True
        )
        there = [
            (self.in_file[other], 1 - cosine) for other, cosine in pairs if other in self.in_file
        ]
        return {"ids": [other for other, _ in there], "distances": [away for _, away in there]}


def projection(store: VectorStore, where: Filter | None) -> Projection | None:
    """Of all records (that pass the filter), if a map was made with the index's present model."""
    kept = read_map(store)
    if kept is None or kept.fingerprint != store.model().fingerprint:
        return None
    on_map = {key: row for row, key in enumerate(zip(kept.ids, kept.contents, strict=True))}
    in_file: dict[int, int] = {}
    count = 0
    for number, record in enumerate(store.records(where)):
        count += 1
        [key] = _keys([record])
        if key in on_map:
            in_file[on_map[key]] = number
    return Projection(kept, on_map, in_file, count - len(in_file))


def _keys(records: Sequence[ImageRecord]) -> list[tuple[str, str]]:
    contents = keys_of([record.sha256 for record in records])
    return [(record.id, content) for record, content in zip(records, contents, strict=True)]
