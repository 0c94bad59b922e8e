"""Vectors from files: what visavis wrote comes back, what others wrote is searchable."""

import csv
import datetime
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faiss
import h5py
import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from visavis import ImageIndex, import_vectors
from visavis.errors import (
    IndexIncompatibleError,
    IndexMissingError,
    ModelUnknownError,
    SourceError,
    UsageError,
)

Draw = Callable[..., Path]

IDS = ["a", "b", "c", "d"]
VECTORS = np.array([[1, 0, 0], [0, 2, 0], [0, 1, 1], [3, 3, 0]], np.float32)


def write_hdf5(path: Path, ids: Any = IDS, vectors: Any = VECTORS, **others: Any) -> Path:
    with h5py.File(path, "w") as file:
        file["image_ids"] = ids
        file["features"] = vectors
        for name, values in others.items():
            file[name] = values
    return path


def write_npz(path: Path, ids: Any = IDS, vectors: Any = VECTORS, **others: Any) -> Path:
    np.savez_compressed(path, ids=np.array(ids), embeddings=vectors, **others)
    return path


def write_parquet(path: Path, ids: Any = IDS, vectors: Any = VECTORS, **others: Any) -> Path:
    columns = {"image_id": ids, "emb_of_mine": list(map(list, vectors)), **others}
    pyarrow.parquet.write_table(pyarrow.table(columns), path)
    return path


def write_csv(path: Path, ids: Any = IDS, vectors: Any = VECTORS, **others: Any) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["filename", "embedding", *others])
        lists = [json.dumps(np.asarray(row, float).tolist()) for row in vectors]
        writer.writerows(zip(ids, lists, *others.values(), strict=True))
    return path


def write_faiss(path: Path, ids: Any = IDS, vectors: Any = VECTORS, **others: Any) -> Path:
    index = faiss.IndexFlatL2(3)
    index.add(vectors)
    faiss.write_index(index, str(path))
    with path.with_name(f"{path.name}.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", *others])
        writer.writerows(zip(ids, *others.values(), strict=True))
    return path


FOREIGN = {
    "f.h5": write_hdf5,
    "f.npz": write_npz,
    "f.parquet": write_parquet,
    "f.csv": write_csv,
    "f.faiss": write_faiss,
}


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        *(("out.h5", "float16"), ("out.hdf5", "float32"), ("out.npz", "float16")),
        *(("out.parquet", "float32"), ("out.parquet", "float16")),
    ],
)
def test_what_was_exported_comes_back_as_it_was(
    kept: ImageIndex, tmp_path: Path, name: str, dtype: Any
) -> None:
    kept.export(tmp_path / name, dtype=dtype)
    report = import_vectors(tmp_path / name, tmp_path / "new.index")
    assert (report.added, report.failed, report.notes) == (len(kept), [], [])
    with ImageIndex.open(tmp_path / "new.index") as again:
        assert list(again.records()) == list(kept.records())
        assert np.abs(again.vectors() - kept.vectors()).max() <= 2**-11
        assert again.store.model() == kept.store.model()
        assert again.store.fields() == kept.store.fields()


@pytest.mark.parametrize("name", ["out.csv", "out.faiss"])
def test_what_was_exported_without_its_model_comes_back_with_a_name(
    kept: ImageIndex, tmp_path: Path, name: str
) -> None:
    kept.export(tmp_path / name, vectors=True, where="stock<1500")
    report = import_vectors(tmp_path / name, tmp_path / "new.index", model="mine")
    assert (report.added, report.failed) == (1500, [])
    with ImageIndex.open(tmp_path / "new.index") as again:
        assert again.info().model == "mine"
        before = list(kept.records("stock<1500"))
        assert [r.id for r in again.records()] == [r.id for r in before]
        assert [r.fields["category"] for r in again] == [r.fields["category"] for r in before]
        assert np.abs(again.vectors() - kept.vectors("stock<1500")).max() <= 2**-11


def test_whole_numbers_beyond_63_bits_are_texts(tmp_path: Path) -> None:
    hashes = np.array([1, 2**63 - 1, 2**63, 2**64 - 1], np.uint64)
    import_vectors(write_npz(tmp_path / "f.npz", phash=hashes), tmp_path / "new.index")
    with ImageIndex.open(tmp_path / "new.index") as index:
        found = [record.fields["phash"] for record in index]
    assert found == [1, 2**63 - 1, f"{2**63}", f"{2**64 - 1}"]


@pytest.mark.parametrize("name", FOREIGN)
def test_features_computed_elsewhere_are_searchable(tmp_path: Path, name: str) -> None:
    colours = ["red", "green", "blue", "red"]
    path = FOREIGN[name](tmp_path / name, colour=colours)
    report = import_vectors(path, tmp_path / "new.index", model="resnet50")
    assert (report.added, report.failed) == (4, [])
    assert any("unit length" in note for note in report.notes)
    with ImageIndex.open(tmp_path / "new.index") as index:
        assert [record.id for record in index] == IDS
        assert index.info().model == "resnet50"
        [match] = index.similar("a", limit=1, where="colour=red").matches
        assert (match.record.id, round(match.score, 3)) == ("d", 0.707)
        [match] = index.search(np.array([0, 1, 1], np.float32), limit=1).matches
        assert (match.record.id, round(match.score, 3)) == ("c", 1.0)


def test_pictures_cannot_be_asked_with_where_the_model_is_unknown(
    tmp_path: Path, draw: Draw
) -> None:
    import_vectors(write_hdf5(tmp_path / "f.h5", title=["red mug"] * 4), tmp_path / "new.index")
    with ImageIndex.open(tmp_path / "new.index") as index:
        for ask in (
            lambda: index.search(draw("red.png", (200, 0, 0))),
            lambda: index.add(tmp_path / "red.png"),
            lambda: index.rebuild(),
        ):
            with pytest.raises(ModelUnknownError, match=r"computed elsewhere.* 'f' that made them"):
                ask()
        assert index.search("mug", limit=1).matches[0].record.fields["title"] == "red mug"


def test_a_model_that_visavis_has_can_be_named(tmp_path: Path, plug_in: None, draw: Draw) -> None:
    path = write_hdf5(tmp_path / "f.h5")
    import_vectors(path, tmp_path / "new.index", model="fake")
    with ImageIndex.open(tmp_path / "new.index") as index:
        [match] = index.search(draw("red.png", (200, 0, 0)), limit=1).matches
        assert match.record.id == "a"
    with pytest.raises(UsageError, match="3 dimensions, and those of 'fake-halves' have 6"):
        import_vectors(path, tmp_path / "other.index", model="fake-halves")
    assert not (tmp_path / "other.index").exists()


@pytest.mark.parametrize("name", FOREIGN)
def test_rows_without_a_sound_vector_are_skipped_and_counted(tmp_path: Path, name: str) -> None:
    vectors = VECTORS.copy()
    vectors[1, 2], vectors[2] = np.nan, 0
    report = import_vectors(
        FOREIGN[name](tmp_path / name, vectors=vectors), tmp_path / "new.index", model="m"
    )
    assert report.added == 2
    told = {failure.uri: failure.reason for failure in report.failed}
    assert "NaN" in told["b"]
    assert told["c"] == "its vector is zero"


@pytest.mark.parametrize("name", FOREIGN)
def test_damaged_files_are_named(tmp_path: Path, name: str) -> None:
    whole = FOREIGN[name](tmp_path / name).read_bytes()
    for content in (b"", b"nonsense" * 20, whole[: len(whole) // 2]):
        if name == "f.csv" and content in whole:
            continue  # half a CSV may be a shorter one
        (tmp_path / name).write_bytes(content)
        with pytest.raises(SourceError, match=name):
            import_vectors(tmp_path / name, tmp_path / "new.index", model="m")
    assert not (tmp_path / "new.index").exists()
    with pytest.raises(SourceError, match="there is no such file"):
        import_vectors(tmp_path / f"no-{name}", tmp_path / "new.index")


def test_damage_within_an_export_is_found(kept: ImageIndex, tmp_path: Path) -> None:
    for name in ("out.h5", "out.npz", "out.parquet"):
        kept.export(tmp_path / name)
        data = bytearray((tmp_path / name).read_bytes())
        middle = data.find(kept.vectors().astype(np.float16)[1500:1502].tobytes())
        at = middle if middle > 0 else len(data) * 6 // 10
        data[at : at + 40] = bytes(byte ^ 0x55 for byte in data[at : at + 40])
        (tmp_path / name).write_bytes(data)
        with pytest.raises(SourceError, match=f"{name}: it is no sound"):
            import_vectors(tmp_path / name, tmp_path / f"{name}.index")


def test_vectors_of_another_length_or_model_are_refused(tmp_path: Path) -> None:
    place = tmp_path / "new.index"
    import_vectors(write_hdf5(tmp_path / "three.h5"), place, model="mine")
    wide = write_hdf5(tmp_path / "four.h5", vectors=np.ones((4, 4)))
    with pytest.raises(IndexIncompatibleError, match=r"3 dimensions, and those of .* have 4"):
        import_vectors(wide, place)
    with pytest.raises(IndexIncompatibleError, match="'mine' made its vectors, and 'other'"):
        import_vectors(tmp_path / "three.h5", place, model="other")
    more = write_hdf5(tmp_path / "more.h5", ids=["e", "f", "g", "h"])
    assert import_vectors(more, place).added == 4
    with ImageIndex.open(place) as index:
        assert len(index) == 8


def test_vectors_for_a_model_of_visavis_have_to_say_so(index: ImageIndex, tmp_path: Path) -> None:
    path = write_hdf5(tmp_path / "f.h5")
    with pytest.raises(UsageError, match="say so with --model fake"):
        import_vectors(path, index.path)
    assert import_vectors(path, index.path, model="fake").added == 4


def test_ids_of_other_sources_stay_theirs(index: ImageIndex, draw: Draw, tmp_path: Path) -> None:
    draw("photos/a.png", (9, 9, 200))
    index.add(tmp_path / "photos")
    path = write_hdf5(tmp_path / "f.h5", ids=["a.png", "b", "b", "c"])
    report = import_vectors(path, index.path, model="fake")
    assert [failure.uri for failure in report.failed] == ["a.png"]
    assert report.added == 2
    assert any(note.startswith("ids that came again: 1;") for note in report.notes)
    assert index.get("a.png").width == 24


def test_importing_again_changes_nothing(kept: ImageIndex, tmp_path: Path) -> None:
    kept.export(tmp_path / "out.parquet")
    for _ in range(2):
        assert import_vectors(tmp_path / "out.parquet", tmp_path / "new.index").failed == []
    with ImageIndex.open(tmp_path / "new.index") as again:
        assert list(again.records()) == list(kept.records())


def test_odd_ids_and_values(tmp_path: Path) -> None:
    path = write_parquet(
        tmp_path / "f.parquet",
        ids=['"', None, "two\nlines", "nul\0"],
        day=[datetime.date(2024, 5, 1)] * 4,
        tags=[["dog", "cat"]] * 4,
        price=[float("nan"), 1.5, 2.5, None],
        image=["x/one.jpg", "x", "https://example.org/p.jpg", "x"],
    )
    report = import_vectors(path, tmp_path / "new.index")
    assert (report.added, len(report.failed)) == (2, 2)
    with ImageIndex.open(tmp_path / "new.index") as index:
        first, second = index.records()
        assert (first.id, second.id) == ('"', "two\nlines")
        assert first.fields == {"day": "2024-05-01", "tags": "dog, cat", "image": "x/one.jpg"}
        assert first.uri == str(tmp_path / "x" / "one.jpg")
        assert (second.uri, second.fields["price"]) == ("https://example.org/p.jpg", 2.5)
        assert len(list(index.records("day=2024-05"))) == 2


def test_names_of_ids_and_vectors_can_be_given(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file["deep/names"] = IDS
        file["one"], file["other"] = VECTORS, VECTORS * 2
        file["short"] = [1, 2]
    with pytest.raises(SourceError, match=r"no vectors .* --vector-column; there are one, other"):
        import_vectors(tmp_path / "f.h5", tmp_path / "new.index")
    with pytest.raises(SourceError, match=r"no ids .* --id-column"):
        import_vectors(tmp_path / "f.h5", tmp_path / "new.index", vector_column="one")
    with pytest.raises(UsageError, match="no vectors are called 'two'"):
        import_vectors(tmp_path / "f.h5", tmp_path / "new.index", vector_column="two")
    with pytest.raises(IndexMissingError):
        ImageIndex.open(tmp_path / "new.index")
    report = import_vectors(
        tmp_path / "f.h5", tmp_path / "new.index", vector_column="one", id_column="deep/names"
    )
    assert report.added == 4
    assert "short" in report.notes[0]


def test_ids_of_another_number_than_vectors_are_counted(tmp_path: Path) -> None:
    np.savez(tmp_path / "f.npz", ids=np.array(IDS[:2]), vectors=VECTORS)
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file["ids"], file["vectors"] = IDS[:2], VECTORS
    for name in ("f.npz", "f.h5"):
        with pytest.raises(SourceError, match="ids has 2 ids for 4 vectors"):
            import_vectors(tmp_path / name, tmp_path / "new.index")


def test_pickled_arrays_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "f.npz", ids=np.array(["a", {}], object), vectors=VECTORS[:2])
    with pytest.raises(SourceError, match="ids holds Python objects"):
        import_vectors(tmp_path / "f.npz", tmp_path / "new.index")


def test_a_faiss_file_without_ids_has_numbers(tmp_path: Path) -> None:
    write_faiss(tmp_path / "f.faiss").with_name("f.faiss.csv").unlink()
    report = import_vectors(tmp_path / "f.faiss", tmp_path / "new.index")
    assert any("the ids are the rows' numbers" in note for note in report.notes)
    with ImageIndex.open(tmp_path / "new.index") as index:
        assert [record.id for record in index] == ["0", "1", "2", "3"]
    write_faiss(tmp_path / "f.faiss", ids=["a"])
    with pytest.raises(SourceError, match="sound row for each of the 4 vectors"):
        import_vectors(tmp_path / "f.faiss", tmp_path / "new.index")


def test_an_empty_file_makes_no_index(tmp_path: Path) -> None:
    path = write_hdf5(tmp_path / "f.h5", ids=np.empty(0, "S1"), vectors=np.empty((0, 3)))
    with pytest.raises(SourceError, match="it has no rows"):
        import_vectors(path, tmp_path / "new.index")
    assert not (tmp_path / "new.index").exists()


@pytest.mark.parametrize("name", FOREIGN)
def test_a_second_import_says_what_is_unchanged(tmp_path: Path, name: str) -> None:
    path, place = FOREIGN[name](tmp_path / name), tmp_path / "new.index"
    assert import_vectors(path, place, model="mine").added == 4
    again = import_vectors(path, place, model="mine")
    assert (again.added, again.unchanged) == (0, 4)
    other = VECTORS.copy()
    other[1] = [0, 0, 5]
    changed = import_vectors(FOREIGN[name](path, vectors=other), place, model="mine")
    assert (changed.added, changed.unchanged) == (1, 3)
    with ImageIndex.open(place) as index:
        assert index.store.vector("b").round(3).tolist() == [0, 0, 1]


def test_a_vector_that_changed_comes_in_although_the_file_says_the_same_content(
    tmp_path: Path,
) -> None:
    digests = [f"{at:064x}" for at in range(4)]
    path, place = write_parquet(tmp_path / "f.parquet", sha256=digests), tmp_path / "new.index"
    import_vectors(path, place, model="mine")
    other = VECTORS.copy()
    other[1] = [0, 0, 5]
    changed = import_vectors(
        write_parquet(path, vectors=other, sha256=digests), place, model="mine"
    )
    assert (changed.added, changed.unchanged) == (1, 3)
