"""A page of a ranking, with its records."""

import json
import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from visavis.errors import IndexDamagedError
from visavis.store.nearest.ranking import Ranking
from visavis.store.sqlite import rows
from visavis.types import ImageRecord, Match


class Placed(NamedTuple):
    """A record at its place in a ranking."""

    number: int
    record: ImageRecord
    score: float
    source: str
    """The address of the source that it came from."""


def page(
    connection: sqlite3.Connection, ranking: Ranking, start: int, end: int
) -> tuple[Match, ...]:
    """The matches from rank `start` up to `end`; see `placed`."""
    found = placed(connection, ranking, start, end)
    return tuple(Match(one.record, one.score) for one in found)


def placed(connection: sqlite3.Connection, ranking: Ranking, start: int, end: int) -> list[Placed]:
    """The records from rank `start` up to `end`, equal scores in order of id.

    Records of equal score are sorted before they are cut, so that pages neither repeat nor leave
    out one. Raises IndexDamagedError when a ranked vector has no record.
    """
    if start >= end:
        return []
    ranks = ranking.tied(start, end)
    numbers = ranking.numbers[ranks.start : ranks.stop].tolist()
    found = {
        row[0]: row[1:]
        for row in connection.execute(
            f"SELECT r.number, {rows.RECORD_COLUMNS} FROM json_each(?) j"
            " JOIN records r ON r.number = j.value JOIN sources s ON s.number = r.source",
            (json.dumps(numbers),),
        )
    }
    if len(found) != len(numbers):
        raise IndexDamagedError(
            "some vectors of the index have no record; run visavis compact to check the file"
        )
    scores = ranking.scores[ranks.start : ranks.stop].tolist()
    all_placed = [
        Placed(number, rows.record(found[number]), score, found[number][rows.SOURCE])
        for number, score in zip(numbers, scores, strict=True)
    ]
    order: Sequence[int] = range(len(all_placed))
    if len(set(scores)) < len(scores):  # all others are in order already
        order = sorted(
            order,
            key=lambda at: (
                ranks[at] >= ranking.head,
                -all_placed[at].score,
                all_placed[at].record.id,
            ),
        )
    return [all_placed[at] for at in order[start - ranks.start : end - ranks.start]]
