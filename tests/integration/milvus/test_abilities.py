"""What is done beside searching, compared with the store of a folder over the same records."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from asking import ask
from brute import Brute, clustered, some_record
from stores import DIM, InSqlite, numbered, where

from visavis import ImageIndex
from visavis.drawn.gallery import write_gallery
from visavis.errors import FilterError, StoreUnsupportedError
from visavis.matching.signature import BYTES
from visavis.store.base import ModelFacts, VectorStore
from visavis.store.capabilities import WithEvidence, faceted, has_evidence
from visavis.store.milvus import browse as browsing
from visavis.store.milvus.address import Address
from visavis.store.milvus.connection import pymilvus
from visavis.store.milvus.store import MilvusStore
from visavis.store.nearest.sizes import Sizes
from visavis.types import FieldValue, ImageRecord

MODEL = ModelFacts("fake", "fake", "0123456789abcdef", DIM)


def _records() -> list[ImageRecord]:
    random = np.random.default_rng(8)
    found = []
    for at in range(400):
        fields: dict[str, FieldValue] = {
            "colour": ("red", "green", "Blue")[at % 3],
            "price": at % 37 + 0.5,
            "title": f"lamp {at}",
            "taken": f"20{at % 20:02}-05-01",
            "new": bool(at % 2),
            "tags": ("dog", "dog, sea", "sea, sky, dog")[at % 3 if at % 5 else 0],
        }
        kept = {name: value for name, value in fields.items() if random.random() < 0.8}
        found.append(some_record(f"r{at:03}", kept))
    return found


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[MilvusStore, VectorStore]]:
    """The same records in Milvus, in which two fields have columns, and in a folder."""
    place = f"{os.environ['VISAVIS_TEST_MILVUS']}/abilities_{os.getpid()}"
    options = "declare=price:number,colour:text"
    milvus = MilvusStore.create(Address.parse(f"{place}?{options}"), MODEL)
    folder = InSqlite("sqlite", Sizes(), False).open(tmp_path_factory.mktemp("folder"), DIM)
    for store in (milvus, folder):
        source = store.source("catalogue", "/all.csv").number
        store.upsert(source, _records(), clustered(400, DIM))
    yield milvus, folder
    milvus.close()
    folder.close()


def test_facets_and_values_are_those_of_a_folder(both: tuple[MilvusStore, VectorStore]) -> None:
    mine, other = (faceted(store).browse for store in both)
    for chosen in (None, where("colour=red"), where("price<10", "new=true"), where("tags=sea")):
        expected = {facet.name: facet for facet in other.facets(chosen)}
        assert {facet.name: facet for facet in mine.facets(chosen)} == expected
        values = ["red", "Blue", "nobody"]
        assert mine.counts("colour", values, chosen) == other.counts("colour", values, chosen)
        tags = ["dog", "dog, sea", "sky"]  # groups are of whole values
        assert mine.counts("tags", tags, chosen) == other.counts("tags", tags, chosen)
    for name in ("colour", "price", "title"):
        assert mine.values(name, 20) == other.values(name, 20)


def test_pages_come_in_the_orders_of_a_folder(both: tuple[MilvusStore, VectorStore]) -> None:
    mine, other = (faceted(store).browse for store in both)
    for sort in ("", "price", "-price", "title", "-colour", "width"):
        for chosen in (None, where("colour=red"), where("title~mp 1")):
            for page in ((7, 0), (20, 90), (10, 395), (5, 500)):
                assert mine.page(*page, chosen, sort) == other.page(*page, chosen, sort), sort
    with pytest.raises(FilterError, match="colour"):
        mine.page(1, 0, None, "color")


def test_records_are_picked_by_chance(both: tuple[MilvusStore, VectorStore]) -> None:
    browse = both[0].browse
    first = browse.sample(5, seed=1)
    assert browse.sample(5, seed=1) == first
    met = [record.id for seed in range(60) for record in browse.sample(5, seed=seed)]
    assert 150 < len(set(met)) < 300  # of 400, 300 with repetition: 211 as a rule
    assert {record.id for record in browse.sample(500, seed=1)} == {r.id for r in _records()}
    assert all(r.fields["colour"] == "red" for r in browse.sample(9, 2, where("colour=red")))


def test_what_reaches_a_score_is_counted(both: tuple[MilvusStore, VectorStore]) -> None:
    mine, other = (faceted(store).browse for store in both)
    for query in clustered(3, DIM, seed=5):
        for least in (0.0, 0.31, 0.62):
            for chosen in (None, where("title~1")):
                counted = mine.reaching(query, least, chosen)
                assert abs(counted - other.reaching(query, least, chosen)) <= 1


def test_declared_fields_filter_as_others(both: tuple[MilvusStore, VectorStore]) -> None:
    for expressions in (
        ("price<10",), ("price!=0.5",), ("price=1.5,2.5",), ("colour=red",), ("colour!=red",),
        ("colour>a",), ("price>=3", "colour=Blue"),
    ):  # fmt: skip
        chosen = where(*expressions)
        mine, other = ([r.id for r in store.records(chosen)] for store in both)
        assert mine == other, expressions


@pytest.mark.parametrize("kind", ["HNSW", "IVF_SQ8"])
def test_scores_are_those_of_the_vectors_whatever_the_index_has(kind: str, place: str) -> None:
    store = MilvusStore.create(Address.parse(f"{place}?index={kind}&checks=0"), MODEL)
    oracle, records = Brute(), _records()
    source = store.source("catalogue", "/all.csv").number
    store.upsert(source, records, clustered(400, DIM))
    oracle.upsert(records, clustered(400, DIM))
    store.settle(thorough=True)
    for query in clustered(5, DIM, seed=3):
        scores, matches = oracle.scores(query), ask(store, query, 30).matches
        assert len(matches) == 30
        for match in matches:
            assert match.score == pytest.approx(scores[match.record.id], abs=2e-6)
            assert match.record in records
    store.close()


def test_what_would_read_too_much_is_refused(
    both: tuple[MilvusStore, VectorStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browsing, "LARGEST", 100)
    browse = browsing.MilvusBrowse(both[0].browse._kept, both[0].browse._compiled)
    for asked in (
        browse.facets,
        lambda: browse.values("colour", 5),
        lambda: browse.page(5, 0, None, "price"),
        lambda: browse.reaching(clustered(1, DIM)[0], 0.5),
    ):
        with pytest.raises(StoreUnsupportedError, match="narrow them to 100 with a filter"):
            asked()
    assert browse.page(10, 200)[0] == both[0].browse.page(10, 200)[0]  # walked to
    assert len(browse.sample(9, seed=3)) == 9


def test_signatures_and_notes_are_kept(both: tuple[MilvusStore, VectorStore]) -> None:
    store: VectorStore = both[0]
    assert has_evidence(store)
    kept: WithEvidence = store
    random = np.random.default_rng(1)
    hashes = [record.sha256 for record in _records()[:3]]
    made = {digest: random.bytes(BYTES) for digest in [*hashes, "ab" * 32]}
    assert kept.evidence.signatures(hashes) == {}
    kept.evidence.keep(made)
    for _ in range(2):  # asked, and remembered
        assert kept.evidence.signatures([*made, "cd" * 32]) == made
    made |= {"cd" * 32: random.bytes(BYTES), hashes[0]: random.bytes(BYTES)}
    kept.evidence.keep(made)
    assert kept.evidence.signatures(list(made)) == made
    assert kept.evidence.noted("map") is None
    for value in (random.bytes(200_000), b"", b"short"):
        kept.evidence.note("map", value)
        kept.evidence.note("map-2", b"other")
        assert kept.evidence.noted("map") == value
    store.settle(thorough=True)  # what no record has is dropped
    assert kept.evidence.signatures(list(made)) == {digest: made[digest] for digest in hashes}


def test_a_match_is_what_it_is_to_the_picture(place: str, tmp_path: Path) -> None:
    catalogue = write_gallery(tmp_path, count=40)
    with ImageIndex.create(place, "classic") as index:
        index.add(catalogue)
        found = index.search(tmp_path / "images" / "lamp-01-front.jpg", limit=5)
        assert found.matches[0].relation == "exact"
        assert found.similar_from is not None  # the cut that the index measures on itself
        assert (
            index.search(
                str(tmp_path / "images" / "lamp-01-front.jpg"), where="category=nobody"
            ).matches
            == ()
        )


def test_what_was_written_is_sealed_at_once_or_in_the_end(place: str) -> None:
    """What Milvus 2.3 has not sealed can be missing after a crash, with no word."""
    store = MilvusStore.create(Address.parse(f"{place}?checks=0"), MODEL)
    source = store.source("catalogue", "/all.csv").number
    store.upsert(source, numbered(30), clustered(30, DIM))
    store.settle()
    assert _sealed(store) == 30
    store.upsert(source, numbered(20, 30), clustered(20, DIM))
    store.settle()  # within a minute
    assert _sealed(store) == 30
    store.close()
    assert _sealed(store) == 50


def _sealed(store: MilvusStore) -> int:
    """How many rows Milvus has sealed."""
    address = Address.parse(store.facts.place)
    client = pymilvus().MilvusClient(uri=address.uri)
    name = client.describe_collection(address.collection)["collection_name"]
    found = client.list_persistent_segments(name)
    client.close()
    return sum(part.num_rows for part in found if part.state == pymilvus().SegmentState.Flushed)
