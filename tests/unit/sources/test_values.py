"""Columns of Arrow as values, whatever a file holds and whatever is installed."""

import datetime
from typing import Any

import pytest

from visavis.sources.values import column_values

pa = pytest.importorskip("pyarrow")
NANOSECONDS = 1_714_557_600_123_456_789  # 2024-05-01T10:00:00.123456789Z
CUT = datetime.datetime(2024, 5, 1, 10, 0, 0, 123456)


@pytest.mark.parametrize(
    ("column", "values"),
    [
        (pa.array([1, None, 3]), [1, None, 3]),
        (pa.array([NANOSECONDS, None], pa.timestamp("ns")), [CUT, None]),
        (pa.array([[NANOSECONDS]], pa.list_(pa.timestamp("ns"))), [[CUT]]),
        (
            pa.array(
                [{"at": NANOSECONDS, "n": 1}], pa.struct({"at": pa.timestamp("ns"), "n": pa.int8()})
            ),
            [{"at": CUT, "n": 1}],
        ),
        (pa.array([3_600_000_000_001], pa.time64("ns")), [datetime.time(1)]),
        (pa.array([1_000_000_001], pa.duration("ns")), [datetime.timedelta(seconds=1)]),
        (pa.array([2**22, 0], pa.date32()), ["13453-08-13", datetime.date(1970, 1, 1)]),
        (pa.array([b"\xff", b"ok"]).view(pa.string()), ["\ufffd", "ok"]),
    ],
    ids=str,
)
def test_values_are_those_that_python_has_or_texts(column: Any, values: list[Any]) -> None:
    assert column_values(column) == values


def test_a_zone_that_nobody_knows_is_utc() -> None:
    column = pa.array([NANOSECONDS // 1000], pa.timestamp("us", "Mars/Olympus"))
    assert column_values(column) == [CUT.replace(tzinfo=datetime.UTC)]
