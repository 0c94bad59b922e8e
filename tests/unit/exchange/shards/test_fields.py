"""Fields come out of shards as they went in, of whatever kinds a column's values are."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet as parquet
import pytest

from visavis import import_vectors
from visavis.exchange.shards.loading import load_shards
from visavis.image_index import ImageIndex
from visavis.sources.base import open_source
from visavis.types import IndexReport

Sharded = Callable[..., IndexReport]

MIXED: list[dict[str, Any]] = [
    {"sku": "007", "ok": True, "size": 1, "text": "x", "much": 2**60, "name": "a"},
    {"sku": 12, "ok": "maybe", "size": True, "text": "1e5", "much": 2**70, "name": "b"},
    {"sku": "12", "ok": 1, "size": 2.5, "text": 3, "much": 0.5, "fields_json": "mine"},
    {"sku": "x", "size": 2.0, "text": "nan", "much": False, "label": "c"},
]


def written(photos: Path, rows: list[dict[str, Any]]) -> Path:
    names = ["red/0.png", "red/1.png", "red/2.png", "blue/0.png"]
    lines = [{"id": str(at), "image": names[at]} | row for at, row in enumerate(rows)]
    catalogue = photos / "all.jsonl"
    catalogue.write_text("\n".join(map(json.dumps, lines)) + "\n")
    return catalogue


def exactly(index: ImageIndex) -> dict[str, str]:
    return {record.id: repr(sorted(record.fields.items())) for record in index.records()}


def test_mixed_fields_are_those_of_an_index_made_directly(
    sharded: Sharded, photos: Path, shards: Path, plug_in: None, tmp_path: Path
) -> None:
    catalogue = written(photos, MIXED)
    sharded(open_source(catalogue))
    load_shards([shards], tmp_path / "loaded.index")
    import_vectors(next(shards.iterdir()), tmp_path / "imported.index")
    with ImageIndex.create(tmp_path / "direct.index", "fake") as direct:
        direct.add(catalogue)
        expected = exactly(direct)
    assert "('sku', '007')" in expected["0"]
    for name in ("loaded", "imported"):
        with ImageIndex.open(tmp_path / f"{name}.index") as index:
            assert exactly(index) == expected
    with ImageIndex.open(tmp_path / "loaded.index") as index:
        assert index.add(catalogue).unchanged == 4


def test_fields_of_one_kind_need_no_column_more(
    sharded: Sharded, photos: Path, shards: Path
) -> None:
    sharded(open_source(written(photos, [{"price": 1.5, "name": "a"}, {"price": 2.5}])))
    [shard] = shards.iterdir()
    assert "fields_json" not in parquet.read_schema(shard).names


def test_truths_among_numbers_are_exported_as_numbers(
    photos: Path, plug_in: None, tmp_path: Path
) -> None:
    with ImageIndex.create(tmp_path / "direct.index", "fake") as index:
        index.add(written(photos, [{"stock": 4}, {"stock": True}]))
        index.export(tmp_path / "all.parquet")
    rows = parquet.read_table(tmp_path / "all.parquet").to_pylist()
    assert {row["id"]: row["stock"] for row in rows} == {"0": 4, "1": 1}


@pytest.mark.parametrize("told", ["no JSON", "[1]", "[" * 100_000, '{"sku": {"a": 1}}'])
def test_fields_that_are_none_are_left_out(
    told: str, sharded: Sharded, photos: Path, shards: Path, tmp_path: Path
) -> None:
    sharded(open_source(written(photos, MIXED[:2])))
    [shard] = shards.iterdir()
    table = parquet.read_table(shard)
    at = table.schema.get_field_index("fields_json")
    table = table.set_column(at, "fields_json", pyarrow.array([told, told]))
    parquet.write_table(table, shard)
    assert load_shards([shard], tmp_path / "loaded.index").report.added == 2
    with ImageIndex.open(tmp_path / "loaded.index") as index:
        assert index.get("0").fields.get("sku") in ("007", None)
