"""Records in a real Milvus server, and what it does by itself."""

import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from asking import ask
from brute import Brute, clustered, passes, recall, some_record
from conditions import CONDITIONS, NAMES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stores import DIM, SERVER, InMilvus, numbered, where

from visavis import ImageIndex
from visavis.cli.main import run
from visavis.errors import FilterError, IndexMissingError
from visavis.filters import resolve
from visavis.store.base import VectorStore
from visavis.store.fields import as_kept
from visavis.store.open import open_store
from visavis.types import Condition, FieldValue, Filter

# -- filters ---------------------------------------------------------------------------------------

_ODD: list[FieldValue] = [
    *("", "a", "A", "é", "ß", "图", "%_", "a'b", 'a"b', "a\\", "true", "1", "01", "-3", "1.0"),
    *("2024", "2024-05", "2024-05-01", "2024-x", 0, 1, -3, 0.5, 100.0, 1e15, 2**53 + 1, 2**62),
    *(True, False),
]


@pytest.fixture(scope="module")
def odd() -> Iterator[VectorStore]:
    """Records whose fields have values of all kinds, or are missing."""
    store = InMilvus(os.environ[SERVER]).open(Path("/odd"), DIM)
    random = np.random.default_rng(3)
    records = [
        some_record(
            f"{at:03}",
            {name: _ODD[random.integers(len(_ODD))] for name in NAMES if random.random() < 0.7},
        )
        for at in range(200)
    ]
    store.upsert(store.source("list", "odd").number, records, clustered(200, DIM))
    yield store
    store.close()


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(CONDITIONS, min_size=1, max_size=3))
def test_filters_agree_with_plain_python(odd: VectorStore, conditions: list[Condition]) -> None:
    chosen = Filter(tuple(conditions))
    try:
        typed = resolve(chosen, odd.fields())
    except FilterError:
        return
    expected = [r.id for r in odd.records() if passes(typed, as_kept(r.fields))]
    assert [record.id for record in odd.records(chosen)] == expected
    answer = ask(odd, clustered(1, DIM)[0], 200, where=chosen)
    assert sorted(match.record.id for match in answer.matches) == expected
    assert answer.total == odd.count(chosen) == len(expected)


def test_no_id_and_no_value_can_end_an_expression(store: VectorStore, source: int) -> None:
    hard = [
        *("'; or id != \"", '"] or id in ["x', "it's", 'say "hi"', "\\", "\\\\", '\\"', "a\tb"),
        *(
            "a\nb",
            "a\rb",
            "\0",
            "\x7f",
            "\u2028",
            "🦊",
            "\\n",
            "{}",
            "%",
            "_",
            "||",
            "é" * 500,
            " ",
        ),
    ]
    store.upsert(source, [some_record(t, {"t": t}) for t in hard], clustered(len(hard), DIM))
    for text in hard:
        assert store.get(text).fields == as_kept({"t": text})
        assert list(store.sweep(source).known([text])) == [text]
        same = Filter((Condition("t", "=", (text,), quoted=True),))
        assert [record.id for record in store.records(same)] == [text]
    for at, text in enumerate(hard):
        assert store.remove([text]) == 1
        assert store.count() == len(hard) - at - 1


# -- what Milvus does by itself --------------------------------------------------------------------


def test_a_filter_finds_its_best_among_rows_that_were_written_just_now(
    store: VectorStore, source: int
) -> None:
    """Milvus itself finds half of them: it loses many of what it has not sealed."""
    oracle, vectors = Brute(), clustered(20_000, DIM)
    records = [some_record(f"{at:05}", {"at": at}) for at in range(20_000)]
    for start in range(0, 20_000, 5_000):
        part = slice(start, start + 5_000)
        store.upsert(source, records[part], vectors[part])
        oracle.upsert(records[part], vectors[part])
    for share, most in ((0.01, 200), (0.1, 2_000), (0.5, 10_000)):
        ids = [record.id for record in records[:most]]
        found = [
            recall(
                ask(store, query, 10, where=where(f"at<{most}")).matches, oracle.scores(query, ids)
            )
            for query in clustered(20, DIM, seed=7)
        ]
        assert np.mean(found) >= 0.95, share


def test_writers_of_the_same_records_leave_one_of_each(store: VectorStore, source: int) -> None:
    place = store.facts.place

    def write() -> None:
        mine = open_store(place)
        for _ in range(3):
            mine.upsert(source, numbered(500), clustered(500, DIM))
        mine.close()

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert store.count() == 500
    assert [record.id for record in store.records()] == [record.id for record in numbered(500)]


# -- the command line and the library --------------------------------------------------------------


def test_a_collection_is_an_index_as_any(
    gallery: Path, place: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def said(*arguments: str | Path, code: int = 0) -> str:
        assert run([*map(str, arguments), "--index", place]) == code
        told = capfd.readouterr()
        return told.out + told.err

    with pytest.raises(IndexMissingError, match="no index at milvus://"):
        ImageIndex.open(place)
    assert "16 added" in said("index", gallery, "--model", "classic")
    assert "16 unchanged" in said("index", gallery)
    with ImageIndex.create(tmp_path / "local.index", "classic") as local:
        local.add(gallery)
        near = local.similar("lamp-01-front", limit=4).matches
        expected = ["lamp-01-front", *(match.record.id for match in near)]
    lines = said("search", "id:lamp-01-front", "-k", "5").splitlines()
    assert [line.split("\t")[1] for line in lines if "\t" in line] == expected
    assert re.search(r"records +16\n", said("status"))
    assert "2 groups with 6 of 16 records" in said("duplicates")
    assert "was made by 'classic'" in said("index", gallery, "--model", "visavis-s", code=3)
    assert "removed 4 records" in said("remove", "--where", "product=lamp-01")
    assert "4 added" in said("index", gallery)
