"""The contact sheet of duplicates: a row a group, the record with the most pixels first."""

from visavis.flows.duplicates.found import DuplicateGroup, DuplicateReport
from visavis.pages.cards import Card, Row, Sheet
from visavis.pages.pictures import read_picture
from visavis.types import ImageRecord, Relation

_WORDS: dict[Relation, str] = {
    "exact": "the same picture",
    "near_duplicate": "the same picture, edited",
    "variant": "the same layout in other colours",
}


def duplicates_sheet(report: DuplicateReport) -> Sheet:
    """The sheet of a scan, for which pictures are read."""
    rows = [_row(number, group) for number, group in enumerate(report.groups, 1)]
    groups = "1 group" if len(rows) == 1 else f"{len(rows):,} groups"
    return Sheet("Duplicates", rows, f"{groups} in {report.scanned:,} records")


def _row(number: int, group: DuplicateGroup) -> Row:
    cards = [_card(record) for record in group.records]
    words = _WORDS.get(group.relation, group.relation)
    return Row([], cards, heading=f"{number} · {words}")


def _card(record: ImageRecord) -> Card:
    detail = f"{record.width}×{record.height} · {record.size / 1000:,.0f} kB"
    return Card(read_picture(record.uri), record.id, detail, uri=record.uri)
