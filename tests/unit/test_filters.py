"""Filters: read as people write them, and what they mean for fields of several kinds."""

from dataclasses import replace

import pytest
from brute import passes, some_record
from conditions import CONDITIONS, FIELDS, NAMES
from hypothesis import given, settings
from hypothesis import strategies as st

from visavis.errors import FilterError
from visavis.filters import described, folded, holds, kinds_of, moment, parse, parse_all, resolve
from visavis.store.fields import as_kept
from visavis.types import Condition, Fields, FieldValue, Filter, Range


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("brand=acme", Condition("brand", "=", ("acme",))),
        ("brand = acme , umbra ", Condition("brand", "=", ("acme", "umbra"))),
        ('brand="Dolce, Gabbana",acme', Condition("brand", "=", ("Dolce, Gabbana", "acme"))),
        ('brand="say ""hi"""', Condition("brand", "=", ('say "hi"',), True)),
        ("brand!=acme", Condition("brand", "!=", ("acme",))),
        ("price<50", Condition("price", "<", ("50",))),
        ("price<=-5.5", Condition("price", "<=", ("-5.5",))),
        ("price>1e3", Condition("price", ">", ("1e3",))),
        ("year>=2011", Condition("year", ">=", ("2011",))),
        ("title~table lamp", Condition("title", "~", ("table lamp",))),
        ("title~a,b", Condition("title", "~", ("a,b",))),
        ("formula=a=b", Condition("formula", "=", ("a=b",))),
        ("shoe size=42", Condition("shoe size", "=", ("42",))),
        ("größe.cm=42", Condition("größe.cm", "=", ("42",))),
        ('"size=cm" = 42', Condition("size=cm", "=", ("42",))),
        ('"price <50"<9', Condition("price <50", "<", ("9",))),
        ('"say ""hi"""~x', Condition('say "hi"', "~", ("x",))),
        ('empty=""', Condition("empty", "=", ("",), True)),
    ],
)
def test_an_expression_is_read_as_people_write_it(text: str, condition: Condition) -> None:
    assert parse(text) == condition


@pytest.mark.parametrize(
    "text", ["", "shoes", "=shoes", "a!b", "price<", "title~", "brand=", "brand!=  ", 'brand="open']
)
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(FilterError):
        parse(text)


@pytest.mark.parametrize(
    "text", [" " * 100_000, '"' * 100_000, '"a"' + " " * 100_000, "a " * 50_000]
)
def test_a_long_text_that_is_no_expression_is_soon_found_out(text: str) -> None:
    with pytest.raises(FilterError):
        parse(text)  # by an expression that tries all ways to part it, this would take days


def test_a_field_that_holds_an_operator_is_quoted_and_the_error_says_so() -> None:
    kinds = kinds_of([{"c=d": 2, "price": 1}])
    quoted, bare = parse_all(['"c=d"<3']), parse_all(["c=d=2"])
    assert quoted is not None
    assert bare is not None
    assert described(quoted) == '"c=d"<3'
    assert passes(resolve(quoted, kinds), {"c=d": 2})
    with pytest.raises(FilterError, match='quote a name that holds an operator: "c=d"=VALUE'):
        resolve(bare, kinds)


def test_what_is_asked_of_lists_is_bounded() -> None:
    kinds = kinds_of([{"tags": "a, b", "price": 1}])
    ranges = "=" + ",".join(f"{at}..{at}" for at in range(9))
    for bounded in ([f"tags{ranges}"], ["tags=a"] * 9):
        where = parse_all(bounded)
        assert where is not None
        with pytest.raises(FilterError, match="at most 8 conditions on fields of lists"):
            resolve(where, kinds)
    for fits in ([f"price{ranges}"], ["tags~a"] * 9, ["tags=" + "a," * 300 + "a"] * 8):
        where = parse_all(fits)
        assert where is not None
        resolve(where, kinds)


def test_a_filter_is_told_as_it_was_written() -> None:
    assert described(parse_all(["brand=a,b", "price<50"])) == "brand=a,b and price<50"
    assert described(parse_all(['brand!="",a'])) == 'brand!="",a'


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("price=5..15", Range("5", "15")),
        ("price= -5 .. 1.5 ", Range("-5", "1.5")),
        ("price=5..", Range("5", None)),
        ("price=..15", Range(None, "15")),
        ("day=2024-05-01..2024-06", Range("2024-05-01", "2024-06")),
        ("title=see..saw", "see..saw"),
        ('code="5..15"', "5..15"),
        ("title=..", ".."),
        ("title=1...5", "1...5"),
    ],
)
def test_numbers_and_dates_with_two_points_between_are_a_range(
    text: str, value: FieldValue | Range
) -> None:
    assert parse(text).values == (value,)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("price==10", "price=10"),
        ("price=>5", "price>=5"),
        ("price=<15", "price<=15"),
        ("price<>15", "price!=15"),
        ("title =~ lamp", "title~lamp"),
    ],
)
def test_a_mistyped_operator_is_an_error_that_says_what_was_meant(text: str, meant: str) -> None:
    with pytest.raises(FilterError, match=f"did you mean '{meant}'"):
        parse(text)


@pytest.mark.parametrize(
    "text",
    ["price<<5", "price!5", "price = >5", "price> =5", "price!<5", "title!~lamp", "price<=>5"],
)
def test_other_operators_are_refused(text: str) -> None:
    with pytest.raises(FilterError, match=r"not understood|unknown operator|two operators"):
        parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "brand=acme and price<5",
        "brand=acme AND price<5",
        "brand=acme && price<5",
        "brand=acme; price<5",
        "brand=acme,price<5",
        "title~lamp or title~light",
    ],
)
def test_two_expressions_in_one_are_refused_rather_than_taken_for_a_value(text: str) -> None:
    with pytest.raises(FilterError, match="seems to hold a second one"):
        parse(text)


@pytest.mark.parametrize(
    "text", ["brand=Marks and Spencer", "brand=A & B", "title~bed and breakfast", 'b="a; c=d"']
)
def test_values_may_have_such_words_and_marks(text: str) -> None:
    assert parse(text).operator in ("=", "~")


# -- what it means ---------------------------------------------------------------------------------

RECORDS: list[Fields] = [
    {"price": 10, "day": "2024-05-01", "zip": "00501", "title": "Café crème", "seen": 3},
    {"price": 15.5, "day": "2024-05-31T12:30", "zip": "90210", "title": "lamp", "seen": "never"},
    {"price": -1, "day": "2023-12-31", "zip": "10115", "title": "5..15", "seen": 7},
]
KINDS = kinds_of(RECORDS)


def found(*expressions: str) -> list[int]:
    where = parse_all(expressions)
    assert where is not None
    typed = resolve(where, KINDS)
    return [at for at, fields in enumerate(RECORDS) if passes(typed, {"id": f"ü{at}", **fields})]


def test_the_kind_of_a_field_is_that_of_all_its_values() -> None:
    assert KINDS == {
        "price": "number",
        "day": "date",
        "zip": "text",
        "title": "text",
        "seen": "mixed",
    }
    assert kinds_of([{"a": "2024-05-01"}, {"a": "soon"}]) == {"a": "text"}
    assert kinds_of([{"a": "2024-05-01"}, {"a": 2024}]) == {"a": "mixed"}
    assert kinds_of([{"a": True}, {"a": 5}]) == {"a": "number"}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("price=5..15", [0]),
        ("price=..10", [0, 2]),
        ("price=15.5..", [1]),
        ("price=-1,12..20", [1, 2]),
        ("price!=5..20", [2]),
        ("price~5", [1]),
        ("day>2024", [0, 1]),
        ("day>2023", [0, 1, 2]),
        ("day>2024-05-01", [1]),
        ("day>=2024", [0, 1]),
        ("day<2024", [2]),
        ("day=2024", [0, 1]),
        ("day=2024-05", [0, 1]),
        ("day=2024-05-31", [1]),
        ("day<=2024-05-31", [0, 1, 2]),
        ("day<2024-05-31", [0, 2]),
        ("day=2023..2024-05-01", [0, 2]),
        ("day=2024..2024", [0, 1]),
        ("day!=2024-05", [2]),
        ("day~-05-", [0, 1]),
        ('zip>"5"', [1]),
        ("zip=90210", [1]),
        ('title="5..15"', [2]),
        ("title>c", [1]),
        ("title~cafe\u0301 CRE\u0300ME", [0]),
        ("title~cafe creme", [0]),
        ("title=Cafe\u0301 crème", [0]),
        ("seen>2", [0, 2]),
        ("seen=never,7", [1, 2]),
        ("seen=3..6", [0]),
        ("id=ü1", [1]),
        ("id=u\u03081", [1]),
    ],
)
def test_values_are_read_as_what_the_field_is(expression: str, expected: list[int]) -> None:
    if expression.startswith("id"):
        expression = expression.replace("ü", "u\u0308")
    assert found(expression) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("due>=2020-01-01", [0, 5]),
        ("due<2020-01-01", [1]),
        ("due>2020-05", [0, 5]),
        ("due>2020-05-31", []),
        ("due=2019-01..2020-05-30", [0, 1]),
        ('due>="2020-01-01"', [0, 2, 3, 4, 5]),
        ('due<="2020"', [1]),
        ('due>"2020"', [0, 2, 3, 4, 5]),
    ],
)
def test_among_other_texts_dates_are_compared_with_dates_alone(
    expression: str, expected: list[int]
) -> None:
    values = ["2020-05-01", "2019-03-04", "25/12/2019", "unknown", "20205", "2020-05-31T10:00"]
    records: list[Fields] = [{"due": value} for value in values]
    where = parse_all([expression])
    assert where is not None
    typed = resolve(where, kinds_of(records))
    found = [at for at, fields in enumerate(records) if passes(typed, fields)]
    assert found == expected


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("price=ten", "numbers with 'ten'.* every price is a number"),
        ("price!=ten", "every price is a number"),
        ("price<ten", "every price is a number"),
        ("price<$50", "every price is a number; write it without a unit"),
        ("price<12,50", "every price is a number; write it without a unit and with a point"),
        ("price=2024-01-01..2024-02-01", "every price is a number"),
        ("price~lamp", "looks for 'lamp' in numbers; every price is a number"),
        ("zip>10000", "texts with '10000', which looks like a number; every zip is text.*quotes"),
        ("title<$50", "texts with '.50', which looks like a number; every title is text"),
        ("title<01.05.2024", "looks like a number; every title is text"),
        ("seen<12,50", "looks like a number; every seen is a number, such as 12.5, or text"),
        ("seen>€5", "looks like a number; every seen is a number"),
        (
            "modified>2024-01-01",
            "numbers with '2024-01-01', which is not a number; every modified is a",
        ),
        ("zip=1..5", "every zip is text"),
        ("id>5", "every id is text"),
        ("day>yesterday", "dates with 'yesterday'.* every day is a date"),
        ("day=31.05.2024", "every day is a date: write 2024-05-01"),
        ("day~May", "every day is a date"),
        ("day<2024-13", "dates with '2024-13', which is not a date"),
        ("day=2024-06-31", "which is not a date"),
        ("day=2023-01-01..2023-02-29", "which is not a date"),
        ("day>2024-05-01T25:00", "which is not a date"),
        ("title<2024-02-30", "texts with '2024-02-30', which is no date of the calendar"),
        ("width=wide", "every width is a number"),
        ("modified>2024", "seconds with '2024', which seems to be a year; .* 1704067200"),
        ("modified=2023..2024", "seems to be a year"),
        ("price=15..5", "ends before it begins"),
        ("day=2024..2023", "ends before it begins"),
        ("seen=1..2024-05-01", "from a number to a text"),
    ],
)
def test_what_the_kind_of_a_field_rules_out_is_an_error_that_names_both(
    expression: str, told: str
) -> None:
    with pytest.raises(FilterError, match=told):
        found(expression)


def test_the_last_days_of_months_and_midnight_are_dates() -> None:
    records: list[Fields] = [{"day": "2024-02-29T23:59"}, {"day": "2024-03-01"}]
    for expression in ("day=2024-02-29", "day<=2024-02-29T24:00", "day<2024-03"):
        where = parse_all([expression])
        assert where is not None
        typed = resolve(where, kinds_of(records))
        assert [passes(typed, fields) for fields in records] == [True, False]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ('brand=""', [2, 3]),
        ('brand!=""', [0, 1]),
        ('brand="",acme', [0, 2, 3]),
        ('brand!="",acme', [1]),
        ('price=""', [1, 3]),
        ('price!=""', [0, 2]),
        ('price="",5..7', [0, 1, 3]),
        ('day=""', [0, 1]),
        ('day!="",2024-05', [3]),
        ('either=""', [1, 2]),
        ('width=""', []),
        ('width!=""', [0, 1, 2, 3]),
    ],
)
def test_an_empty_text_stands_for_no_value_whatever_the_kind(
    expression: str, expected: list[int]
) -> None:
    records: list[Fields] = [
        {"brand": "acme", "price": 7, "either": 0},
        {"brand": "umbra", "either": ""},
        {"brand": "", "price": 0, "day": "2024-05-01"},
        {"day": "2023-01-01", "either": "x"},
    ]
    where = parse_all([expression])
    assert where is not None
    typed = resolve(where, kinds_of(records))
    held = [replace(some_record("a"), fields=one) for one in records]
    assert [at for at, one in enumerate(held) if holds(typed, one)] == expected


WHEN = [
    "2024-05-01T10:00:00+02:00",  # 08:00 UTC
    "2024-05-01T09:00:00Z",
    "2024-05-01 05:30:00-04:30",  # 10:00 UTC
    "2024-05-01 12:00:00.250+00",
    "2024-05-01T23:30-0200",  # 01:30 UTC of the next day
    "unknown",
]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        # With a zone: instants.
        ("when<2024-05-01T09:00Z", [0]),
        ("when<=2024-05-01T09:00Z", [0, 1]),
        ("when>2024-05-01T11:00+02:00", [2, 3, 4]),
        ("when>=2024-05-01T11:00+02:00", [1, 2, 3, 4]),
        ("when=2024-05-01T10:00Z", [2]),
        ("when=2024-05-01T10:00Z..2024-05-02T03:30+02:00", [2, 3, 4]),
        ("when!=2024-05-01T10:00Z", [0, 1, 3, 4]),
        ("when>2024-05-02T01:00Z", [4]),
        # Without one: what the clocks say.
        ("when<2024-05-01T10:00", [1, 2]),
        ("when=2024-05-01T10:00", [0]),
        ("when>2024-05-01T12:00", [3, 4]),
        ("when>2024-05-01T12:00:00.250", [4]),
        ("when=2024-05-01 12:00:00.25", [3]),
        ("when=2024-05-01", [0, 1, 2, 3, 4]),
        ("when>=2024-05-02", []),
    ],
)
def test_times_are_compared_by_clock_or_with_a_zone_by_instant(
    expression: str, expected: list[int]
) -> None:
    records: list[Fields] = [{"when": value} for value in WHEN[:5]]
    where = parse_all([expression])
    assert where is not None
    typed = resolve(where, kinds_of(records))
    assert [at for at, one in enumerate(records) if passes(typed, one)] == expected
    held = [replace(some_record("a"), fields=one) for one in records]
    assert [at for at, one in enumerate(held) if holds(typed, one)] == expected


def test_times_among_other_texts_are_compared_so_too() -> None:
    records = [replace(some_record("a"), fields={"when": value}) for value in WHEN]
    where = parse_all(["when>=2024-05-01T12:00Z"])
    assert where is not None
    typed = resolve(where, kinds_of(one.fields for one in records))
    assert [at for at, one in enumerate(records) if holds(typed, one)] == [3, 4]


def test_a_moment_is_written_in_one_way() -> None:
    same = ["2024-05-01T08:00Z", "2024-05-01 10:00:00+02", "2024-05-01T02:30:00.0 -0530"]
    same += ["2024-05-01T08:00:00 UTC", "2024-05-01T08:00", "2024-04-30T24:00-0800"]
    assert {moment(text, "instant") for text in same} == {"2024-05-01T08:00:00"}
    for text in ("lamp", "2024-05-01", "2024", "0001-01-01T00:00+02:00x", "2024-05-01 later"):
        assert moment(text, "instant") == text
    assert moment("0001-01-01T00:00+02:00", "instant") == "0001-01-01T00:00:00"


def test_an_unknown_field_is_told_with_its_neighbours() -> None:
    with pytest.raises(FilterError, match="has a field 'Pryce'; did you mean 'price'"):
        found("Pryce<5")
    with pytest.raises(FilterError, match=r"'TITEL'; did you mean 'title'\?"):
        found("TITEL~x")
    with pytest.raises(FilterError, match="fields: day, height, id, modified, price"):
        found("qqqqqq=1")


def test_a_condition_that_the_language_cannot_write_is_refused() -> None:
    for values in ((), (1, 2), (Range(1, 2),)):
        with pytest.raises(FilterError, match="take one value"):
            resolve(Filter((Condition("price", "<", values),)), KINDS)
    with pytest.raises(FilterError, match="there are no others"):
        resolve(Filter((Condition("price", "==", (1,)),)), KINDS)  # type: ignore[arg-type]


def test_text_is_folded_once_for_all() -> None:
    pairs = {"Crème BRÛLÉE": "creme brulee", "Straße": "strasse", "İstanbul": "istanbul"}
    pairs |= {"ＡＢＣ™ ﬁ": "abctm fi", "Ελλάς": "ελλασ", "Łódź": "łodz", "が": "が"}
    for text, plain in pairs.items():
        assert folded(text) == plain
        assert folded(plain) == plain
    for code in range(0x250):  # all of Latin
        assert folded(folded(chr(code))) == folded(chr(code))


@settings(max_examples=300, deadline=None)
@given(FIELDS, st.lists(CONDITIONS, min_size=1, max_size=3))
def test_what_holds_for_a_record_is_what_passes(
    fields: Fields, conditions: list[Condition]
) -> None:
    record = replace(some_record("a"), fields=as_kept(fields))
    kinds = kinds_of([record.fields, *({name: value} for name in NAMES for value in ("x", 0))])
    try:
        typed = resolve(Filter(tuple(conditions)), kinds)
    except FilterError:
        return
    assert holds(typed, record) == passes(typed, record.fields)
