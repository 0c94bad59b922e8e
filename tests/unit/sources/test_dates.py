"""Dates as people write them, in the columns of tables."""

from pathlib import Path

import pytest

from visavis.sources.catalogue import CatalogueSource
from visavis.sources.dates import iso_date
from visavis.types import Entry, FieldValue

COLUMNS = [
    ("2021-1-5 2021-12-31", "2021-01-05 2021-12-31"),
    ("2021/01/05 2021/2/3", "2021-01-05 2021-02-03"),
    ("5.1.2021 31.12.2021", "2021-01-05 2021-12-31"),
    ("2021.1.5 2021.12.31", "2021-01-05 2021-12-31"),
    ("13/1/2021 1/2/2021", "2021-01-13 2021-02-01"),  # the 13 is a day, and comes first
    ("1/13/2021 1/2/2021", "2021-01-13 2021-01-02"),
    ("1-13-2021 1-2-2021", "2021-01-13 2021-01-02"),
    ("2021-1-5T9:30 2021-1-6", "2021-01-05T09:30 2021-01-06"),
    ("1/13/2021T1:05PM 1/13/2021T12:05AM", "2021-01-13T13:05 2021-01-13T00:05"),
    ("2021-01-05 2021-1-6 unknown", "2021-01-05 2021-01-06 unknown"),
]
LEFT = [
    ("1/2/2021 3/4/2021", "day or month may come first"),
    ("13/1/2021 1/13/2021", "not all are of one kind"),
    ("2021-1-5 5.1.2021", "not all are of one kind"),
    ("2021-2-30 2021-1-5", "not all are of one kind"),
    ("31.12.99 1.2.03", "two digits do not say which century"),
    ("12/31/99 1/2/45", "two digits do not say which century"),
    ("99-12-31 03-02-01", "two digits do not say which century"),
    ("45.31.99 0.0.10", ""),  # no months
    ("5.1.2021T25:10 6.1.2021T9:75", ""),  # no times
    ("2021-01-05 2021-02-03", ""),  # ISO already
    ("2021-01-05T10:30 2021-02-03", ""),
    ("a b 2021-1-5", ""),  # one date among other texts
    ("1.2.3 10.20.30", ""),
    ("192.168.10.20 192.168.100.2", ""),
]


def read(folder: Path, cells: list[str]) -> tuple[list[FieldValue], str]:
    """What the cells of a column become, and the note on it."""
    path = folder / "shop.csv"
    for number in range(len(cells)):
        (folder / f"{number}.jpg").write_bytes(b"")
    rows = [f"{number}.jpg;{cell}" for number, cell in enumerate(cells)]
    path.write_text("\n".join(["path;day", *rows]), encoding="utf-8")
    source = CatalogueSource(path)
    found = [entry.fields["day"] for entry in source.entries() if isinstance(entry, Entry)]
    return found, " ".join(source.notes())


@pytest.mark.parametrize(("cells", "values"), COLUMNS)
def test_dates_are_read_where_the_column_agrees(tmp_path: Path, cells: str, values: str) -> None:
    found, told = read(tmp_path, cells.split())
    assert found == values.split()
    assert "the column 'day' was read as dates, such as 20" in told
    assert ("1 of 3 cells are not dates and stay text, such as 'unknown'" in told) == (
        "unknown" in cells
    )


@pytest.mark.parametrize(("cells", "told"), LEFT)
def test_others_stay_text_and_it_is_said_why(tmp_path: Path, cells: str, told: str) -> None:
    found, note = read(tmp_path, cells.split())
    assert found == cells.split()
    assert (told in note) if told else (note == "")


def test_a_time_keeps_what_stands_before_it() -> None:
    assert iso_date("5.1.2021, 9:30", "day") == "2021-01-05 09:30"
    assert iso_date("2021-1-5 23:59:59.5+01:00", "year") == "2021-01-05 23:59:59.5+01:00"
    assert iso_date("٢٠٢١-1-5", "year") == "٢٠٢١-1-5"
