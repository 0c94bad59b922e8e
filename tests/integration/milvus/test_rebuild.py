"""Another model for an index in Milvus: never two at once, and a short way back."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from brute import clustered
from looking import looking
from stores import DIM, SERVER, InMilvus, numbered

from visavis import ImageIndex
from visavis.errors import IndexIncompatibleError, StoreError
from visavis.store.base import ModelFacts
from visavis.store.milvus.address import Address
from visavis.store.milvus.store import MilvusStore

Draw = Callable[..., Path]

OTHER = ModelFacts("other", "other", "fedcba9876543210", 4)
PLACE = os.environ[SERVER]


def test_another_model_takes_over_in_one_step_and_the_way_back_is_short(
    plug_in: None, draw: Draw, place: str
) -> None:
    for at in range(40):
        draw(f"all/{at:02}.png", (5 * at, 255 - 5 * at, 90))
    asked = draw("all/red.png", (250, 10, 10))
    with ImageIndex.create(place, "fake") as index:
        index.add(asked.parent)

        with ImageIndex.open(place) as served:

            def look() -> None:
                found = served.search(asked, limit=3)
                assert found.matches[0].record.id == "red.png"
                assert found.total_searched == 41

            with looking(look, threads=2) as wrong:
                report = index.rebuild("fake-halves")
                look()
            assert wrong == []
            assert (report.added, report.failed) == (41, [])
            assert f"{Address.parse(place).collection}_" in report.notes[0]
            assert served.info().model == "fake-halves" == index.info().model
            assert len(served.vectors()[0]) == served.info().dim == index.info().dim

        index.remove("00.png")
        draw("all/new.png", (10, 10, 250))
        index.add(asked.parent)
        back = index.rebuild("fake")
        assert (back.unchanged, back.added, back.failed) == (41, 1, [])
        assert index.info().model == "fake"
        assert len(index) == 42
        assert index.search(asked, limit=1).matches[0].record.id == "red.png"


def test_a_rebuild_goes_on_and_leaves_nobody_out(place: str) -> None:
    address = Address.parse(f"{place}?checks=0")
    store = MilvusStore.create(address, ModelFacts("one", "one", "0123456789abcdef", DIM))
    source = store.source("catalogue", "/pictures/all.csv").number
    records = numbered(5)
    store.upsert(source, records, clustered(5, DIM))
    with store.rebuild(OTHER) as rebuild:
        number, first = next(iter(rebuild.missing()))
        rebuild.put([number], clustered(1, 4), [first.sha256])
    store.upsert(source, [replace(first, size=77)], store.vector(first.id)[None])
    with store.rebuild(OTHER) as rebuild:
        assert rebuild.count() == 1
        rest = dict(rebuild.missing())
        assert [record.id for record in rest.values()] == [record.id for record in records[1:]]
        rebuild.put(list(rest), clustered(4, 4, seed=1), [one.sha256 for one in rest.values()])
        store.upsert(source, numbered(1, 9), clustered(1, DIM))  # by somebody else
        with pytest.raises(StoreError, match="run this again"):
            rebuild.swap()
    assert store.model().name == "one"
    sweep = store.sweep(source)
    with store.rebuild(OTHER) as rebuild:
        [(number, last)] = rebuild.missing()
        rebuild.put([number], clustered(1, 4, seed=2), [last.sha256])
        rebuild.swap()
    assert store.model() == OTHER
    assert store.get(first.id).size == 77
    assert {record.id for record in store.records()} == {r.id for r in [*records, last]}
    assert store.vector(last.id).shape == (4,)
    with pytest.raises(IndexIncompatibleError, match="another model meanwhile"):
        store.upsert(source, numbered(1), clustered(1, DIM))
    del sweep
    new = replace(first, sha256="ab" * 32)  # whose picture cannot be read any more
    store.upsert(source, [new], clustered(1, 4))
    with store.rebuild(ModelFacts("one", "one", "0123456789abcdef", DIM)) as rebuild:
        assert [record for _, record in rebuild.missing()] == [new]
        assert "--rebuild and their --model" in rebuild.swap()
    assert {record.id for record in store.records()} == {r.id for r in [*records[1:], last]}
    store.close()


def test_a_collection_that_is_no_alias_is_not_rebuilt() -> None:
    store = InMilvus(PLACE).open(Path("/bare"), DIM)
    assert isinstance(store, MilvusStore)
    name = store._client.name  # as an administrator reads it off the server
    bare = MilvusStore(Address.parse(f"{PLACE}/{name}"))
    with pytest.raises(IndexIncompatibleError, match="name the index by the alias"):
        bare.rebuild(OTHER)
    bare.close()
    store.close()
