"""Odd fields, and odd conditions on them, for hypothesis."""

import json

from hypothesis import strategies as st

from visavis.types import Condition, Range

NAMES = ("a", "b b", "c'c", "list", "tags")
_TEXTS = st.text(
    st.sampled_from("abAB%_\\' éÉßİıſ図0123456789.-,"), min_size=0, max_size=4
) | st.sampled_from(
    ["true", "False", "1", "1.0", "01", "-3", "2024-05-01", "2024-05", "2024", "1e2", "nan", "inf"]
)
_TIMES = st.sampled_from(
    [
        "2024-05-01T10:00",
        "2024-05-01 10:00:00",
        "2024-05-01T08:00:00Z",
        "2024-05-01T10:00+02:00",
        "2024-05-01 03:30:00-0430",
        "2024-05-01T23:59:59+00",
        "2024-04-30T23:00-01:00",
    ]
)
_NUMBERS = st.integers(-5, 5) | st.sampled_from([0.5, -2.25, 100.0, 1e14, 2**53 + 1, 2**62])
# From 1e15 on SQLite writes a number as 1.0e+15, in which `~` finds other letters than in Python's.
_VALUES = _TEXTS | _TIMES | _NUMBERS | st.booleans()
_LISTS = st.lists(_VALUES | st.none(), max_size=3).map(json.dumps) | st.sampled_from(
    ["[]", "[a]", "[[1]]", '["\\u00e9", "b"]', "[1, 2] "]
)
_PARTED = st.lists(_TEXTS, max_size=3).map(", ".join)
_OTHERS = {"list": _LISTS | _VALUES, "tags": _PARTED | _VALUES}
FIELDS = st.fixed_dictionaries({}, optional={name: _OTHERS.get(name, _VALUES) for name in NAMES})
_ENDS = st.none() | _VALUES
CONDITIONS = st.builds(
    Condition,
    st.sampled_from(NAMES),
    st.sampled_from(["=", "!="]),
    st.lists(_VALUES | st.builds(Range, _ENDS, _ENDS), min_size=1, max_size=8).map(tuple),
    st.booleans(),
) | st.builds(
    Condition,
    st.sampled_from(NAMES),
    st.sampled_from(["<", "<=", ">", ">=", "~"]),
    _VALUES.map(lambda value: (value,)),
    st.booleans(),
)
