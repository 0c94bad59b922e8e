"""Filters as SQL, compared with what plain Python makes of them."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from asking import ask
from brute import clustered, passes, some_record
from conditions import CONDITIONS, FIELDS, NAMES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from visavis.errors import FilterError
from visavis.filters import parse_all, resolve
from visavis.store.base import ModelFacts
from visavis.store.sqlite import edits
from visavis.store.sqlite.store import SqliteStore
from visavis.types import Condition, Fields, FieldValue, Filter, Operator, Range

Found = Callable[..., list[str]]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore.create(tmp_path / "an.index", ModelFacts("fake", "fake", "fake", 4))
    yield opened
    opened.close()


def fill(store: SqliteStore, all_fields: Sequence[Fields]) -> None:
    records = [some_record(f"{at:02}", fields) for at, fields in enumerate(all_fields)]
    source = store.source("catalogue", "/all.csv").number
    store.upsert(source, records, clustered(len(records), 4))


def passing(store: SqliteStore, *expressions: str) -> list[int]:
    return [int(record.id) for record in store.records(parse_all(expressions))]


# -- comparing -------------------------------------------------------------------------------------

SHOP: list[Fields] = [
    {"brand": "acme", "price": 10, "new": True, "title": "Table LAMP"},
    {"brand": "Umbra", "price": 49.5, "new": False, "title": "ÉCLAIRAGE"},
    {"brand": "acme", "price": 50, "day": "2024-05-01"},
    {"brand": "Dolce, Gabbana", "price": 900, "day": "2023-12-31"},
    {"price": "on request", "title": "100% wool"},
    {"brand": "7", "price": -1},
    {"brand": 7},
]


@pytest.mark.parametrize(
    ("expressions", "expected"),
    [
        (["brand=acme"], [0, 2]),
        (["brand=acme,Umbra"], [0, 1, 2]),
        (["brand=Acme"], []),
        (['brand="Dolce, Gabbana"'], [3]),
        (["brand!=acme"], [1, 3, 4, 5, 6]),
        (["brand!=acme,Umbra"], [3, 4, 5, 6]),
        (["brand=7"], [5, 6]),
        (["brand!=7"], [0, 1, 2, 3, 4]),
        (['brand=""'], [4]),
        (['brand!=""'], [0, 1, 2, 3, 5, 6]),
        (['brand="",7'], [4, 5, 6]),
        (['price!=""', 'day=""'], [0, 1, 4, 5]),
        (["price<50"], [0, 1, 5]),
        (["price<=50"], [0, 1, 2, 5]),
        (["price>49.5"], [2, 3]),
        (["price>=4.95e1"], [1, 2, 3]),
        (["price>on"], [4]),
        (["price=50.0"], [2]),
        (["price=on request,-1"], [4, 5]),
        (["day>=2024-01-01"], [2]),
        (["day<2024"], [3]),
        (["day>2023"], [2, 3]),
        (["title>2020-01"], []),
        (["price>=1999-01-01"], []),
        (["price=5..49.5"], [0, 1]),
        (["day=2024-05..2024-06"], [2]),
        (["new=true"], [0]),
        (["new=False"], [1]),
        (["new=1"], [0]),
        (["title~lamp"], [0]),
        (["title~éclair"], [1]),
        (["title~ECLAIR"], [1]),
        (["title~0%"], [4]),
        (["title~_"], []),
        (["price~9"], [1, 3]),
        (["brand=acme", "price<50"], [0]),
        (["brand=acme", "brand=Umbra"], []),
        (["id=03"], [3]),
        (["id!=03,04"], [0, 1, 2, 5, 6]),
        (["width=30", "height=40", "size<=10", "modified>20"], [0, 1, 2, 3, 4, 5, 6]),
        (["width>30"], []),
    ],
)
def test_filters_pass_what_they_say(
    store: SqliteStore, expressions: list[str], expected: list[int]
) -> None:
    fill(store, SHOP)
    assert passing(store, *expressions) == expected


def test_ids_are_texts_even_where_they_look_like_numbers(store: SqliteStore) -> None:
    source = store.source("catalogue", "/all.csv").number
    ids = ["1000", "1e3", "1", "true", "1.0"]
    store.upsert(source, [some_record(id) for id in ids], clustered(5, 4))
    for id in ids:
        assert [r.id for r in store.records(parse_all([f"id={id}"]))] == [id]
        others = [r.id for r in store.records(parse_all([f"id!={id}"]))]
        assert others == [other for other in ids if other != id]


def test_long_whole_numbers_are_compared_to_the_last_digit(store: SqliteStore) -> None:
    codes: list[FieldValue] = [
        9007199254740993,
        9007199254740992,
        2**63 - 1,
        "99999999999999999999999",
    ]
    fill(store, [{"code": code} for code in codes])
    for at, code in enumerate(codes):
        assert passing(store, f"code={code}") == [at]
    assert passing(store, "code>9007199254740992") == [0, 2]
    huge = Filter((Condition("code", "=", (10**30,)),))
    assert list(store.records(huge)) == []


def test_the_same_number_and_truth_value_are_told_apart_in_one_store(store: SqliteStore) -> None:
    fill(store, [{"a": "True"}, {"a": 1}])
    for value, expected in ((1, ["01"]), (True, ["00", "01"]), (1, ["01"])):
        where = Filter((Condition("a", "=", (value,)),))
        found = ask(store, clustered(1, 4)[0], 5, where=where).matches
        assert sorted(match.record.id for match in found) == expected


def test_a_field_takes_precedence_over_an_attribute_of_its_name(store: SqliteStore) -> None:
    fill(store, [{"size": "L"}, {"size": "XL"}])
    assert passing(store, "size=XL") == [1]


def test_a_number_that_is_not_finite_does_no_harm(store: SqliteStore) -> None:
    fill(store, [{"a": float("nan"), "b": 1}, {"a": float("inf"), "b": 2}, {"a": 3.0, "b": 3}])
    assert passing(store, "b>=1") == [0, 1, 2]
    assert passing(store, "a>0") == [2]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("pirce<50", "did you mean 'price'"),
        ("Brand=acme", "did you mean 'brand'"),
        ("zzz=1", r"fields: .*brand.*height.*price"),
    ],
)
def test_an_unknown_field_is_an_error_that_helps(store: SqliteStore, text: str, hint: str) -> None:
    fill(store, SHOP)
    with pytest.raises(FilterError, match=hint):
        passing(store, text)


def test_kinds_are_those_of_the_records_that_there_are(store: SqliteStore) -> None:
    fill(store, [{"price": 5, "day": "2024-05-01"}, {"price": "ask us", "day": "soon", "old": 1}])
    assert store.fields() == {"price": "mixed", "day": "text", "old": "number"}
    store.remove(["01"])
    store.settle()
    assert store.fields() == {"price": "number", "day": "date"}
    with pytest.raises(FilterError, match="every price is a number"):
        passing(store, "price=ask us")
    with pytest.raises(FilterError, match="no record has a field 'old'"):
        passing(store, "old=1")


# -- names and values that mean harm ---------------------------------------------------------------

ODD_NAMES = [
    "it's",
    'say "hi"',
    "a.b",
    "a.b[0]",
    "$.x",
    "with space",
    "größe",
    "価格",
    "back\\slash",
    "semi;colon",
    "') OR 1=1 --",
    '"; DROP TABLE records; --',
    "json_extract(fields, '$.x')",
    "per%cent_",
    "a\tb",
    "new\nline",
    "#",
    "?",
    ":name",
    "x" * 500,
    "id",
    "fields",
    "number",
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_any_text_can_name_a_field(store: SqliteStore, name: str) -> None:
    fill(store, [{name: "yes"}, {name: "no"}, {name: 5}, {"other": "yes"}])

    def found(operator: Operator, value: FieldValue) -> list[int]:
        where = Filter((Condition(name, operator, (value,)),))
        return [int(record.id) for record in store.records(where)]

    for indexed in (False, True):
        assert found("=", "yes") == [0]
        assert found("!=", "yes") == [1, 2, 3]
        assert found("~", "O") == [1]
        assert found(">", 4) == [2]
        assert dict(store.browse.values(name, 10)) == {5: 1, "no": 1, "yes": 1}
        if not indexed:
            with store._db.writing() as connection:
                edits.index_fields(connection)


@pytest.mark.parametrize(
    "value",
    ["') OR 1=1 --", "'; DROP TABLE records; --", '"', "'", "%", "_", "\\", "\\%", "?", "é'"],
)
def test_any_text_can_be_a_value(store: SqliteStore, value: str) -> None:
    fill(store, [{"a": value}, {"a": "else"}, {"b": 1}])
    for condition, expected in (
        (Condition("a", "=", (value,)), [0]),
        (Condition("a", "!=", (value,)), [1, 2]),
        (Condition("a", ">=", (value,)), [0] if value > "else" else [0, 1]),
    ):
        assert [int(r.id) for r in store.records(Filter((condition,)))] == expected
    assert store.info().records == 3


@pytest.mark.parametrize(
    ("name", "value"),
    [("price", "abc"), ("price", ""), ("new", "yes"), ("width", "wide"), ("size", "nan")],
)
def test_comparing_numbers_with_a_text_is_a_mistake_and_no_empty_answer(
    store: SqliteStore, name: str, value: str
) -> None:
    fill(store, [{"price": 5, "new": True}, {"price": 7.5}, {"name": "x"}])
    where = Filter((Condition(name, ">", (value,)),))
    with pytest.raises(FilterError, match=f"every {name} is a number"):
        store.remove_where(where)
    with pytest.raises(FilterError, match=f"every {name} is a number"):
        ask(store, np.eye(4, dtype=np.float32)[0], 5, where=where)
    assert store.info().records == 3


def test_hundreds_of_ranges_are_one_filter(store: SqliteStore) -> None:
    fill(store, [{"a": at / 2} for at in range(-10, 700)] + [{"a": "1"}, {"b": 1}])
    ranges = tuple(Range(str(at), str(at + at % 3)) for at in range(0, 3000, 4))
    where = Filter((Condition("a", "=", ranges), Condition("a", "!=", ranges[:20])))
    expected = [
        at / 2
        for at in range(-10, 700)
        if at / 2 >= 80 and any(4 * n <= at / 2 <= 4 * n + 4 * n % 3 for n in range(750))
    ]
    assert [record.fields["a"] for record in store.records(where)] == expected


def test_two_ranges_that_are_everything_are_one(store: SqliteStore) -> None:
    fill(store, [{"a": -5}, {"a": 5}, {"a": "x"}, {"b": 1}])
    halves = (Range(None, "3"), Range("2", None))
    where = Filter((Condition("a", "=", halves),))
    assert [record.fields["a"] for record in store.records(where)] == [-5, 5]
    where = Filter((Condition("a", "!=", halves),))
    assert [record.fields.get("a") for record in store.records(where)] == ["x", None]


def test_half_a_character_is_refused_in_a_sentence(store: SqliteStore) -> None:
    fill(store, SHOP)
    with pytest.raises(Exception, match="no valid text") as refused:
        passing(store, "brand=\udc80")
    assert type(refused.value).__module__ == "visavis.errors"


# -- against plain Python --------------------------------------------------------------------------


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    st.lists(FIELDS, min_size=1, max_size=12),
    st.lists(CONDITIONS, min_size=1, max_size=3),
    st.booleans(),
    st.sampled_from(["x", 0, "2024-05-01"]),
)
def test_filters_agree_with_plain_python(
    tmp_path: Path,
    fields: list[Fields],
    conditions: list[Condition],
    indexed: bool,
    filling: FieldValue,
) -> None:
    store = SqliteStore.create(
        Path(tempfile.mkdtemp(dir=tmp_path)), ModelFacts("fake", "fake", "fake", 4)
    )
    all_fields = [*fields, dict.fromkeys(NAMES, filling)]
    try:
        fill(store, all_fields)
        if indexed:
            with store._db.writing() as connection:
                edits.index_fields(connection)
        where = Filter(tuple(conditions))
        try:
            typed = resolve(where, store.fields())
        except FilterError:
            with pytest.raises(FilterError):
                list(store.records(where))
            return
        expected = {f"{at:02}" for at, held in enumerate(all_fields) if passes(typed, held)}
        assert {record.id for record in store.records(where)} == expected
        query = np.eye(4, dtype=np.float32)[0]
        answer = ask(store, query, 50, where=where)
        assert {match.record.id for match in answer.matches} == expected
        assert answer.total == len(expected)
    finally:
        store.close()
