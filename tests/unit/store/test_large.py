"""The store with its real thresholds: as many records as make it answer approximately."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from asking import ask
from brute import Brute, clustered, recall, some_record

from visavis.filters import parse_all
from visavis.store.base import ModelFacts
from visavis.store.sqlite.store import SqliteStore

COUNT, DIM = 68_000, 256


@pytest.fixture
def large(tmp_path: Path) -> Iterator[tuple[SqliteStore, Brute]]:
    store, oracle = (
        SqliteStore.create(tmp_path / "large.index", ModelFacts("f", "f", "f", DIM)),
        Brute(),
    )
    source = store.source("catalogue", "/all.csv").number
    vectors = clustered(COUNT, DIM, clusters=500)
    for start in range(0, COUNT, 8_000):
        part = range(start, min(start + 8_000, COUNT))
        records = [some_record(f"r{at:06}", {"percent": at % 100, "half": at % 2}) for at in part]
        store.upsert(source, records, vectors[start : start + 8_000])
        oracle.upsert(records, vectors[start : start + 8_000])
    store.settle()
    yield store, oracle
    store.close()


@pytest.mark.slow
def test_a_large_index_is_quick_and_nearly_always_right(large: tuple[SqliteStore, Brute]) -> None:
    store, oracle = large
    assert store.info().approximate
    queries = clustered(COUNT, DIM, clusters=500)[:: COUNT // 30]
    shares = [recall(ask(store, query, 10).matches, oracle.scores(query)) for query in queries]
    assert np.mean(shares) >= 0.95
    selective = [id for id, record in oracle.records.items() if record.fields["percent"] == 7]
    half = [id for id, record in oracle.records.items() if record.fields["half"] == 1]
    wide = []
    for query in queries[:10]:
        found = ask(store, query, 20, where=parse_all(["percent=7"]))
        oracle.assert_best(found.matches, query, 0, 20, selective)
        some = ask(store, query, 10, where=parse_all(["half=1"])).matches
        wide.append(recall(some, oracle.scores(query, half)))
    assert np.mean(wide) >= 0.95
    pages = [ask(store, queries[3], 60, start).matches for start in range(0, 300, 60)]
    met = [match.record.id for page in pages for match in page]
    assert len(set(met)) == 300
    own = ask(store, queries[5], 1).matches[0].record.id
    store.remove([own])
    assert ask(store, queries[5], 1).matches[0].record.id != own
