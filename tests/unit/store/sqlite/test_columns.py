"""Columns: what the values of fields become, also of more values than are told apart."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from brute import some_record

from visavis.filters import parse_all
from visavis.store.base import ModelFacts
from visavis.store.capabilities import Facet
from visavis.store.sqlite.capabilities import columns
from visavis.store.sqlite.store import SqliteStore
from visavis.types import FieldValue


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    made = SqliteStore.create(tmp_path / "i", ModelFacts("fake", "fake", "f", 1))
    yield made
    made.close()


def facets(store: SqliteStore, rows: list[dict[str, FieldValue]]) -> dict[str, Facet]:
    source = store.source("catalogue", "/all.csv").number
    records = [some_record(f"{at:04}", fields) for at, fields in enumerate(rows)]
    store.upsert(source, records, np.ones((len(rows), 1), np.float32))
    return {facet.name: facet for facet in store.browse.facets(None)}


def test_a_field_of_very_many_values_is_counted_and_not_listed(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "_TOLD_APART", 30)
    monkeypatch.setattr(columns, "_BLOCK", 16)
    rows: list[dict[str, FieldValue]] = [
        {"title": f"t{at % 80}", "price": at % 70 - 2, "kind": "ab"[at % 2]} for at in range(200)
    ]
    found = facets(store, [*rows, {"kind": "a"}])
    assert found["title"] == Facet("title", "text", 200, 80)
    assert found["price"] == Facet("price", "number", 200, 70, None, -2, 67)
    assert found["kind"].values == (("a", 101), ("b", 100))


def test_times_of_very_many_days_are_counted_by_years(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "_TOLD_APART", 30)
    monkeypatch.setattr(columns, "_BLOCK", 16)
    rows: list[dict[str, FieldValue]] = [
        {"taken": f"20{20 + at % 3}-05-0{1 + at % 7}T10:{at % 60:02}"} for at in range(300)
    ]
    taken = facets(store, rows)["taken"]
    assert taken.by == "year"
    assert taken.values == (("2022", 100), ("2021", 100), ("2020", 100))


def test_each_item_of_a_list_is_counted_and_each_record_once(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "_BLOCK", 2)
    rows: list[dict[str, FieldValue]] = [
        {"tags": "dog, beach", "sizes": "[38, 39]", "kind": "a"},
        {"tags": "dog", "sizes": 39, "kind": "b"},
        {"tags": "", "kind": "b"},
        {"tags": "beach, sea, dog", "sizes": "[]", "kind": "b"},
    ]
    found = facets(store, rows)
    assert found["tags"] == Facet("tags", "list", 3, 3, (("dog", 3), ("beach", 2), ("sea", 1)))
    assert found["sizes"] == Facet("sizes", "list", 2, 2, ((39, 2), (38, 1)), 38, 39)
    under = {facet.name: facet for facet in store.browse.facets(parse_all(["kind=b"]))}
    assert under["tags"] == Facet("tags", "list", 2, 3, (("dog", 2), ("beach", 1), ("sea", 1)))
    chosen = {facet.name: facet for facet in store.browse.facets(parse_all(["tags=beach"]))}
    assert chosen["kind"].values == (("a", 1), ("b", 1))
    assert chosen["tags"] == found["tags"]  # what another choice would lead to


def test_lists_of_very_many_items_are_counted_and_not_listed(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "_TOLD_APART", 30)
    monkeypatch.setattr(columns, "_BLOCK", 16)
    rows: list[dict[str, FieldValue]] = [
        {"words": json.dumps([f"w{at % 40}", f"w{(at + 1) % 40}"])} for at in range(200)
    ]
    assert facets(store, rows)["words"] == Facet("words", "list", 200, 40)
    some = store.browse.facets(parse_all(["words=w0,w7"]))
    assert (some[0].count, some[0].values) == (200, None)


def test_minus_one_and_minus_two_are_two_values() -> None:
    assert columns._hash(-1) != columns._hash(-2)
