"""Shards into an index: as if it had been made directly, once, whatever the shards are like."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet as parquet
import pytest
from PIL import Image

from visavis import ImageIndex, import_vectors
from visavis.embedders.base import unit_rows
from visavis.errors import IndexIncompatibleError, IndexMissingError, SourceError, UsageError
from visavis.exchange.layout import Origin
from visavis.exchange.shards import indexing
from visavis.exchange.shards.loading import Loaded, load_shards
from visavis.exchange.shards.place import ShardPlace
from visavis.exchange.shards.shard import ShardRow, packed
from visavis.flows.workers.base import Row
from visavis.sources.catalogue import CatalogueSource
from visavis.store.base import ModelFacts
from visavis.store.capabilities import has_evidence
from visavis.types import ImageRecord, IndexReport

Sharded = Callable[..., IndexReport]

MODEL = ModelFacts("some-model", "imported:some-model", "f" * 64, 4)
ORIGIN = Origin("catalogue", "/shop/all.csv", False)
ODD_IDS = [
    *('he said "no".jpg', "it's.jpg", "two\nlines.jpg", "../../etc/passwd", "/a/b", "größe/猫.jpg"),
    *("'; drop table records; --", "C:\\x.jpg", " ", "a" * 1000, "\u202e", "=1+1"),
]


def shard_rows(ids: list[str], seed: int = 0, **facts: Any) -> list[ShardRow]:
    random = np.random.default_rng(seed)
    vectors = unit_rows(random.normal(size=(len(ids), 4)))
    rows = []
    for at, (id, vector) in enumerate(zip(ids, vectors, strict=True)):
        given: dict[str, Any] = {
            "uri": f"/pictures/{id}",
            "size": at,
            "modified": 1.5,
            "width": 4,
            "height": 3,
        }
        given |= {"sha256": f"{at + 1000 * seed:08x}" * 8, "fields": {"number": at}} | facts
        rows.append(ShardRow(Row(ImageRecord(id, **given), vector, b"\0" * 2592), at))
    return rows


def write_shard(
    folder: Path, ids: list[str], model: ModelFacts = MODEL, origin: Origin = ORIGIN, **how: Any
) -> Path:
    name, content = packed(shard_rows(ids, **how), model, origin)
    ShardPlace(folder).write(name, content)
    return folder / name


def rewrite(path: Path, change: Callable[[pyarrow.Table], pyarrow.Table]) -> Path:
    parquet.write_table(change(parquet.read_table(path)), path)
    return path


def contents(place: Path) -> dict[str, tuple[ImageRecord, bytes, bytes]]:
    with ImageIndex.open(place) as index:
        store = index.store
        assert has_evidence(store)
        return {
            record.id: (
                record,
                store.vector(record.id).tobytes(),
                store.evidence.signatures([record.sha256]).get(record.sha256, b""),
            )
            for record in index.records()
        }


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where the index goes."""
    return tmp_path / "loaded.index"


def counts(loaded: Loaded) -> tuple[int, int, int]:
    return loaded.report.added, loaded.report.unchanged, len(loaded.report.failed)


# -- as if it had been made directly ---------------------------------------------------------------


def test_a_loaded_index_is_the_one_made_directly(
    sharded: Sharded, photos: Path, shards: Path, place: Path, plug_in: None, tmp_path: Path
) -> None:
    catalogue = tmp_path / "all.csv"
    lines = [f'{n},photos/red/{n}.png,{n / 4},"a, ""b"""' for n in range(3)]
    catalogue.write_text("\n".join(["id,image,price,name", *lines]) + "\n")
    sharded(photos)
    sharded(CatalogueSource(catalogue))
    assert counts(load_shards([shards], place)) == (12, 0, 0)
    with ImageIndex.create(tmp_path / "direct.index", "fake") as direct:
        direct.add(photos, catalogue)
        answers = direct.search(photos / "blue" / "1.png", limit=12)
    assert contents(place) == contents(tmp_path / "direct.index")
    with ImageIndex.open(place) as loaded:
        found = loaded.search(photos / "blue" / "1.png", limit=12)
        assert [m.to_dict() for m in found.matches] == [m.to_dict() for m in answers.matches]
        assert found.verdict == answers.verdict == "exact"
        report = loaded.add(photos, catalogue)  # the source goes on where the shards ended
        assert (report.added, report.unchanged, report.removed) == (0, 12, 0)


def test_loaded_twice_nothing_changes(
    sharded: Sharded, photos: Path, shards: Path, place: Path
) -> None:
    sharded(photos)
    load_shards([shards], place)
    before = contents(place)
    assert counts(load_shards([shards, shards], place)) == (0, 9, 0)
    assert contents(place) == before


def test_of_a_picture_that_has_changed_the_newest_counts(
    sharded: Sharded, photos: Path, shards: Path, place: Path, plug_in: None, tmp_path: Path
) -> None:
    sharded(photos)
    first = list(shards.iterdir())
    shutil.copy(photos / "red" / "0.png", photos / "blue" / "0.png")
    sharded(photos)
    [second] = set(shards.iterdir()) - set(first)
    for _ in range(2):  # in whatever order they are named
        loaded = load_shards([*first, second], place)
        assert loaded.report.notes == ["ids that came again: 1; of each the newest row counts"]
    with ImageIndex.create(tmp_path / "direct.index", "fake") as direct:
        direct.add(photos)
    assert contents(place) == contents(tmp_path / "direct.index")


def test_a_second_folder_gets_its_prefix(
    sharded: Sharded, photos: Path, shards: Path, place: Path, plug_in: None, tmp_path: Path
) -> None:
    more = tmp_path / "more"
    shutil.copytree(photos, more)
    sharded(photos)
    sharded(more)
    with ImageIndex.create(place, "fake") as index:
        index.add(photos)
    assert counts(load_shards([shards], place)) == (9, 9, 0)
    with ImageIndex.open(place) as index:
        report = index.add(photos, more)
        assert (report.added, report.unchanged) == (0, 18)
    with ImageIndex.create(tmp_path / "direct.index", "fake") as direct:
        direct.add(photos, more)
    assert contents(place) == contents(tmp_path / "direct.index")


def test_thumbnails_lie_where_the_index_looks_for_them(
    sharded: Sharded, photos: Path, shards: Path, place: Path
) -> None:
    sharded(photos, thumbnails=True)
    load_shards([shards], place)
    with ImageIndex.open(place) as index:
        for record in index:
            assert (index.shelf.thumbnails.kept(record.sha256, 320) or b"")[8:12] == b"WEBP"


def test_tags_that_the_index_has_stay(
    sharded: Sharded, photos: Path, shards: Path, place: Path
) -> None:
    sharded(photos)
    load_shards([shards], place)
    with ImageIndex.open(place) as index:
        store: Any = index.store
        store.tagged.begin("by hand")
        for block in store.tagged.missing(100):
            store.tagged.put(block, ["red"] * len(block))
    assert counts(load_shards([shards], place)) == (0, 9, 0)
    with ImageIndex.open(place) as index:
        assert len(list(index.records("tags~red"))) == 9


def test_an_export_is_loaded_as_a_shard_is(
    sharded: Sharded, photos: Path, shards: Path, place: Path, tmp_path: Path
) -> None:
    sharded(photos)
    load_shards([shards], place)
    with ImageIndex.open(place) as index:
        index.export(tmp_path / "all.parquet", dtype="float16")
    assert counts(load_shards([tmp_path / "all.parquet"], tmp_path / "b.index")) == (9, 0, 0)
    assert counts(load_shards([tmp_path / "all.parquet"], tmp_path / "b.index")) == (0, 9, 0)


def test_the_library_imports_shards_as_well(
    sharded: Sharded, photos: Path, shards: Path, place: Path
) -> None:
    sharded(photos)
    [path] = shards.iterdir()
    assert import_vectors(shards, place).added == 9
    assert import_vectors(path, place).unchanged == 9
    with pytest.raises(UsageError, match="leave out --model"):
        import_vectors(shards, place, model="mine")


# -- models ----------------------------------------------------------------------------------------


def test_shards_of_another_model_are_refused_and_the_others_come_in(
    tmp_path: Path, place: Path
) -> None:
    own, other = MODEL, MODEL._replace(name="other", fingerprint="0" * 64)
    write_shard(tmp_path / "first", ["a", "b"], own)
    load_shards([tmp_path / "first"], place)
    refused = write_shard(tmp_path / "both", ["c"], other)
    write_shard(tmp_path / "both", ["d"], own)
    loaded = load_shards([tmp_path / "both"], place)
    assert counts(loaded) == (1, 0, 0)
    error = loaded.error()
    assert isinstance(error, IndexIncompatibleError)
    assert f"'some-model' made its vectors, and 'other' those of {refused}" in str(error)
    assert set(contents(place)) == {"a", "b", "d"}


def test_a_new_index_is_of_one_model(tmp_path: Path, place: Path) -> None:
    write_shard(tmp_path / "both", ["c"], MODEL._replace(name="other", fingerprint="0" * 64))
    write_shard(tmp_path / "both", ["d"], MODEL)
    with pytest.raises(IndexIncompatibleError, match="the shards are of several models"):
        load_shards([tmp_path / "both"], place)
    assert not place.exists()


# -- hostile shards --------------------------------------------------------------------------------


def test_ids_may_be_any_text(tmp_path: Path, place: Path) -> None:
    write_shard(tmp_path / "s", ODD_IDS)
    assert counts(load_shards([tmp_path / "s"], place)) == (len(ODD_IDS), 0, 0)
    assert counts(load_shards([tmp_path / "s"], place)) == (0, len(ODD_IDS), 0)
    assert set(contents(place)) == set(ODD_IDS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["loaded.index", "s"]


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: -path.stat().st_size // 2])


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    for at in range(4, len(content) // 2, 97):
        content[at] ^= 0xFF
    path.write_bytes(bytes(content))


def without(name: str) -> Callable[[Path], object]:
    return lambda path: rewrite(path, lambda table: table.drop_columns([name]))


def other_dim(path: Path) -> None:
    def change(table: pyarrow.Table) -> pyarrow.Table:
        wide = pyarrow.array([[0.5] * 7] * len(table), pyarrow.list_(pyarrow.float16(), 7))
        place = table.schema.names.index("vector")
        return table.set_column(place, "vector", wide)

    rewrite(path, change)


def boastful(path: Path) -> None:
    def change(table: pyarrow.Table) -> pyarrow.Table:
        note = json.loads(table.schema.metadata[b"visavis"]) | {"dim": 2**40}
        return table.replace_schema_metadata({"visavis": json.dumps(note)})

    rewrite(path, change)


def no_note(path: Path) -> None:
    rewrite(path, lambda table: table.replace_schema_metadata({}))


def bad_note(path: Path) -> None:
    rewrite(path, lambda table: table.replace_schema_metadata({"visavis": '{"name": 3}'}))


HOSTILE = [
    pytest.param(truncated, "no sound Parquet file", id="truncated"),
    pytest.param(flipped, "no sound Parquet file", id="flipped bits"),
    pytest.param(lambda path: path.write_bytes(b""), "no sound Parquet file", id="empty"),
    pytest.param(lambda path: path.write_text("id\na\n"), "no sound Parquet file", id="a CSV"),
    pytest.param(without("vector"), "no vectors", id="no vectors"),
    pytest.param(without("id"), "no ids", id="no ids"),
    pytest.param(other_dim, "its vectors are no lists of 4 numbers", id="another length"),
    pytest.param(boastful, "no lists of 1099511627776", id="boastful"),
    pytest.param(no_note, "it is no file of visavis", id="another tool's"),
    pytest.param(bad_note, "it is no file of visavis", id="a bad note"),
]


@pytest.mark.parametrize(("spoil", "sentence"), HOSTILE)
def test_a_bad_shard_is_named_and_the_others_come_in(
    tmp_path: Path, place: Path, spoil: Callable[[Path], object], sentence: str
) -> None:
    good = [f"good {n}" for n in range(5)]
    write_shard(tmp_path / "s", good)
    bad = write_shard(tmp_path / "s", [f"bad {n}" for n in range(50)], seed=1)
    spoil(bad)
    loaded = load_shards([tmp_path / "s"], place)
    error = loaded.error()
    assert error is not None
    assert str(error).startswith((f"{bad}: ", f"{place}: "))
    assert str(bad) in str(error)
    assert sentence in str(error)
    assert "\n" not in str(error)
    assert good == sorted(set(contents(place)) - {f"bad {n}" for n in range(50)})


def test_where_all_are_bad_no_index_is_made(tmp_path: Path, place: Path) -> None:
    no_note(write_shard(tmp_path / "s", ["a"]))
    (tmp_path / "none").mkdir()
    with pytest.raises(SourceError, match=r"no file of visavis.*no shards in it.*no such file"):
        load_shards([tmp_path / "s", tmp_path / "none", tmp_path / "absent.parquet"], place)
    with pytest.raises(IndexMissingError):
        ImageIndex.open(place)
    assert not place.exists()


def test_rows_that_are_none_are_counted(tmp_path: Path, place: Path) -> None:
    def change(table: pyarrow.Table) -> pyarrow.Table:
        vectors = np.array(table["vector"].to_pylist(), np.float16)
        vectors[0, 1], vectors[1], vectors[2, 0] = np.nan, 0, np.inf
        ids: list[str | None] = table["id"].to_pylist()
        ids[3], ids[4], ids[6] = "", None, ids[5]
        flat = pyarrow.array(vectors.reshape(-1))
        names = table.schema.names
        table = table.set_column(
            names.index("vector"), "vector", pyarrow.FixedSizeListArray.from_arrays(flat, 4)
        )
        return table.set_column(names.index("id"), "id", pyarrow.array(ids))

    rewrite(write_shard(tmp_path / "s", list("abcdefghij")), change)
    loaded = load_shards([tmp_path / "s"], place)
    assert counts(loaded) == (4, 0, 5)
    assert loaded.report.notes == ["ids that came again: 1; of each the newest row counts"]
    assert set(contents(place)) == {"f", "h", "i", "j"}
    assert counts(load_shards([tmp_path / "s"], place)) == (0, 4, 5)


def test_a_signature_of_another_length_is_not_kept(tmp_path: Path, place: Path) -> None:
    def change(table: pyarrow.Table) -> pyarrow.Table:
        at = table.schema.names.index("signature")
        return table.set_column(at, "signature", pyarrow.array([b"x", None, b"\0" * 2592]))

    rewrite(write_shard(tmp_path / "s", ["a", "b", "c"]), change)
    assert counts(load_shards([tmp_path / "s"], place)) == (3, 0, 0)
    assert [kept[2] for kept in contents(place).values()] == [b"", b"", b"\0" * 2592]


def test_a_shard_without_rows_is_reported(tmp_path: Path, place: Path) -> None:
    path = rewrite(write_shard(tmp_path / "s", ["a"]), lambda table: table.slice(0, 0))
    loaded = load_shards([tmp_path / "s"], place)
    assert counts(loaded) == (0, 0, 0)
    assert loaded.report.notes == [f"{path}: it has no rows"]


def test_an_id_of_another_source_stays_that_ones(tmp_path: Path, place: Path) -> None:
    write_shard(tmp_path / "s", ["a", "b"])
    write_shard(tmp_path / "t", ["b", "c"], origin=ORIGIN._replace(uri="/other.csv"), seed=1)
    load_shards([tmp_path / "s"], place)
    before = contents(place)["b"]
    loaded = load_shards([tmp_path / "t"], place)
    assert counts(loaded) == (1, 0, 1)
    assert loaded.report.failed[0].uri == "b"
    assert contents(place)["b"] == before


def test_a_lone_picture_of_a_folder_is_no_shard(tmp_path: Path, place: Path) -> None:
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(SourceError, match=r"a\.png: it is no sound Parquet file"):
        load_shards([tmp_path / "a.png"], place)


# -- many shards -----------------------------------------------------------------------------------


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexing, "ROWS", 2)


def test_how_far_it_is(
    sharded: Sharded, photos: Path, shards: Path, place: Path, small: None
) -> None:
    sharded(photos)
    told: list[tuple[int, int]] = []
    load_shards([shards], place, progress=lambda report, total: told.append((report.added, total)))
    assert told[-1] == (9, 9)
    assert len(told) >= 2
    assert told == sorted(told)
