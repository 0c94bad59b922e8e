"""A page of a ranking, with its records."""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from visavis.errors import IndexDamagedError
from visavis.store.nearest.ranking import Ranking
from visavis.store.sqlite import rows
from visavis.types import ImageRecord, Match


class PlacedRecord(NamedTuple):
    """A record at its place in a ranking."""

    number: int
    record: ImageRecord
    score: float
    source: str
    """The URI of the source that it came from."""


def pages(
    connection: sqlite3.Connection, rankings: Sequence[Ranking], offset: int, limit: int
) -> list[tuple[Match, ...]]:
    """The matches of each ranking after the first `offset`, `limit` of them; see `placed`."""
    spans = [(offset, min(offset + limit, len(ranking.scores))) for ranking in rankings]
    found = _placed(connection, list(zip(rankings, spans, strict=True)))
    return [tuple([Match(one.record, one.score) for one in part]) for part in found]


def placed(
    connection: sqlite3.Connection, ranking: Ranking, start: int, end: int
) -> list[PlacedRecord]:
    """The records from rank `start` up to `end`, equal scores in order of id.

    Records of equal score are sorted before they are cut, so that pages neither repeat nor leave
    out one. Raises IndexDamagedError when a ranked vector has no record.
    """
    return next(_placed(connection, [(ranking, (start, end))]))


def _placed(
    connection: sqlite3.Connection, asked: Sequence[tuple[Ranking, tuple[int, int]]]
) -> Iterator[list[PlacedRecord]]:
    """One ranking's after the other: the garbage collector goes through all that is alive."""
    ranks = [
        ranking.tied(start, end) if start < end else range(0) for ranking, (start, end) in asked
    ]
    numbers = [
        ranking.numbers[part.start : part.stop].tolist()
        for (ranking, _), part in zip(asked, ranks, strict=True)
    ]
    records = _records(connection, set().union(*numbers))
    for (ranking, span), part, shown in zip(asked, ranks, numbers, strict=True):
        yield _ordered(ranking, part, span, [(number, *records[number]) for number in shown])


def _records(
    connection: sqlite3.Connection, numbers: set[int]
) -> dict[int, tuple[ImageRecord, str]]:
    """Records with the URIs of their sources, by number."""
    found = {
        number: (rows.record(row), row[rows.SOURCE])
        for number, *row in connection.execute(
            f"SELECT r.number, {rows.RECORD_COLUMNS} FROM json_each(?) j"
            " JOIN records r ON r.number = j.value JOIN sources s ON s.number = r.source",
            (str(list(numbers)),),
        )
    }
    if len(found) != len(numbers):
        raise IndexDamagedError(
            "some vectors of the index have no record; run visavis compact to check the file"
        )
    return found


def _ordered(
    ranking: Ranking,
    ranks: range,
    span: tuple[int, int],
    shown: Sequence[tuple[int, ImageRecord, str]],
) -> list[PlacedRecord]:
    """The records at `ranks` in the order of their scores and ids, cut to the span."""
    scores = ranking.scores[ranks.start : ranks.stop].tolist()
    placed = [
        PlacedRecord(number, record, score, source)
        for (number, record, source), score in zip(shown, scores, strict=True)
    ]
    if len(set(scores)) < len(scores):  # all others are in order already
        later = [rank >= ranking.head for rank in ranks]
        order = sorted(
            range(len(placed)), key=lambda at: (later[at], -placed[at].score, placed[at].record.id)
        )
        placed = [placed[at] for at in order]
    return placed[span[0] - ranks.start : span[1] - ranks.start]
