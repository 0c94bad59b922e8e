"""What every way of keeping vectors has to do, held against a dict: records, and their life."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from asking import ask
from brute import Brute, clustered, kept, recall, some_record, unit
from looking import looking
from stores import DIM, Implementation, a_query, numbered, where

from visavis.errors import RecordNotFoundError, StoreError
from visavis.filters import parse_all
from visavis.store.base import Answer, Change, Gone, SourceRun, VectorStore
from visavis.store.fields import as_text
from visavis.types import Fields, ImageRecord

# -- records ---------------------------------------------------------------------------------------


def test_what_was_put_in_comes_out_again(store: VectorStore, source: int) -> None:
    records, vectors = numbered(5), clustered(5, DIM)
    store.upsert(source, records, vectors)
    for record, vector in zip(records, vectors, strict=True):
        assert store.get(record.id) == record
        assert store.vector(record.id) == pytest.approx(kept(vector), abs=1e-6)
        assert np.linalg.norm(store.vector(record.id)) == pytest.approx(1, abs=1e-6)


def test_an_unknown_id_is_an_error_that_names_it(store: VectorStore) -> None:
    for wanted in (store.get, store.vector):
        with pytest.raises(RecordNotFoundError, match="'nobody'"):
            wanted("nobody")


def test_put_in_twice_is_one_record_and_the_new_vector_counts(
    store: VectorStore, source: int
) -> None:
    east, north = np.eye(DIM, dtype=np.float32)[:2]
    store.upsert(source, [some_record("a"), some_record("b")], np.stack([east, east]))
    assert [match.record.id for match in ask(store, east, 5, min_score=0.5).matches] == ["a", "b"]
    store.upsert(source, [some_record("a", {"new": True})], north[None])
    assert store.info().records == 2
    assert store.get("a").fields == {"new": True}
    assert [match.record.id for match in ask(store, north, 5, min_score=0.5).matches] == ["a"]
    assert [match.record.id for match in ask(store, east, 5, min_score=0.5).matches] == ["b"]


def test_the_last_of_an_id_in_one_call_wins(store: VectorStore, source: int) -> None:
    records = [some_record("a", {"turn": 1}), some_record("b"), some_record("a", {"turn": 2})]
    store.upsert(source, records, np.eye(DIM, dtype=np.float32)[:3])
    assert store.info().records == 2
    assert store.get("a").fields == {"turn": 2}
    assert store.vector("a")[2] == 1


def test_removed_records_are_gone_at_once(
    kind: Implementation, store: VectorStore, filled: Brute
) -> None:
    query = a_query(0)
    best = [match.record.id for match in ask(store, query, 20).matches]
    assert store.remove([*best, "nobody"]) == 20
    filled.remove(best)
    found = ask(store, query, 50)
    assert found.total == 2980 == store.info().records
    assert not {match.record.id for match in found.matches} & set(best)
    with pytest.raises(RecordNotFoundError):
        store.get(best[0])
    assert recall(found.matches, filled.scores(query)) >= 0.9


def test_changed_facts_keep_the_vector(store: VectorStore, source: int) -> None:
    store.upsert(source, [some_record("a", {"price": 1})], clustered(1, DIM))
    before = store.vector("a")
    news = Change("a", 77, 88.5, "/elsewhere/a.jpg", {"price": 2, "size": "L"})
    store.update([Change("nobody", 1, 2.5, "/nobody.jpg", {}), news])
    record = store.get("a")
    assert (record.size, record.modified, record.uri) == (77, 88.5, "/elsewhere/a.jpg")
    assert record.fields == {"price": 2, "size": "L"}
    assert store.vector("a").tolist() == before.tolist()
    assert [m.record.id for m in ask(store, before, 1, where=where("size=L")).matches] == ["a"]
    assert ask(store, before, 1, where=where("price=1")).matches == ()


def test_a_sweep_knows_enough_to_see_a_change(store: VectorStore, source: int) -> None:
    record = some_record("a", {"x": 1})
    store.upsert(source, [record], clustered(1, DIM))
    other = store.source("catalogue", "/other.csv").number
    store.upsert(other, [some_record("b")], clustered(1, DIM))
    known = store.sweep(source).known(["a", "nobody", "b"])
    assert set(known) == {"a", "b"}
    assert (known["a"].own, known["b"].own) == (True, False)
    assert (known["a"].size, known["a"].modified) == (record.size, record.modified)
    assert known["a"].sha256.hex() == record.sha256
    assert (known["a"].fields, known["b"].fields) == (as_text({"x": 1}), None)


def test_a_sweep_knows_what_it_has_met(store: VectorStore, source: int) -> None:
    store.upsert(source, [some_record(id) for id in "abc"], clustered(3, DIM))
    sweep = store.sweep(source)
    ids = ["a", "b", "c", "d"]
    assert not any(record.met for record in sweep.known(ids).values())
    sweep.seen(["a"])
    store.upsert(source, [some_record("b"), some_record("d")], clustered(2, DIM))
    assert {id for id, record in sweep.known(ids).items() if record.met} == {"a", "b", "d"}
    sweep.seen(["c", "nobody"])
    assert sweep.known(["c"])["c"].met


def test_content_that_is_held_gives_its_vector(store: VectorStore, source: int) -> None:
    records, vectors = numbered(4), clustered(4, DIM)
    store.upsert(source, records, vectors)
    found = store.held([records[2].sha256, "00" * 32])
    assert list(found) == [records[2].sha256]
    assert found[records[2].sha256].vector == pytest.approx(kept(vectors[2]), abs=1e-6)
    assert (found[records[2].sha256].width, found[records[2].sha256].height) == (30, 40)


def test_a_copy_with_a_held_vector_scores_exactly_like_its_original(
    store: VectorStore, source: int
) -> None:
    records, vectors = numbered(200), clustered(200, DIM)
    store.upsert(source, records, vectors)
    held = store.held([record.sha256 for record in records])
    copies = [some_record(f"copy of {record.id}") for record in records]
    store.upsert(source, copies, np.stack([held[record.sha256].vector for record in records]))
    for query in clustered(5, DIM, seed=3):
        scores = {m.record.id: m.score for m in ask(store, query, 400).matches}
        for record in records:
            assert scores[record.id] == scores[f"copy of {record.id}"]


@pytest.mark.parametrize("id", ["a b/c.jpg", "ünï 图.png", "it's", 'say "hi"', "a\nb", "%_\\", " "])
def test_any_text_can_be_an_id(store: VectorStore, source: int, id: str) -> None:
    record = some_record(id)
    store.upsert(source, [record], clustered(1, DIM))
    assert store.get(id) == record
    assert list(store.sweep(source).known([id])) == [id]
    assert store.remove([id]) == 1
    assert store.info().records == 0


def test_records_come_in_the_order_they_were_added(store: VectorStore, filled: Brute) -> None:
    assert [record.id for record in store.records()] == list(filled.records)
    even = [id for id, record in filled.records.items() if record.fields["colour"] == "red"]
    assert [record.id for record in store.records(where("colour=red"))] == even


def test_a_filter_takes_each_item_of_a_list_for_a_value(store: VectorStore, source: int) -> None:
    fields: list[Fields] = [
        {"tags": "dog, tea cup", "sizes": "[38, 39]"},
        {"tags": "dog house", "sizes": 40},
        {"tags": '["dog","Hund, groß"]', "sizes": "[]"},
        {"title": "[dog], [cat]"},
    ]
    records = [some_record(str(at), one) for at, one in enumerate(fields)]
    store.upsert(source, records, clustered(4, DIM))
    for expression, ids in {
        "tags=dog": ["0", "2"],
        "tags!=dog": ["1", "3"],
        "tags=cup": [],
        "tags=tea cup,dog house": ["0", "1"],
        'tags="Hund, groß"': ["2"],
        'tags="dog, tea cup"': ["0"],  # the whole is a value, too
        "tags~dog": ["0", "1", "2"],
        "sizes=38": ["0"],
        "sizes>=39": ["0", "1"],
        "sizes=10..38,40": ["0", "1"],
        'sizes=""': ["2", "3"],
        "title=dog": [],
    }.items():
        found = sorted(record.id for record in store.records(where(expression)))
        assert (expression, found) == (expression, ids)


def test_rows_are_records_with_their_vectors(store: VectorStore, filled: Brute) -> None:
    blocks = list(store.rows())
    assert [record.id for block in blocks for record in block.records] == list(filled.records)
    expected = np.stack(list(filled.vectors.values()))
    found = np.concatenate([block.vectors for block in blocks])
    assert found == pytest.approx(expected, abs=1e-6)
    red = [record for block in store.rows(where("colour=red")) for record in block.records]
    assert red == list(store.records(where("colour=red")))
    assert list(store.rows(where("colour=none of these"))) == []


def test_unseen_records_go_and_spared_ones_stay(store: VectorStore, source: int) -> None:
    other = store.source("folder", "/other").number
    store.upsert(other, [some_record("other")], clustered(1, DIM))
    store.upsert(source, numbered(5), clustered(5, DIM))
    sweep = store.sweep(source)
    sweep.seen(["r00000"])
    moved = replace(some_record("new"), sha256=numbered(5)[3].sha256)
    store.upsert(source, [moved], clustered(1, DIM))
    spared = numbered(5)[1].uri
    assert sweep.gone(lambda id, uri: uri == spared) == Gone(3, 1)
    assert {record.id for record in store.records()} == {"other", "new", "r00000", "r00001"}


def test_of_records_that_are_all_met_none_goes(store: VectorStore, source: int) -> None:
    other = store.source("folder", "/other").number
    store.upsert(other, [some_record("other")], clustered(1, DIM))
    store.upsert(source, numbered(5), clustered(5, DIM))
    ids = [record.id for record in numbered(5)]
    sweep = store.sweep(source)
    sweep.known([*ids, "other", "new"])
    sweep.seen(ids[:4])
    store.upsert(source, [numbered(5)[4]], clustered(1, DIM))
    store.upsert(source, [some_record("new")], clustered(1, DIM))
    sweep.seen(["new"])
    assert sweep.gone(lambda id, uri: False) == Gone(0, 0)
    assert store.count() == 7


def test_a_record_that_is_known_and_not_met_goes(store: VectorStore, source: int) -> None:
    store.upsert(source, numbered(5), clustered(5, DIM))
    ids = [record.id for record in numbered(5)]
    sweep = store.sweep(source)
    sweep.known(ids)
    sweep.seen(ids[:4])
    sweep.seen(ids[:4])
    store.upsert(source, [some_record("new")], clustered(1, DIM))
    sweep.known(["new"])
    sweep.seen(["new"])
    assert sweep.gone(lambda id, uri: False) == Gone(1, 0)


def test_two_lost_copies_of_one_new_file_are_one_move(store: VectorStore, source: int) -> None:
    same = some_record("x")
    twins = [replace(same, id=id) for id in ("a", "b")]
    store.upsert(source, twins, np.repeat(clustered(1, DIM), 2, axis=0))
    sweep = store.sweep(source)
    store.upsert(source, [replace(same, id="c")], clustered(1, DIM))
    assert sweep.gone(lambda id, uri: False) == Gone(2, 1)


def test_a_source_is_registered_once_and_counts_its_records(store: VectorStore) -> None:
    first = store.source("folder", "/a/photos", apart=True)
    assert store.source("folder", "/a/photos", apart=True) == first
    second, third = (
        store.source("folder", "/b/photos", apart=True),
        store.source("folder", "/c/photos", apart=True),
    )
    assert len({row.prefix for row in (first, second, third)}) == 3
    store.upsert(second.number, numbered(2), clustered(2, DIM))
    assert [store.sweep(row.number).count() for row in (first, second)] == [0, 2]


def test_a_source_keeps_the_prefix_that_it_had_elsewhere(store: VectorStore) -> None:
    store.source("folder", "/a/photos", apart=True)
    kept = store.source("folder", "/b/photos", apart=True, prefix="trips/")
    assert kept.prefix == "trips/"
    assert store.source("folder", "/b/photos", apart=True, prefix="other/") == kept
    assert store.source("folder", "/c/trips", apart=True).prefix not in ("", "trips/")


def test_a_source_that_moves_takes_its_records_along(store: VectorStore) -> None:
    old = store.source("folder", "/a/photos", apart=True)
    records = [
        some_record("x.jpg", uri="/a/photos/x.jpg"),
        some_record("sub/y.jpg", {"folder": "sub"}, "/a/photos/sub/y.jpg"),
    ]
    store.upsert(old.number, records, clustered(2, DIM))
    store.note_run(old.number, SourceRun(1.0, 2.0, skipped=3))
    assert store.move_source(old.number, "/b", below="photos") == 2
    [now] = store.info().sources
    assert (now.uri, now.records, now.run) == ("/b", 2, SourceRun(1.0, 2.0, skipped=3))
    assert store.get("photos/x.jpg").uri == "/b/photos/x.jpg"
    assert store.get("photos/sub/y.jpg").fields == {"folder": "photos/sub"}
    assert store.count() == 2


def test_what_would_lose_too_much_removes_what_moved_alone(store: VectorStore, source: int) -> None:
    store.upsert(source, numbered(5), clustered(5, DIM))
    sweep = store.sweep(source, below="r0000")
    store.upsert(
        source, [replace(some_record("new"), sha256=numbered(1)[0].sha256)], clustered(1, DIM)
    )
    assert sweep.gone(lambda id, uri: id == "r00004", most=2) == Gone(1, 1, refused=3)
    assert {record.id for record in store.records()} == {"new", *(r.id for r in numbered(4, 1))}


def test_a_sweep_of_some_records_is_about_these_alone(store: VectorStore, source: int) -> None:
    ids = ["a", "a/1", "a/b/2", "ab", "a0", "c", "d"]
    records = [some_record(id) for id in ids]
    store.upsert(source, records, clustered(len(ids), DIM))
    renamed = replace(some_record("new"), sha256=records[5].sha256)
    store.upsert(source, [renamed], clustered(1, DIM))  # by a run before this one
    sweep = store.sweep(source, among=["a", "c", "nobody"])
    assert sweep.count() == 4
    sweep.seen(["a/1"])
    assert sweep.gone(lambda id, uri: False, most=1) == Gone(1, 1, refused=2)
    assert sweep.gone(lambda id, uri: False) == Gone(2, 0)
    assert {record.id for record in store.records()} == {"a/1", "ab", "a0", "d", "new"}


def test_two_that_go_together_are_no_move(store: VectorStore, source: int) -> None:
    same = some_record("x")
    store.upsert(source, [same, replace(same, id="y")], np.repeat(clustered(1, DIM), 2, axis=0))
    sweep = store.sweep(source, among=["x", "y"])
    assert sweep.gone(lambda id, uri: False, most=1) == Gone(0, 0, refused=2)


# -- life ------------------------------------------------------------------------------------------


def test_everything_survives_close_and_open(
    kind: Implementation, store: VectorStore, filled: Brute, tmp_path: Path
) -> None:
    before, held = ask(store, a_query(6), 120), _held(store)
    store.close()
    again = kind.open(tmp_path / "store", DIM)
    after = ask(again, a_query(6), 120)
    if kind.remote:  # a server may have built its index meanwhile, and answers about
        assert len({*_ids(before)} & {*_ids(after)}) >= 0.95 * 120
    else:
        assert after == before
    assert _held(again) == held
    assert again.info().records == 3000
    again.close()


def _ids(answer: Answer) -> list[str]:
    return [match.record.id for match in answer.matches]


def _held(store: VectorStore) -> dict[str, tuple[ImageRecord, bytes]]:
    return {
        record.id: (record, vector.tobytes())
        for rows in store.rows()
        for record, vector in zip(rows.records, rows.vectors, strict=True)
    }


def test_a_closed_store_says_so(store: VectorStore, filled: Brute) -> None:
    store.close()
    with pytest.raises(StoreError, match="closed"):
        ask(store, a_query(0), 1)
    with pytest.raises(StoreError, match="closed"):
        store.get("r00000")


def test_another_opened_store_follows_what_this_one_writes(
    kind: Implementation, store: VectorStore, filled: Brute, source: int, tmp_path: Path
) -> None:
    reader = kind.open(tmp_path / "store", DIM)
    query = a_query(7)
    assert ask(reader, query, 120) == ask(store, query, 120)
    random = np.random.default_rng(5)
    for turn in range(6):
        new = numbered(150, start=3000 + 150 * turn)
        vectors = clustered(150, DIM, seed=50 + turn)
        store.upsert(source, new, vectors)
        filled.upsert(new, vectors)
        gone = random.choice(list(filled.records), 100, replace=False).tolist()
        store.remove(gone)
        filled.remove(gone)
        if turn % 2:
            store.settle()
        assert ask(reader, query, 120) == ask(store, query, 120)
        found = ask(reader, query, 20, where=where("number<350"))
        low = [id for id, r in filled.records.items() if int(r.fields["number"]) < 350]
        filled.assert_best(found.matches, query, 0, 20, low)
    reader.close()


def test_readers_in_threads_never_see_half_a_change(
    kind: Implementation, store: VectorStore, filled: Brute, source: int
) -> None:
    """Every commit replaces fifty records at one place: a reader sees all fifty of one turn."""
    if not kind.transactions:
        pytest.skip("a row after the other")
    place = unit(np.random.default_rng(77).normal(size=DIM).astype(np.float32))
    ids = [f"turning {number:02}" for number in range(50)]

    def turn(number: int) -> None:
        records = [some_record(id, {"turn": number}) for id in ids]
        store.upsert(source, records, np.repeat(place[None], 50, axis=0))

    def look() -> None:
        seen = ask(store, place, 50, where=parse_all(["turn>=0"]))
        assert [match.record.id for match in seen.matches] == ids
        assert seen.total == 50
        assert len({match.record.fields["turn"] for match in seen.matches}) == 1
        assert [match.record.id for match in ask(store, place, 50).matches] == ids

    turn(0)
    with looking(look, threads=4) as wrong:
        for number in range(1, 60):
            turn(number)
            if number == 30:
                store.settle()
    assert wrong == []
