"""The caches beside the database: rebuilt when lost, never a reason for a wrong answer."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from asking import ask
from brute import Brute, clustered, recall, some_record

from visavis.errors import StoreError
from visavis.filters import parse_all
from visavis.store.base import Answer, ModelFacts
from visavis.store.nearest import caches
from visavis.store.nearest.ann import Ann, layout, list_count
from visavis.store.nearest.sizes import Sizes
from visavis.store.sqlite.store import SqliteStore
from visavis.types import Vectors

DIM, COUNT = 16, 2000


SIZES = Sizes(exact_floats=300 * DIM, pending_floats=150 * DIM, selective=100)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    store = SqliteStore.create(folder, ModelFacts("fake", "fake", "fake", DIM), SIZES)
    fill(store, COUNT)
    store.settle()
    store.close()
    return folder


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(template, tmp_path / "store"))


@pytest.fixture
def opened(folder: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(folder, SIZES)
    yield store
    store.close()


def fill(store: SqliteStore, count: int, start: int = 0, seed: int = 0) -> Brute:
    records = [some_record(f"r{at:05}", {"odd": at % 2}) for at in range(start, start + count)]
    vectors = clustered(count, DIM, seed=seed)
    store.upsert(store.source("catalogue", "/all.csv").number, records, vectors)
    oracle = Brute()
    oracle.upsert(records, vectors)
    return oracle


def oracle() -> Brute:
    made = Brute()
    records = [some_record(f"r{at:05}", {"odd": at % 2}) for at in range(COUNT)]
    made.upsert(records, clustered(COUNT, DIM))
    return made


def query(seed: int = 0) -> Vectors:
    return np.asarray(clustered(50, DIM)[seed])


def cache_files(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "cache").rglob("*") if path.is_file())


def damaged(kind: str, path: Path) -> None:
    data = path.read_bytes()
    match kind:
        case "missing":
            path.unlink()
        case "empty":
            path.write_bytes(b"")
        case "cut":
            path.write_bytes(data[: len(data) // 2])
        case "noise":
            path.write_bytes(np.random.default_rng(1).bytes(len(data)))
        case "text":
            path.write_text("[null]")


FILES = ("ann.faiss", "ann.json", "codes.npy", "scales.npy", "numbers.npy", "errors.npy")


def test_very_wide_vectors_are_read_through_and_not_approximated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caches, "WIDEST", DIM - 1)
    store = SqliteStore.create(tmp_path, ModelFacts("fake", "fake", "fake", DIM), SIZES)
    brute = fill(store, COUNT)
    store.settle()
    (cache,) = (tmp_path / "cache").iterdir()
    assert not (cache / "ann.faiss").exists()
    found = ask(store, query(), 10).matches
    assert recall(found, brute.scores(query())) == 1
    assert not store.wants_caches()
    store.settle()
    assert [*(tmp_path / "cache").iterdir()] == [cache]
    store.close()


def test_a_cache_holds_the_files_that_are_damaged_below(folder: Path) -> None:
    assert {path.name for path in cache_files(folder)} == set(FILES)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("kind", ["missing", "empty", "cut", "noise", "text"])
def test_a_damaged_cache_costs_time_and_no_answer(folder: Path, name: str, kind: str) -> None:
    [path] = [path for path in cache_files(folder) if path.name == name]
    damaged(kind, path)
    store = SqliteStore(folder, SIZES)
    found = ask(store, query(), 200)
    oracle().assert_best(found.matches, query(), 0, 200)
    selective = ask(store, query(), 20, where=parse_all(["id~r000"]))
    assert selective.total == 100
    assert store.wants_caches()
    store.close()


@pytest.mark.parametrize("name", ["ann.faiss", "codes.npy"])
def test_a_damaged_cache_is_made_again(folder: Path, name: str) -> None:
    [path] = [path for path in cache_files(folder) if path.name == name]
    damaged("cut", path)
    store = SqliteStore(folder, SIZES)
    ask(store, query(), 1)
    store.repair()
    assert not store.wants_caches()
    assert store.info().approximate
    assert [p.name for p in cache_files(folder)] == sorted(FILES)
    assert recall(ask(store, query(), 10).matches, oracle().scores(query())) >= 0.9
    store.close()


def test_without_a_cache_folder_the_answers_are_exact_and_it_is_made_again(folder: Path) -> None:
    shutil.rmtree(folder / "cache")
    store = SqliteStore(folder, SIZES)
    oracle().assert_best(ask(store, query(), 150).matches, query(), 0, 150)
    store.repair()
    assert store.info().approximate
    store.close()


def test_a_cache_is_used_again_by_the_next_process(folder: Path, opened: SqliteStore) -> None:
    before = cache_files(folder)
    assert opened.info().approximate
    assert opened.info().pending == 0
    opened.settle()
    assert cache_files(folder) == before


def test_rows_newer_than_the_cache_are_pending_until_they_are_many(
    folder: Path, opened: SqliteStore
) -> None:
    before = cache_files(folder)
    fill(opened, 100, start=COUNT, seed=5)
    opened.settle()
    assert (opened.info().pending, cache_files(folder)) == (100, before)
    fill(opened, 100, start=COUNT + 100, seed=6)
    opened.settle()
    assert opened.info().pending == 0
    assert cache_files(folder) != before
    assert len({path.parent for path in cache_files(folder)}) == 1


def test_many_removals_make_the_cache_again(folder: Path, opened: SqliteStore) -> None:
    before = cache_files(folder)
    opened.remove([f"r{at:05}" for at in range(300)])
    opened.settle()
    assert cache_files(folder) == before
    opened.remove([f"r{at:05}" for at in range(300, 450)])
    opened.settle()
    assert cache_files(folder) != before
    assert opened.info().records == 1550


def test_an_index_that_shrank_below_the_threshold_is_exact_again(
    folder: Path, opened: SqliteStore
) -> None:
    opened.remove([f"r{at:05}" for at in range(1750)])
    opened.settle(thorough=True)
    assert not opened.info().approximate
    assert cache_files(folder) == []
    rest = oracle()
    rest.remove([f"r{at:05}" for at in range(1750)])
    rest.assert_best(ask(opened, query(), 300).matches, query(), 0, 300)
    assert not opened.wants_caches()


def test_a_reader_follows_when_a_small_index_is_compacted_twice(tmp_path: Path) -> None:
    """The log of removed records is emptied by each: a reader must not miss what was in it."""
    writer = SqliteStore.create(tmp_path / "small", ModelFacts("fake", "fake", "fake", DIM), SIZES)
    fill(writer, 50)
    writer.settle(thorough=True)
    reader = SqliteStore(tmp_path / "small", SIZES)
    assert ask(reader, query(), 100).total == 50
    writer.remove(["r00000", "r00001"])
    writer.settle(thorough=True)
    found = ask(reader, query(), 100)
    assert found.total == 48 == len(found.matches)
    writer.close()
    reader.close()


def test_a_reader_of_a_long_first_run_keeps_its_memory_small(tmp_path: Path) -> None:
    """Before the first cache is there, a reader makes codes for itself, again and again."""
    writer = SqliteStore.create(
        tmp_path / "growing", ModelFacts("fake", "fake", "fake", DIM), SIZES
    )
    reader = SqliteStore(tmp_path / "growing", SIZES)
    everything = Brute()
    for turn in range(8):
        part = fill(writer, 200, start=200 * turn, seed=turn)
        everything.vectors |= part.vectors
        everything.records |= part.records
        gone = [f"r{200 * turn + at:05}" for at in range(0, 200, 5)]
        writer.remove(gone)
        everything.remove(gone)
        found = ask(reader, query(turn), 120)
        everything.assert_best(found.matches, query(turn), 0, 120)
        assert found.total == len(everything.vectors)
    assert len(reader._snapshots._snapshot.tail_numbers) * DIM <= 300 * DIM  # type: ignore[union-attr]
    writer.close()
    reader.close()


def test_a_stopped_build_leaves_nothing_and_is_made_up_for(
    folder: Path, opened: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(opened, 400, start=COUNT, seed=3)
    before = cache_files(folder)

    def stopped(self: Ann, folder: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Ann, "write", stopped)
        with pytest.raises(KeyboardInterrupt):
            opened.settle()
    assert cache_files(folder) == before
    assert ask(opened, query(), 5).total == COUNT + 400
    opened.settle()
    assert opened.info().pending == 0


def test_leavings_of_a_killed_build_are_swept_up(folder: Path, opened: SqliteStore) -> None:
    (folder / "cache" / ".half-made").mkdir()
    (folder / "cache" / ".half-made" / "codes.npy").write_bytes(b"half")
    fill(opened, 400, start=COUNT, seed=3)
    opened.settle()
    assert len(list((folder / "cache").iterdir())) == 1


@pytest.mark.parametrize("dim", [1, 2, 3, 6, 7, 31, 64, 97])
def test_every_dimension_has_an_approximate_index(dim: int) -> None:
    vectors = clustered(1200, dim, seed=1)
    ann = Ann.trained(vectors, len(vectors))
    ann.add(np.arange(len(vectors), dtype=np.int64), vectors)
    truth = [set(np.argsort(-(vectors @ vector))[:10].tolist()) for vector in vectors[:20]]
    tenth = np.array([np.sort(vectors @ v)[-10] for v in vectors[:20]], np.float32)
    ann.tune(vectors[:20], truth, tenth)
    assert len(ann) == 1200
    found = [set(ann.candidates(v, 128).tolist()) & t for v, t in zip(vectors, truth, strict=False)]
    if dim > 2:  # below, hundreds of vectors are the same to six decimals
        assert sum(map(len, found)) >= 0.8 * 200


def test_the_number_of_lists_grows_with_the_root_of_the_rows() -> None:
    assert [list_count(rows) for rows in (1, 1000, 100_000, 1_000_000)] == [16, 64, 512, 2048]
    assert layout(256, 1_000_000) == "IVF2048,PQ64x4fs"
    assert layout(31, 1000) == "IVF64,SQ8"


def test_the_same_question_is_answered_alike_before_and_after_compacting(
    opened: SqliteStore,
) -> None:
    where = parse_all(["odd=1"])
    before: list[Answer] = [ask(opened, query(at), 10, where=where) for at in range(20)]
    opened.settle(thorough=True)
    after = [ask(opened, query(at), 10, where=where) for at in range(20)]
    same = sum(
        len({m.record.id for m in a.matches} & {m.record.id for m in b.matches})
        for a, b in zip(before, after, strict=True)
    )
    assert same >= 0.95 * 200


Full = Callable[[str], Path]


def test_a_full_disk_while_the_cache_is_made_is_a_sentence(folder: Path, tiny_disk: Full) -> None:
    place = tiny_disk("1500k")
    shutil.copytree(folder, place / "store", ignore=shutil.ignore_patterns("cache"))
    store = SqliteStore(place / "store", SIZES)
    free = shutil.disk_usage(place).free
    for room in (0, 8_192, 40_960, 65_536, 98_304):
        (place / "ballast").write_bytes(b"x" * max(0, free - room))
        with pytest.raises(StoreError):
            store.settle(thorough=True)
        (place / "ballast").unlink()
        oracle().assert_best(ask(store, query(), 50).matches, query(), 0, 50)
        leavings = [p for p in (place / "store" / "cache").rglob("*") if p.is_file()]
        assert leavings == []
    store.close()
