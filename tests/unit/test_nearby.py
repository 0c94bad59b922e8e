"""Filters on places: what they mean, and that two stores agree with plain geometry."""

import math
import random
from pathlib import Path

import numpy as np
import pytest
from brute import passes, some_record, unit

from visavis.errors import FilterError
from visavis.filters import Circle, as_filter, distance, parse, resolve
from visavis.store.base import ModelFacts
from visavis.store.sqlite.store import SqliteStore
from visavis.types import FieldValue, ImageRecord, Kind

KINDS: dict[str, Kind] = {"latitude": "number", "longitude": "number", "taken": "date"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nearby=48.8584,2.2945,500m", Circle(48.8584, 2.2945, 0.5)),
        ("nearby=48.8584, 2.2945", Circle(48.8584, 2.2945, 1)),
        ("nearby=-33,+151.2,2.5 km", Circle(-33, 151.2, 2.5)),
    ],
)
def test_a_place_and_how_far(text: str, expected: Circle) -> None:
    [condition] = resolve(parse_to_filter(text), KINDS).conditions
    assert condition.around == expected


def parse_to_filter(text: str):  # type: ignore[no-untyped-def]
    found = as_filter(text)
    assert found is not None
    return found


@pytest.mark.parametrize(
    "text",
    [
        "nearby=here",
        "nearby=48.8",
        "nearby=91,0,1km",
        "nearby=0,181",
        "nearby=1,2,3",
        "nearby=1,2,-3km",
        "nearby=1,2,3,4",
        "nearby=1..2,3",
        "nearby!=1,2",
        "nearby<5",
    ],
)
def test_what_is_no_place_is_an_error_that_shows_one(text: str) -> None:
    with pytest.raises(FilterError, match=r"nearby=48\.8584"):
        resolve(parse_to_filter(text), KINDS)


def test_records_without_places_are_told() -> None:
    with pytest.raises(FilterError, match="no record has a latitude"):
        resolve(parse_to_filter("nearby=1,2"), {"taken": "date"})


def test_a_field_of_that_name_counts_before_it() -> None:
    kinds: dict[str, Kind] = {**KINDS, "nearby": "text"}
    assert parse("nearby=station").values == ("station",)
    assert resolve(parse_to_filter("nearby=station"), kinds).conditions[0].around is None


def test_a_quarter_of_a_meridian_is_as_long_as_it_is() -> None:
    assert distance(0, 0, 90, 0) == pytest.approx(6371.0088 * math.pi / 2)
    assert distance(0, 179.9995, 0, -179.9995) == pytest.approx(0.1112, abs=1e-4)
    assert distance(10, 20, 10, 20) == 0


@pytest.fixture
def store(tmp_path: Path) -> SqliteStore:
    chance = random.Random(4)
    records: list[ImageRecord] = [some_record("nowhere"), some_record("half", {"latitude": 0.0})]
    for number in range(400):
        fields: dict[str, FieldValue] = {
            "latitude": round(chance.choice([0, 48, 89.9, -90]) + chance.uniform(-0.1, 0.1), 6),
            "longitude": round(chance.choice([2, 180, -180, 0]) + chance.uniform(-0.1, 0.1), 6),
        }
        if abs(float(fields["latitude"])) <= 90:
            records.append(some_record(f"{number}", fields))
    made = SqliteStore.create(tmp_path / "an.index", ModelFacts("m", "m", "f", 4))
    source = made.source("list", "list").number
    made.upsert(source, records, unit(np.ones((len(records), 4), np.float32)))
    return made


@pytest.mark.parametrize("place", ["48,2", "0,180", "0,-180", "89.95,0", "-90,77", "48.05,2.05"])
@pytest.mark.parametrize("far", ["500m", "5km", "12.5km", "30000km"])
def test_the_store_finds_what_geometry_finds(store: SqliteStore, place: str, far: str) -> None:
    where = parse_to_filter(f"nearby={place},{far}")
    typed = resolve(where, store.fields())
    expected = {r.id for r in store.records() if passes(typed, r.fields)}
    assert {record.id for record in store.records(where)} == expected
    around = typed.conditions[0].around
    assert around is not None
    page, total = store.browse.page(1000, 0, where, "nearby")
    assert total == len(expected) == len(page)
    apart = [
        distance(
            around.latitude,
            around.longitude,
            float(r.fields["latitude"]),
            float(r.fields["longitude"]),
        )
        for r in page
    ]
    assert apart == sorted(apart)
    first, _ = store.browse.page(3, 1, where, "nearby")
    assert first == page[1:4]


def test_the_order_by_distance_needs_a_place(store: SqliteStore) -> None:
    with pytest.raises(FilterError, match="needs the filter nearby"):
        store.browse.page(5, 0, parse_to_filter("latitude>0"), "nearby")
    with pytest.raises(FilterError, match="no record has a field 'nearby'"):
        store.browse.page(5, 0, None, "nearby")


@pytest.mark.parametrize(
    ("first", "step", "by", "values"),
    [
        ("2019-06", 400, "year", ["2036", "2035"]),
        ("2019-01", 12, "month", ["2019-07", "2019-06"]),
        ("2019-05", 1, "day", ["2019-05-17", "2019-05-16"]),
    ],
)
def test_dates_are_counted_by_what_tells_them_apart(
    tmp_path: Path, first: str, step: int, by: str, values: list[str]
) -> None:
    start = np.datetime64(f"{first}-01T10:00:00")
    days = [str(start + np.timedelta64(number * step, "D")) for number in range(17)]
    records = [some_record(day, {"taken": day}) for day in days]
    with_store = SqliteStore.create(tmp_path / "an.index", ModelFacts("m", "m", "f", 4))
    source = with_store.source("list", "list").number
    with_store.upsert(source, records, unit(np.ones((17, 4), np.float32)))
    [facet] = with_store.browse.facets()
    assert (facet.by, facet.count, facet.type) == (by, 17, "date")
    assert facet.values is not None
    assert [value for value, _ in facet.values[:2]] == values
    assert sum(count for _, count in facet.values) == 17
    for value, count in facet.values:
        assert with_store.count(parse_to_filter(f"taken={value}")) == count
    chosen = parse_to_filter(f"taken={values[0]}")
    assert with_store.browse.facets(chosen) == (facet,)  # of the others' conditions alone
