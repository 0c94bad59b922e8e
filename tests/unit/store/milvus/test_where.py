"""Filters as expressions of Milvus; tests/integration/milvus asks a server of them."""

import pytest

from visavis.filters import parse_all, resolve
from visavis.store.milvus.layout import Layout
from visavis.store.milvus.where import below, compile_filter
from visavis.types import Kind

KINDS: dict[str, Kind] = {"title": "text", "price": "number", "when": "text", "it's": "mixed"}


@pytest.mark.parametrize(
    ("expression", "compiled"),
    [
        ("title=lamp", 'fields["title"] in ["lamp"]'),
        ('title="a""] or id != "', r'fields["title"] in ["a\"] or id != "]'),
        ("price<50", 'fields["price"] < 50'),
        ("price=5..15,20", 'fields["price"] == 20) or (fields["price"] >= 5 and'),
        ("price!=20", 'not ((fields["price"] == 20))'),
        ("it's=5", 'fields["it\'s"] in ["5"]'),
        ("width>=100", "width >= 100"),
        ('title=""', 'not (fields["title"] > "" or fields["title"] >= -1.79'),
        ('price!="",5', 'not ((fields["price"] == 5 or fields["price"] in [""]) or (not ('),
        ("id=a.jpg", 'id in ["a.jpg"]'),
    ],
)
def test_a_filter_is_an_expression_that_its_values_cannot_leave(
    expression: str, compiled: str
) -> None:
    where = parse_all([expression])
    assert where is not None
    made = compile_filter(resolve(where, KINDS), Layout())
    assert compiled in made.text
    assert made.rest is None


def test_what_the_server_cannot_say_is_left_to_check() -> None:
    where = parse_all(["title~amp", "price<50", "when>=2024-05"])
    assert where is not None
    made = compile_filter(resolve(where, KINDS), Layout())
    assert 'fields["price"] < 50' in made.text
    assert "amp" not in made.text
    assert made.rest is not None
    assert [condition.field for condition in made.rest.conditions] == ["title", "when"]


def test_a_prefix_is_a_span_of_ids() -> None:
    assert below("") == ""
    assert below("a/") == 'id >= "a/" and id < "a0"'
    assert below("\U0010ffff") == 'id >= "\U0010ffff"'
    assert below("a\ud7ff") == 'id >= "a\ud7ff" and id < "a\ue000"'


@pytest.mark.parametrize(
    ("expression", "compiled"),
    [
        ("price<50", "h0 == true and ((c0 < 50))"),
        ("price!=5,7", "not (h0 == true and ((c0 == 5 or c0 == 7)))"),
        (f"price<{2**53}", f'fields["price"] < {2**53}'),
        ("when=lamp", 'h1 == true and ((c1 in ["lamp"]))'),
        ("it's=5", 'fields["it\'s"] == 5 or fields["it\'s"] in ["5"]'),
        ("title=lamp", 'fields["title"] in ["lamp"]'),
    ],
)
def test_a_declared_field_is_asked_by_its_column_as_far_as_that_can_say(
    expression: str, compiled: str
) -> None:
    where = parse_all([expression])
    assert where is not None
    layout = Layout(declared={"price": "number", "when": "text", "it's": "text"})
    made = compile_filter(resolve(where, KINDS), layout)
    assert compiled in made.text
