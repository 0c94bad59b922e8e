"""What every way of keeping vectors has to find, held against brute force."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from asking import ask
from brute import Brute, clustered, recall, some_record, unit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stores import DIM, IMPLEMENTATIONS, Implementation, a_query, numbered, where

from visavis.errors import FilterError
from visavis.store.base import Page, VectorStore
from visavis.types import Match


def test_an_empty_store_answers_with_nothing(store: VectorStore) -> None:
    assert ask(store, a_query(1), 5) == ((), 0)


def test_a_small_store_is_searched_exactly(store: VectorStore, source: int) -> None:
    oracle = Brute()
    records, vectors = numbered(250), clustered(250, DIM)
    store.upsert(source, records, vectors)
    oracle.upsert(records, vectors)
    for seed in range(5):
        for start, end in ((0, 1), (0, 10), (7, 33), (240, 260), (300, 310), (5, 5)):
            found = ask(store, a_query(seed), end - start, start)
            oracle.assert_best(found.matches, a_query(seed), start, end)
            assert found.total == 250


def test_recall_of_the_first_ten_is_at_least_95_percent(store: VectorStore, filled: Brute) -> None:
    queries = clustered(100, DIM, seed=0)[:50]
    shares = [recall(ask(store, q, 10).matches, filled.scores(q)) for q in queries]
    assert np.mean(shares) >= 0.95


def test_every_score_is_the_true_one(store: VectorStore, filled: Brute) -> None:
    for seed in range(5):
        scores = filled.scores(a_query(seed))
        for match in ask(store, a_query(seed), 300).matches:
            assert match.score == pytest.approx(scores[match.record.id], abs=3e-6)


def test_a_selective_filter_is_answered_exactly(store: VectorStore, filled: Brute) -> None:
    ids = [id for id, record in filled.records.items() if int(record.fields["number"]) < 350]
    for seed in range(10):
        found = ask(store, a_query(seed), 25, where=where("number<350"))
        filled.assert_best(found.matches, a_query(seed), 0, 25, ids)
        assert found.total == 350


def test_a_wide_filter_finds_nearly_all_and_nothing_else(store: VectorStore, filled: Brute) -> None:
    ids = [id for id, record in filled.records.items() if record.fields["colour"] == "red"]
    shares = []
    for query in clustered(100, DIM, seed=0)[:30]:
        found = ask(store, query, 10, where=where("colour=red"))
        assert {match.record.fields["colour"] for match in found.matches} == {"red"}
        assert found.total == 1000
        shares.append(recall(found.matches, filled.scores(query, ids)))
    assert np.mean(shares) >= 0.95


@pytest.mark.parametrize("expressions", [(), ("colour=red",), ("number<350",)])
@pytest.mark.parametrize("size", [7, 40, 170])
def test_pages_neither_repeat_nor_leave_out_a_record(
    kind: Implementation, store: VectorStore, filled: Brute, expressions: tuple[str, ...], size: int
) -> None:
    chosen, query = where(*expressions), a_query(2)
    total = ask(store, query, 1, where=chosen).total
    some = size == 7 or (size == 40 and kind.remote)
    met: list[str] = []
    while page := ask(store, query, size, len(met), chosen).matches:
        met += [match.record.id for match in page]
        if some and len(met) > 250:  # past the depth of the approximate index is enough
            break
    assert len(set(met)) == len(met)
    assert len(met) >= min(total, 250)
    if not some:
        assert len(met) == total
    whole = ask(store, query, len(met), 0, chosen).matches
    assert [match.record.id for match in whole] == met


def test_pages_of_equal_scores_neither_repeat_nor_leave_out_a_record(
    store: VectorStore, filled: Brute, source: int
) -> None:
    copies = [some_record(f"copy {(number * 37) % 260:03}") for number in range(260)]
    vector = a_query(9)
    store.upsert(source, copies, np.repeat(vector[None], 260, axis=0))
    met: list[Match] = []
    while len(met) < 280:
        met += ask(store, vector, 20, len(met)).matches
    ids = [match.record.id for match in met]
    assert len(set(ids)) == len(ids)
    assert {f"copy {number:03}" for number in range(260)} <= set(ids)


def test_equal_scores_come_in_order_of_id(store: VectorStore, source: int) -> None:
    ids = [f"{number * 7 % 100:02}" for number in range(100)]
    store.upsert(source, [some_record(id) for id in ids], np.repeat(a_query(1)[None], 100, axis=0))
    found = [match.record.id for match in ask(store, a_query(1), 100).matches]
    assert found == sorted(ids)
    assert [match.record.id for match in ask(store, a_query(1), 10, 25).matches] == found[25:35]


def test_the_same_question_gets_the_same_answer(store: VectorStore, filled: Brute) -> None:
    for chosen in (None, where("colour=red"), where("number<350")):
        first = ask(store, a_query(3), 150, where=chosen)
        assert all(ask(store, a_query(3), 150, where=chosen) == first for _ in range(3))


def test_min_score_leaves_out_what_is_below(store: VectorStore, filled: Brute) -> None:
    all_of_them = ask(store, a_query(4), 60).matches
    edge = all_of_them[30].score
    kept_ones = ask(store, a_query(4), 60, min_score=edge).matches
    assert [m for m in all_of_them if m.score >= edge] == list(kept_ones)
    assert ask(store, a_query(4), 60, 40, min_score=edge).matches == ()
    assert ask(store, a_query(4), 10, min_score=1.1).matches == ()


def test_min_score_holds_for_deep_pages_too(store: VectorStore, filled: Brute) -> None:
    query = a_query(5)
    ranked = sorted(filled.scores(query).values(), reverse=True)
    edge = (ranked[400] + ranked[401]) / 2
    found = ask(store, query, 1000, min_score=edge).matches
    assert all(match.score >= edge - 1e-6 for match in found)
    assert len({match.record.id for match in found}) == 401
    deep = ask(store, query, 200, 300, min_score=edge).matches
    assert [m.record.id for m in deep] == [m.record.id for m in found[300:]]


def test_new_records_are_found_at_once(store: VectorStore, filled: Brute, source: int) -> None:
    for number in range(5):
        vector = unit(np.random.default_rng(number).normal(size=DIM).astype(np.float32))
        store.upsert(source, [some_record(f"new {number}", {"fresh": number})], vector[None])
        assert ask(store, vector, 1).matches[0].record.id == f"new {number}"
        fresh = ask(store, vector, 10, where=where("fresh>=0"))
        assert fresh.total == number + 1
        assert fresh.matches[0].record.id == f"new {number}"


def test_a_filter_on_a_field_that_no_record_has_names_the_nearest(
    store: VectorStore, filled: Brute
) -> None:
    with pytest.raises(FilterError, match="did you mean 'colour'"):
        ask(store, a_query(0), 1, where=where("color=red"))


@pytest.mark.parametrize("expressions", [(), ("colour=red",), ("number<350",)])
def test_many_questions_are_answered_as_each_alone(
    kind: Implementation,
    store: VectorStore,
    filled: Brute,
    source: int,
    expressions: tuple[str, ...],
) -> None:
    """Also what is unlike all records, or asks for a part of the vectors, or the same twice."""
    store.remove([f"r{number:05}" for number in range(0, 3000, 7)])
    store.upsert(
        source,
        [some_record(f"new {at}", {"colour": "red", "number": at}) for at in range(40)],
        clustered(40, DIM, seed=8),
    )
    half = a_query(1).copy()
    half[DIM // 2 :] = 0
    odd = unit(np.random.default_rng(4).normal(size=(9, DIM)).astype(np.float32))
    vectors = np.stack([*clustered(70, DIM, seed=0), *odd, -a_query(2), a_query(3), a_query(3)])
    vectors = vectors[66:] if kind.remote else vectors
    chosen = where(*expressions)
    for questions in (vectors, np.concatenate([vectors[:5], unit(half)[None]])):
        for page in (Page(), Page(30, 90), Page(5, 0, 0.4), Page(3, without="r00001"), Page(0)):
            alone = [store.search(vector[None], page, chosen)[0] for vector in questions]
            assert store.search(questions, page, chosen) == alone
    assert store.search(vectors[:0], Page(), chosen) == []


@settings(
    max_examples=4 if IMPLEMENTATIONS[0].remote else 12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.data())
def test_a_life_of_random_edits_agrees_with_a_dict(
    kind: Implementation, tmp_path: Path, data: st.DataObject
) -> None:
    seed = data.draw(st.integers(0, 2**20))
    folder = Path(tempfile.mkdtemp(dir=tmp_path))
    random = np.random.default_rng(seed)
    store, oracle = kind.open(folder, DIM), Brute()
    source = store.source("catalogue", "/pictures/all.csv").number
    for _ in range(data.draw(st.integers(1, 8))):
        match data.draw(st.sampled_from(["upsert", "upsert", "remove", "settle", "reopen"])):
            case "upsert":
                ids = [f"r{number:03}" for number in random.integers(0, 500, random.integers(250))]
                records = [some_record(id, {"turn": int(random.integers(5))}) for id in ids]
                vectors = clustered(len(ids), DIM, seed=int(random.integers(2**30)))
                store.upsert(source, records, vectors)
                oracle.upsert(records, vectors)
            case "remove":
                gone = [f"r{number:03}" for number in random.integers(0, 500, 60)]
                store.remove(gone)
                oracle.remove(gone)
            case "settle":
                store.settle()
            case "reopen":
                store.close()
                store = kind.open(folder, DIM)
        query = clustered(1, DIM, seed=seed + 1)[0]
        chosen = [id for id, record in oracle.records.items() if record.fields["turn"] == 3]
        if any("turn" in record.fields for record in oracle.records.values()):
            found = ask(store, query, 30, where=where("turn=3"))
            oracle.assert_best(found.matches, query, 0, 30, chosen)
        everything = ask(store, query, 600)  # below the depth all is exact: nothing is missing
        assert {match.record.id for match in everything.matches} == set(oracle.records)
        assert everything.total == store.info().records == len(oracle.records)
    store.close()
