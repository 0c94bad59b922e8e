"""Pages, random picks, fields and counts, against plain Python over the same records."""

import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from asking import ask
from brute import clustered, kept, some_record

from visavis.errors import FilterError
from visavis.filters import parse_all
from visavis.store.base import ModelFacts
from visavis.store.nearest.sizes import Sizes
from visavis.store.sqlite.store import SqliteStore
from visavis.types import Fields, ImageRecord, Vectors

DIM = 16
COUNT = 3_000
BEGUN = 2_500
"""Of these, before the quick searches are made ready."""

Filled = tuple[SqliteStore, Vectors]


@pytest.fixture(scope="module", params=["in memory", "with caches"])
def begun(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Sizes]:
    """The folder of a store of the first clustered vectors, and its sizes. Not to be changed."""
    small = Sizes(exact_floats=DIM * 100, pending_floats=DIM * 10**6)
    sizes = small if request.param == "with caches" else Sizes()
    folder = tmp_path_factory.mktemp("begun") / "i"
    store = SqliteStore.create(folder, ModelFacts("m", "m", "f", DIM), sizes)
    source = store.source("list", "list").number
    store.upsert(source, _records(range(BEGUN)), _vectors()[:BEGUN])
    store.settle()
    store.close()
    return folder, sizes


@pytest.fixture
def filled(begun: tuple[Path, Sizes], tmp_path: Path) -> Iterator[Filled]:
    """A store of clustered vectors, the last of them new, and some removed again."""
    folder, sizes = begun
    store = SqliteStore(Path(shutil.copytree(folder, tmp_path / "i")), sizes)
    source = store.source("list", "list").number
    store.upsert(source, _records(range(BEGUN, COUNT)), _vectors()[BEGUN:])
    store.remove([f"r{n}" for n in range(0, COUNT, 10)])
    yield store, _vectors()
    store.close()


@cache
def _vectors() -> Vectors:
    return clustered(COUNT, DIM, seed=3)


def _records(numbers: Iterable[int]) -> list[ImageRecord]:
    return [
        some_record(f"r{n}", {"shelf": n % 7, "kind": f"k{n % 3}", "title": f"t {n}"})
        for n in numbers
    ]


def _left() -> list[int]:
    return [n for n in range(COUNT) if n % 10]


def test_pages_hold_what_is_left_in_order(filled: Filled) -> None:
    browse = filled[0].browse
    seen = []
    for offset in range(0, COUNT, 700):
        records, total = browse.page(700, offset)
        assert total == len(_left()) == browse.count()
        seen += [record.id for record in records]
    assert seen == [f"r{n}" for n in _left()]


def test_filtered_pages_hold_what_passes(filled: Filled) -> None:
    browse = filled[0].browse
    where = parse_all(["shelf=3", "kind!=k1"])
    expected = [f"r{n}" for n in _left() if n % 7 == 3 and n % 3 != 1]
    records, total = browse.page(10, 5, where)
    assert [record.id for record in records] == expected[5:15]
    assert total == len(expected) == browse.count(where)


def test_samples_are_fair_repeatable_and_hardly_change_with_the_index(filled: Filled) -> None:
    store, _ = filled
    seen: Counter[str] = Counter()
    for seed in range(300):
        seen.update(record.id for record in store.browse.sample(90, seed))
    assert len(seen) == len(_left())  # each is expected ten times
    assert max(seen.values()) < 35
    before = [record.id for record in store.browse.sample(100, 5)]
    assert before == [record.id for record in store.browse.sample(100, 5)]
    gone = before[10]
    store.remove([gone])
    after = [record.id for record in store.browse.sample(99, 5)]
    assert after == [id for id in before if id != gone]


@pytest.mark.parametrize("where", [None, "shelf=2", "shelf<6"])
def test_counts_above_a_score_are_exact(filled: Filled, where: str | None) -> None:
    store, vectors = filled
    chosen = parse_all([where]) if where else None
    passes: Callable[[int], bool] = {
        None: lambda n: True,
        "shelf=2": lambda n: n % 7 == 2,
        "shelf<6": lambda n: n % 7 < 6,
    }[where]
    left = [n for n in _left() if passes(n)]
    query = clustered(1, DIM, seed=9)[0]
    scores = np.round(kept(vectors)[left] @ query, 6)
    for floor in (-1.0, 0.0, 0.31, float(np.sort(scores)[-20]) - 1e-6, 0.9, 1.0):
        assert store.browse.reaching(query, floor, chosen) == np.count_nonzero(scores >= floor)


def test_a_record_left_out_of_a_search_is_left_out_of_every_page(filled: Filled) -> None:
    store, vectors = filled
    for id in ("r1", "r2601"):
        vector = store.vector(id)
        plain = ask(store, vector, 250)
        without = [
            match.record.id
            for offset in range(0, 250, 25)
            for match in ask(store, vector, 25, offset, without=id).matches
        ]
        expected = [match.record.id for match in ask(store, vector, 251).matches]
        assert without == [other for other in expected if other != id][:250]
        assert ask(store, vector, 1, without=id).total == plain.total - 1
    where = parse_all(["shelf=0"])
    assert ask(store, vectors[1], 1, where=where, without="r1").total == (
        ask(store, vectors[1], 1, where=where).total
    )


def test_fields_are_counted(filled: Filled) -> None:
    store, _ = filled
    facets = {facet.name: facet for facet in store.browse.facets()}
    shelves = Counter(n % 7 for n in _left())
    assert facets["shelf"].values is not None
    assert dict(facets["shelf"].values) == shelves
    assert (facets["shelf"].min, facets["shelf"].max) == (0, 6)
    assert facets["kind"].min is None
    assert facets["title"].values is None
    assert facets["title"].distinct == len(_left())
    generation = store.browse.generation()
    store.remove([f"r{n}" for n in _left()])
    assert store.browse.generation() > generation
    assert store.browse.count() == 0
    assert store.browse.sample(3, 1) == []


def test_counts_under_filters_are_what_another_choice_would_lead_to(filled: Filled) -> None:
    """Each field is counted among the records that pass the conditions on the other fields."""
    where = parse_all(["shelf=1,2", "kind=k0"])
    facets = {facet.name: facet for facet in filled[0].browse.facets(where)}
    left = _left()
    assert dict(facets["shelf"].values or ()) == Counter(n % 7 for n in left if n % 3 == 0)
    assert dict(facets["kind"].values or ()) == Counter(
        f"k{n % 3}" for n in left if n % 7 in (1, 2)
    )
    kept = len([n for n in left if n % 7 in (1, 2) and n % 3 == 0])
    assert (facets["title"].count, facets["title"].distinct) == (kept, kept)
    assert (facets["shelf"].min, facets["shelf"].max) == (0, 6)
    with pytest.raises(FilterError, match="shelv"):
        filled[0].browse.facets(parse_all(["shelv=1"]))


def test_a_choice_that_leads_to_nothing_is_counted_as_such(filled: Filled) -> None:
    facets = {facet.name: facet for facet in filled[0].browse.facets(parse_all(["kind=none"]))}
    assert (facets["shelf"].count, facets["shelf"].values) == (0, ())
    assert dict(facets["kind"].values or ()) == Counter(f"k{n % 3}" for n in _left())


@pytest.mark.parametrize("sort", ["shelf", "-shelf", "-title", "id"])
def test_pages_are_ordered_by_a_field(filled: Filled, sort: str) -> None:
    browse = filled[0].browse
    where = parse_all(["kind=k1"])
    keys = {"shelf": lambda n: n % 7, "title": lambda n: f"t {n}", "id": lambda n: f"r{n}"}
    key: Callable[[int], Any] = keys[sort.removeprefix("-")]
    kept = [n for n in _left() if n % 3 == 1]
    expected = sorted(kept, key=key, reverse=sort.startswith("-"))
    if sort == "-shelf":  # ties stay as they were added
        expected = sorted(kept, key=lambda n: -(n % 7))
    records, total = browse.page(500, 0, where, sort)
    assert [record.id for record in records] == [f"r{n}" for n in expected][:500]
    assert total == len(kept)
    later, _ = browse.page(7, 100, where, sort)
    assert [record.id for record in later] == [f"r{n}" for n in expected][100:107]


def test_an_order_follows_changes_and_those_without_the_field_come_last(filled: Filled) -> None:
    store = filled[0]
    first = store.browse.page(1, 0, None, "-shelf")[0][0]
    assert first.fields["shelf"] == 6
    new = [some_record("late", {"shelf": 9}), some_record("bare", {})]
    store.upsert(store.source("list", "list").number, new, clustered(2, DIM, seed=9))
    records, total = store.browse.page(3_000, 0, None, "-shelf")
    assert (records[0].id, records[-1].id, total) == ("late", "bare", len(_left()) + 2)
    with pytest.raises(FilterError, match="did you mean 'shelf'"):
        store.browse.page(1, 0, None, "shelff")


def test_chosen_values_are_counted_at_once(filled: Filled) -> None:
    browse, left = filled[0].browse, _left()
    found = browse.counts("shelf", [1, 2, 99], parse_all(["kind=k0"]))
    assert found == Counter(n % 7 for n in left if n % 3 == 0 and n % 7 in (1, 2))
    assert browse.counts("id", ["r1", "r0"]) == {"r1": 1}  # r0 is gone
    assert browse.counts("title", [f"t {n}" for n in left]) == {f"t {n}": 1 for n in left}
    assert browse.counts("shelf", []) == {}
    with pytest.raises(FilterError, match="did you mean 'shelf'"):
        browse.counts("shelff", [1])


def test_numbers_that_nearly_all_differ_keep_their_ends_under_a_filter(tmp_path: Path) -> None:
    store = SqliteStore.create(tmp_path / "i", ModelFacts("m", "m", "f", DIM))
    fields: list[Fields] = [{"price": n / 4, "kind": n % 3} for n in range(300)]
    fields += [{"price": "ask us", "kind": 1}, {"kind": 1}]
    records = [some_record(f"r{at}", named) for at, named in enumerate(fields)]
    store.upsert(store.source("list", "list").number, records, clustered(302, DIM))
    [price, _] = store.browse.facets()
    assert (price.values, price.count, price.min, price.max) == (None, 301, 0, 299 / 4)
    [price, _] = store.browse.facets(parse_all(["kind=1"]))
    assert (price.values, price.count, price.min, price.max) == (None, 101, 1 / 4, 298 / 4)
    [price, _] = store.browse.facets(parse_all(["kind=7"]))
    assert (price.count, price.min, price.max) == (0, None, None)
    store.close()


def test_values_of_a_field_come_with_their_counts(tmp_path: Path) -> None:
    store = SqliteStore.create(tmp_path / "i", ModelFacts("m", "m", "f", DIM))
    source = store.source("list", "list").number
    fields: list[Fields] = [{"c": "x"}, {"c": "y"}, {"c": "x"}, {}, {"c": 3}]
    records = [some_record(f"r{at}", named) for at, named in enumerate(fields)]
    store.upsert(source, records, clustered(5, DIM))
    assert store.browse.values("c", 10) == [("x", 2), (3, 1), ("y", 1)]
    assert store.browse.values("c", 1) == [("x", 2)]
    assert store.browse.values("nothing", 10) == []
    store.close()
