"""What every store that keeps aspects of records has to do with them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from brute import clustered
from stores import DIM, Implementation, numbered

from visavis.errors import StoreUnsupportedError
from visavis.filters import parse_all
from visavis.store.aspects import AspectFacts, WithAspects, has_aspects, with_aspects
from visavis.store.base import ModelFacts, VectorStore
from visavis.store.capabilities import rebuildable

RECORDS = numbered(6)
IDS = [record.id for record in RECORDS]


def value(at: int) -> bytes:
    return bytes([at, at + 1, 255 - at])


@pytest.fixture
def keeping(store: VectorStore, source: int) -> WithAspects:
    """Six records, of which all but the last have the aspect."""
    if not has_aspects(store):
        pytest.skip("keeps no aspects")
    store.upsert(source, RECORDS, clustered(6, DIM))
    store.aspects.begin("parts", 3, "method 1")
    store.aspects.put("parts", {id: value(at) for at, id in enumerate(IDS[:5])})
    return store


def shown(store: WithAspects, where: str | None = None) -> dict[str, bytes]:
    """All rows by the ids of their records."""
    found = store.aspects.rows("parts", parse_all([where]) if where else None)
    assert np.all(np.diff(found.numbers) > 0)
    records = store.aspects.records(found.numbers)
    return {
        records[number].id: row.tobytes()
        for number, row in zip(found.numbers.tolist(), found.values, strict=True)
    }


def test_who_cannot_says_so_in_a_sentence(store: VectorStore) -> None:
    if has_aspects(store):
        assert with_aspects(store, "keep parts of pictures") is store
        return
    with pytest.raises(StoreUnsupportedError, match="cannot keep parts of pictures"):
        with_aspects(store, "keep parts of pictures")


def test_what_was_put_is_found_by_id_by_content_and_among_all(keeping: WithAspects) -> None:
    aspects = keeping.aspects
    assert aspects.kept() == {"parts": AspectFacts(3, "method 1")}
    assert aspects.values("parts", [*IDS, "nobody"]) == {IDS[at]: value(at) for at in range(5)}
    digests = [RECORDS[at].sha256 for at in (0, 5)]
    assert aspects.held("parts", digests) == {digests[0]: value(0)}
    assert shown(keeping) == {IDS[at]: value(at) for at in range(5)}
    assert [[record.id for record in block] for block in aspects.lacking("parts")] == [[IDS[5]]]
    numbers = aspects.numbers([*IDS, "nobody"])
    assert sorted(numbers) == IDS
    found = aspects.records(np.array(list(numbers.values())))
    assert {found[number].id: number for number in found} == numbers


def test_the_walk_over_what_lacks_a_value_ends_also_where_none_is_put(
    keeping: WithAspects,
) -> None:
    keeping.aspects.begin("parts", 3, "method 2")
    blocks = [[record.id for record in block] for block in keeping.aspects.lacking("parts", 4)]
    assert blocks == [IDS[:4], IDS[4:]]


def test_a_filter_chooses_among_the_values(keeping: WithAspects, source: int) -> None:
    red = replace(RECORDS[5], fields={"kind": "kite"})
    keeping.upsert(source, [red], clustered(6, DIM)[5:])
    keeping.aspects.put("parts", {IDS[5]: value(5)})
    assert shown(keeping, "kind=kite") == {IDS[5]: value(5)}
    assert len(shown(keeping)) == 6


def test_values_leave_with_their_record(keeping: WithAspects, source: int) -> None:
    assert len(shown(keeping)) == 5
    keeping.remove([IDS[0]])
    keeping.upsert(source, [replace(RECORDS[1], sha256="ab" * 32)], clustered(6, DIM)[1:2])
    assert shown(keeping) == {IDS[at]: value(at) for at in (2, 3, 4)}
    assert keeping.aspects.values("parts", IDS[:2]) == {}


def test_what_was_read_is_kept_up(keeping: WithAspects) -> None:
    assert len(shown(keeping)) == 5
    keeping.aspects.put("parts", {IDS[5]: value(5), "nobody": value(9)})
    assert shown(keeping) == {id: value(at) for at, id in enumerate(IDS)}
    keeping.remove(IDS[2:])
    assert shown(keeping) == {id: value(at) for at, id in enumerate(IDS[:2])}


def test_another_method_begins_anew_and_the_same_goes_on(keeping: WithAspects) -> None:
    keeping.aspects.begin("parts", 3, "method 1")
    assert len(shown(keeping)) == 5
    keeping.aspects.begin("parts", 2, "method 2")
    assert shown(keeping) == {}
    keeping.aspects.put("parts", {IDS[0]: b"ab"})
    assert shown(keeping) == {IDS[0]: b"ab"}


def test_a_dropped_aspect_leaves_nothing(keeping: WithAspects) -> None:
    keeping.aspects.drop("parts")
    assert keeping.aspects.kept() == {}
    assert not len(keeping.aspects.rows("parts").numbers)
    assert keeping.aspects.values("parts", IDS) == {}
    keeping.remove(IDS[:1])


def test_a_value_of_another_size_is_refused(keeping: WithAspects) -> None:
    with pytest.raises(ValueError, match="3 bytes, not 4"):
        keeping.aspects.put("parts", {IDS[5]: b"four"})
    with pytest.raises(ValueError, match="small letters"):
        keeping.aspects.begin("x; DROP TABLE records", 3, "")


def test_values_outlive_the_process(
    keeping: WithAspects, kind: Implementation, tmp_path: Path
) -> None:
    again = kind.open(tmp_path / "store", DIM)
    assert has_aspects(again)
    assert shown(again) == shown(keeping)
    again.close()


def test_new_vectors_leave_values_of_content_that_stayed(
    keeping: WithAspects,
) -> None:
    assert len(shown(keeping)) == 5
    with rebuildable(keeping).rebuild(ModelFacts("other", "other", "other", DIM)) as rebuild:
        numbers = [number for number, _ in rebuild.missing()]
        hashes = ["cd" * 32, *(record.sha256 for record in RECORDS[1:5])]
        rebuild.put(numbers[:5], clustered(5, DIM), hashes)
        rebuild.swap()
    assert shown(keeping) == {IDS[at]: value(at) for at in (1, 2, 3, 4)}
    keeping.aspects.put("parts", {IDS[0]: b"new"})
    assert shown(keeping)[IDS[0]] == b"new"


def test_vectors_and_records_are_found_by_number(keeping: WithAspects) -> None:
    numbers = keeping.aspects.rows("parts").numbers
    found, vectors = keeping.aspects.vectors(numbers[:2])
    records = keeping.aspects.records(numbers)
    assert {records[number].id for number in found.tolist()} == set(IDS[:2])
    for number, vector in zip(found.tolist(), vectors, strict=True):
        assert vector == pytest.approx(keeping.vector(records[number].id), abs=1e-6)
