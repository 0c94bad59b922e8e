"""Exports, read by the tools that they are for."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import faiss
import h5py
import numpy as np
import pyarrow.parquet
import pytest
from brute import some_record

from visavis.disk import new_file
from visavis.errors import FilterError, StorageFullError, StoreError, UsageError
from visavis.exchange import exporting
from visavis.exchange.importing import import_vectors
from visavis.exchange.layout import survey
from visavis.image_index import ImageIndex
from visavis.store.base import ModelFacts
from visavis.store.open import create_store
from visavis.types import Fields

HALF = 2**-11  # what float16 may be off by, of numbers up to 1


def expected(index: ImageIndex) -> tuple[list[str], Any]:
    rows = list(index.rows())
    return [record.id for record, _ in rows], np.stack([vector for _, vector in rows])


def test_hdf5_is_read_by_plain_h5py(kept: ImageIndex, tmp_path: Path) -> None:
    made = kept.export(tmp_path / "out.h5")
    ids, vectors = expected(kept)
    with h5py.File(tmp_path / "out.h5") as file:
        assert file["image_ids"].asstr()[:].tolist() == ids
        assert file["features"].dtype == np.float16
        assert file["features"].shape == vectors.shape
        assert np.abs(file["features"][:].astype(np.float32) - vectors).max() <= HALF
        categories = [record.fields["category"] for record in kept.records()]
        assert file["labels"].asstr()[:].tolist() == categories
        assert file["category"].asstr()[:].tolist() == categories
        assert file["price"][:8].tolist() == [number / 4 for number in range(8)]
        assert file["field_size"].asstr()[2] == "2 cm"
        assert file["size"][2] == 102
        assert np.isnan(file["sometimes"][1])
        assert file["features"].fletcher32
    assert (made.records, made.bytes) == (len(ids), (tmp_path / "out.h5").stat().st_size)


def test_parquet_is_read_by_pyarrow_and_duckdb(kept: ImageIndex, tmp_path: Path) -> None:
    path = tmp_path / "out.parquet"
    kept.export(path)
    ids, vectors = expected(kept)
    table = pyarrow.parquet.read_table(path)
    assert table["id"].to_pylist() == ids
    assert str(table.schema.field("vector").type).startswith("fixed_size_list<")
    assert table.schema.field("vector").type.list_size == 12
    flat = table["vector"].combine_chunks().flatten().to_numpy()
    assert np.abs(flat.reshape(vectors.shape) - vectors).max() <= HALF
    asked = f"SELECT id, price, stock, sold, vector FROM '{path}' WHERE stock = 7"
    [(id, price, stock, sold, vector)] = duckdb.sql(asked).fetchall()
    assert (id, price, stock, sold) == (ids[7], 1.75, 7, False)
    assert np.abs(np.array(vector) - vectors[7]).max() <= HALF
    nearest = (
        f"SELECT id FROM '{path}' ORDER BY list_cosine_similarity(vector::FLOAT[],"
        f" {vectors[3].tolist()}::FLOAT[]) DESC LIMIT 1"
    )
    assert duckdb.sql(nearest).fetchall() == [(ids[3],)]


def test_npz_is_read_by_numpy_without_pickles(kept: ImageIndex, tmp_path: Path) -> None:
    kept.export(tmp_path / "out.npz", dtype="float32", label="stock")
    ids, vectors = expected(kept)
    with np.load(tmp_path / "out.npz", allow_pickle=False) as arrays:
        assert arrays["image_ids"].tolist() == ids
        assert np.array_equal(arrays["features"], vectors)
        assert arrays["labels"].tolist() == list(range(len(ids)))
        assert arrays["sold"].dtype == bool


def test_texts_that_npz_has_no_room_for_are_left_out_and_named(
    kept: ImageIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = next(kept.records())
    place = tmp_path / "long.index"
    create_store(place, kept.store.model(), 1)
    with ImageIndex.open(place) as index:
        long = {"story": "x" * 1001, "title": "short"}
        source = index.store.source("list", "list")
        index.store.upsert(source.number, [replace(record, fields=long)], kept.vectors()[:1])
        made = index.export(tmp_path / "out.npz")
    assert "story" in made.notes[0]
    with np.load(tmp_path / "out.npz") as arrays:
        assert "title" in arrays
        assert "story" not in arrays


def test_npz_keeps_ids_however_long_they_are(kept: ImageIndex, tmp_path: Path) -> None:
    ids = ["https://example.org/a.jpg?signed=" + "x" * 1500, "short.jpg"]
    create_store(tmp_path / "long.index", kept.store.model(), 1)
    with ImageIndex.open(tmp_path / "long.index") as index:
        source = index.store.source("list", "list")
        index.store.upsert(source.number, [some_record(id) for id in ids], kept.vectors()[:2])
        index.export(tmp_path / "out.npz")
    import_vectors(tmp_path / "out.npz", tmp_path / "back.index", model="some-model")
    with ImageIndex.open(tmp_path / "back.index") as back:
        assert [record.id for record in back.records()] == ids


def test_csv_is_read_by_the_csv_module(kept: ImageIndex, tmp_path: Path) -> None:
    kept.export(tmp_path / "bare.csv")
    kept.export(tmp_path / "wide.csv", vectors=True)
    ids, vectors = expected(kept)
    with (tmp_path / "bare.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == ids
    assert "vector" not in rows[0]
    assert rows[2]["category"] == "a,b\nc"
    with (tmp_path / "wide.csv").open(encoding="utf-8", newline="") as file:
        read = np.array([json.loads(row["vector"]) for row in csv.DictReader(file)])
    assert np.array_equal(read.astype(np.float16), vectors.astype(np.float16))


def test_faiss_reads_its_own_kind_of_file(kept: ImageIndex, tmp_path: Path) -> None:
    made = kept.export(tmp_path / "out.faiss")
    ids, vectors = expected(kept)
    index = faiss.read_index(str(tmp_path / "out.faiss"))
    assert isinstance(index, faiss.IndexFlatIP)
    assert np.array_equal(index.reconstruct_n(0, index.ntotal), vectors)
    assert index.search(vectors[5:6], 1)[1].tolist() == [[5]]
    faiss.write_index(index, str(tmp_path / "again.faiss"))
    assert (tmp_path / "again.faiss").read_bytes() == (tmp_path / "out.faiss").read_bytes()
    assert "out.faiss.csv" in made.notes[0]
    with (tmp_path / "out.faiss.csv").open(encoding="utf-8", newline="") as file:
        assert [row["id"] for row in csv.DictReader(file)] == ids


def test_a_filter_chooses_what_is_exported(kept: ImageIndex, tmp_path: Path) -> None:
    made = kept.export(tmp_path / "out.parquet", where=["stock<10", "sold=true"], vectors=False)
    table = pyarrow.parquet.read_table(tmp_path / "out.parquet")
    assert table["stock"].to_pylist() == [0, 2, 4, 6, 8]
    assert "vector" not in table.column_names
    assert made.records == 5


@pytest.mark.parametrize("name", ["out.h5", "out.parquet", "out.npz", "out.csv", "out.faiss"])
def test_a_file_that_is_there_stays_unless_it_is_to_be_replaced(
    kept: ImageIndex, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(UsageError, match=r"is there already; replace it with --force"):
        kept.export(tmp_path / name)
    assert (tmp_path / name).read_text() == "mine"
    kept.export(tmp_path / name, force=True, where="stock<3")
    assert (tmp_path / name).read_bytes() != b"mine"
    assert not list(tmp_path.glob(".*")), "nothing is left behind"


def test_what_cannot_be_exported_is_refused_before_anything_is_written(
    kept: ImageIndex, tmp_path: Path
) -> None:
    wrong: list[tuple[str, dict[str, Any], type[Exception], str]] = [
        ("out.xlsx", {}, UsageError, "which format"),
        ("no/out.h5", {}, UsageError, "there is no folder"),
        (
            "out.h5",
            {"where": "stock>1000000"},
            UsageError,
            "no record passes the filter stock>1000000",
        ),
        ("out.h5", {"where": "colour=red"}, FilterError, "colour"),
        ("out.h5", {"label": "colour"}, UsageError, "no record has a field 'colour'"),
        ("out.h5", {"dtype": "int8"}, UsageError, "float16 or float32"),
        ("out.csv", {"dtype": "float16"}, UsageError, "dtype is for vectors"),
        ("out.faiss", {"vectors": False}, UsageError, "nothing but vectors"),
        ("out.h5", {"filter": "stock>1"}, TypeError, "'filter' is no option"),
    ]
    for name, options, kind, told in wrong:
        with pytest.raises(kind, match=told):
            kept.export(tmp_path / name, **options)
    assert not list(tmp_path.iterdir())


def test_an_empty_index_has_nothing_to_export(index: ImageIndex, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the index is empty; nothing was written"):
        index.export(tmp_path / "out.h5")
    assert not (tmp_path / "out.h5").exists()


@pytest.mark.parametrize("name", ["out.h5", "out.parquet", "out.npz"])
def test_a_full_disk_is_told_and_leaves_nothing(
    kept: ImageIndex, tiny_disk: Callable[[str], Path], name: str
) -> None:
    disk = tiny_disk("100k")
    with pytest.raises((StorageFullError, UsageError), match="space left"):
        kept.export(disk / name)
    assert not list(disk.iterdir())


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "out.h5"
    path.write_text("old")

    def write() -> None:
        with new_file(path) as partial:
            partial.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write()
    assert [path] == list(tmp_path.iterdir())
    assert path.read_text() == "old"


def test_an_export_that_is_killed_leaves_the_old_file(
    kept: ImageIndex, kept_index: Path, tmp_path: Path
) -> None:
    path = tmp_path / "out.csv"
    path.write_text("old")
    code = (
        "import sys\nfrom visavis import ImageIndex\nindex = ImageIndex.open(sys.argv[1])\n"
        "while True: index.export(sys.argv[2], vectors=True, force=True)"
    )
    command = [sys.executable, "-c", code, str(kept_index), str(path)]
    with subprocess.Popen(command) as child:
        while not list(tmp_path.glob(".*.partial")):
            time.sleep(0.001)
        os.kill(child.pid, signal.SIGKILL)
    assert path.read_text() == "old" or path.read_text().count("\n") > 2_100


def test_an_index_that_changes_meanwhile_is_told(
    kept: ImageIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = survey(kept.store, None, np.float16)
    create_store(tmp_path / "other.index", ModelFacts("m", "imported:m", "a", 12), 1)
    with ImageIndex.open(tmp_path / "other.index") as fewer:
        source = fewer.store.source("list", "list")
        fewer.store.upsert(source.number, [next(kept.records())], kept.vectors()[:1])
        with pytest.raises(StoreError, match="export it again"):
            exporting._write(fewer.store, None, tmp_path / "o.csv", _csv_writing(), layout)
    assert not (tmp_path / "o.csv").exists()


def _csv_writing() -> Any:
    return exporting._FORMATS[".csv"].writing


# -- Arrow ---------------------------------------------------------------------------------------


def test_an_index_is_an_arrow_table(kept: ImageIndex) -> None:
    ids, vectors = expected(kept)
    table = kept.to_arrow()
    assert table["id"].to_pylist() == ids
    assert np.array_equal(
        table["vector"].combine_chunks().flatten().to_numpy().reshape(vectors.shape), vectors
    )
    few = kept.to_arrow("stock<3", vectors=False)
    assert few["shelf∕row"].to_pylist() == ["A"] * 3
    assert "vector" not in few.column_names


def test_an_answer_is_an_arrow_table(kept: ImageIndex) -> None:
    from visavis import SearchResult

    result = kept.similar("picture-00020", limit=4)
    assert isinstance(result, SearchResult)
    table = result.to_arrow()
    assert table["id"].to_pylist() == [match.record.id for match in result.matches]
    assert table["score"].to_pylist() == [match.score for match in result.matches]
    assert table["field_size"].to_pylist() == [m.record.fields["size"] for m in result.matches]
    assert table["price"].to_pylist() == [m.record.fields["price"] for m in result.matches]
    assert kept.search(kept.vectors()[0], limit=0).to_arrow().num_rows == 0


@pytest.fixture
def mapped(plug_in: None, tmp_path: Path, draw: Callable[..., Path]) -> Iterator[ImageIndex]:
    """Twenty pictures in two folders, with a map."""
    for number in range(20):
        draw(f"p/{number % 2}/{number:02}.png", (200 - 9 * number, 9 * number, 60), mark=number)
    with ImageIndex.create(tmp_path / "m.index", "fake", jobs=2) as index:
        index.add(tmp_path / "p")
        index.map()
        yield index


def test_parquet_has_the_map_as_embedding_atlas_reads_it(
    mapped: ImageIndex, tmp_path: Path
) -> None:
    path = tmp_path / "out.parquet"
    assert mapped.export(path).notes == ()
    made, (ids, vectors) = mapped.map(), expected(mapped)
    table = pyarrow.parquet.read_table(path)
    for row, id in enumerate(ids):
        place = table["projection_x"][row].as_py(), table["projection_y"][row].as_py()
        assert place == pytest.approx(made.position(id), abs=1e-6)
        near = table["neighbors"][row].as_py()
        scores = vectors @ vectors[row]
        assert row not in near["ids"]
        assert len(near["ids"]) == 10
        assert near["distances"] == pytest.approx(1 - scores[near["ids"]], abs=2e-3)
        assert scores[near["ids"]].min() >= np.sort(np.delete(scores, row))[-10] - 2e-3
    asked = f"SELECT neighbors.ids[1], projection_x FROM '{path}' LIMIT 1"
    [(first, x)] = duckdb.sql(asked).fetchall()
    assert first == table["neighbors"][0].as_py()["ids"][0]
    assert x == pytest.approx(made.position(ids[0])[0], abs=1e-6)
    assert "projection_x" in mapped.to_arrow().column_names


def test_neighbours_in_a_part_of_the_index_are_rows_of_that_part(
    mapped: ImageIndex, tmp_path: Path
) -> None:
    mapped.export(tmp_path / "part.parquet", where="folder=1")
    table = pyarrow.parquet.read_table(tmp_path / "part.parquet")
    made, ids = mapped.map(), table["id"].to_pylist()
    assert len(ids) == 10
    for row, id in enumerate(ids):
        near = [made.records[other].id for other in made.neighbours[made.rows[id]]]
        found = table["neighbors"][row].as_py()["ids"]
        assert [ids[other] for other in found] == [other for other in near if other in ids]


def test_records_that_came_since_the_map_are_told(
    mapped: ImageIndex, tmp_path: Path, draw: Callable[..., Path]
) -> None:
    draw("p/1/new.png", (1, 2, 3))
    mapped.add(tmp_path / "p")
    made = mapped.export(tmp_path / "out.parquet")
    assert made.notes[0].startswith("1 records came since the map was made")
    table = pyarrow.parquet.read_table(tmp_path / "out.parquet")
    assert table["projection_x"].null_count == table["neighbors"].null_count == 1
    assert import_vectors(tmp_path / "out.parquet", tmp_path / "back.index").added == 21


def test_without_a_map_there_are_no_columns_of_one(kept: ImageIndex, tmp_path: Path) -> None:
    kept.export(tmp_path / "out.parquet", where="stock<5")
    assert "neighbors" not in pyarrow.parquet.read_schema(tmp_path / "out.parquet").names


@pytest.mark.parametrize("suffix", ["npz", "h5", "parquet"])
def test_numbers_are_neither_cut_nor_rounded(
    index: ImageIndex, tmp_path: Path, suffix: str
) -> None:
    tweet = 2**60 + 1  # which no float has
    values: list[Fields] = [
        {"mixed": "a", "tweet": tweet, "odd": tweet},
        {"mixed": 1_234_567, "tweet": -tweet, "odd": 1.28e18},
        {"mixed": 0.5, "odd": 0.1},
        {"mixed": "007", "odd": -1.0},
        {"mixed": "1e3", "odd": 1e22},
    ]
    records = [replace(some_record(f"{at}"), fields=one) for at, one in enumerate(values)]
    source = index.store.source("list", "list")
    dim = index.info().dim
    vectors = np.eye(dim, dtype=np.float32)[np.arange(len(records)) % dim]
    index.store.upsert(source.number, records, vectors)
    index.export(tmp_path / f"out.{suffix}")
    import_vectors(tmp_path / f"out.{suffix}", tmp_path / "back")
    with ImageIndex.open(tmp_path / "back") as back:
        assert [back.get(f"{at}").fields for at in range(len(values))] == values


def test_arrow_tables_round_no_whole_numbers_among_others(
    index: ImageIndex, tmp_path: Path
) -> None:
    values: list[Fields] = [{"odd": 2**60 + 1, "few": 1}, {"odd": 0.5, "few": 0.5}]
    records = [replace(some_record(f"{at}"), fields=one) for at, one in enumerate(values)]
    vectors = np.eye(len(records), index.info().dim, dtype=np.float32)
    index.store.upsert(index.store.source("list", "list").number, records, vectors)
    for table in (index.to_arrow(vectors=False), index.search("id:0", limit=2).to_arrow()):
        assert sorted(table["odd"].to_pylist()) == ["0.5", f"{2**60 + 1}"]
        assert sorted(table["few"].to_pylist()) == [0.5, 1.0]
