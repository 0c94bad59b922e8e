"""Which field is the title: catalogues as shops write them."""

from typing import Any

import pytest

from visavis.store.text.titles import title_fields

Rows = list[dict[str, Any]]


def rows(**columns: str) -> Rows:
    """Twelve records; `{n}` in a value differs from one to the next."""
    return [
        {name: text.replace("{n}", str(n)) for name, text in columns.items()} for n in range(12)
    ]


@pytest.mark.parametrize(
    ("columns", "title"),
    [
        ({"id": "15{n}", "productDisplayName": "Blue shirt {n} of Acme"}, "productDisplayName"),
        ({"brand_name": "Acme", "product_name": "Mug {n}"}, "product_name"),
        ({"Colour": "red", "Titel": "Becher {n}"}, "Titel"),
        ({"label_en": "Mug {n}", "kind": "mug"}, "label_en"),
        ({"name": "Mug {n}", "title": "A blue mug, number {n}"}, "title"),
        ({"file_name": "IMG_{n}.jpg", "what": "A red mug, no. {n}"}, "what"),
        ({"link": "https://shop.example/p/{n}", "text": "Mug {n}"}, "text"),
        ({"title": "Shirt"}, "title"),
        ({"title": "Word " * 400}, "title"),
    ],
)
def test_the_title_is_what_people_call_the_record(columns: dict[str, str], title: str) -> None:
    assert title_fields(rows(**columns))[0] == title


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"gender": "Men", "label": "Shirts"},
        {"sku": "AB-{n}", "path": "images/{n}.jpg", "link": "https://shop.example/{n}"},
        {"description": "A long story. " * 20 + "{n}"},
        {"brand": "Acme", "brandName": "Acme Ltd {n}"},
    ],
)
def test_there_may_be_none(columns: dict[str, str]) -> None:
    found = title_fields(rows(**columns))
    assert found == (("brandName",) if "brand" in columns else ())


def test_two_catalogues_in_one_index_have_a_title_each() -> None:
    found = title_fields([*rows(title="Mug {n}"), *rows(productName="Shirt {n}")])
    assert found == ("title", "productName")
