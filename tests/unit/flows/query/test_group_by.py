"""One hit for many: pages of the best of each value, against the whole ranking folded by hand."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from brute import clustered, some_record

from visavis.errors import FilterError
from visavis.filters import parse_all
from visavis.flows.query.answer import Means, answer
from visavis.flows.relation.cuts import Cuts
from visavis.store.base import ModelFacts
from visavis.store.sqlite.store import SqliteStore
from visavis.types import Fields, FieldValue, Filter, Query, SearchResult, VectorTerm

DIM, COUNT = 16, 900
FIELDS = ("product", "kind", "price", "day", "code")


def fields_of(number: int) -> Fields:
    """Products of a few views, five kinds of which one is most of it, and every sixth has none."""
    if number % 6 == 5:
        return {"other": number}
    kind = "shoe" if number % 10 < 6 else f"kind {number % 4}"
    code: FieldValue = number % 40 if number % 2 else str(number % 40)
    day = "2024-05" if number % 3 else f"2024-05-{1 + number % 28:02}"
    return {
        "product": f"p{number // 4}",
        "kind": kind,
        "price": number % 25,
        "day": day,
        "code": code,
    }


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteStore]:
    folder = tmp_path_factory.mktemp("folding") / "an.index"
    opened = SqliteStore.create(folder, ModelFacts("fake", "fake", "fake", DIM))
    records = [some_record(f"r{number:04}", fields_of(number)) for number in range(COUNT)]
    source = opened.source("catalogue", "all.csv")
    opened.upsert(source.number, records, clustered(COUNT, DIM, seed=3))
    yield opened
    opened.close()


@cache
def cuts_of(store: SqliteStore) -> Cuts:
    """Measured once."""
    return Cuts(store)


def asked(store: SqliteStore, **wanted: object) -> SearchResult:
    def no_model() -> object:
        raise AssertionError("vectors need no model")

    vector = np.asarray(clustered(1, DIM, seed=77)[0])
    query = Query((VectorTerm(vector),), **wanted)  # type: ignore[arg-type]
    means = Means(no_model, lambda _: b"", 10**6, cuts_of(store))  # type: ignore[arg-type]
    return answer(query, store, means)


def by_hand(store: SqliteStore, field: str, where: Filter | None = None) -> list[tuple[str, int]]:
    """The best record of each value in the whole ranking, and how many more have the value."""
    heads: list[tuple[str, FieldValue | None]] = []
    counts: dict[FieldValue, int] = {}
    for match in asked(store, limit=COUNT, where=where).matches:
        value = match.record.fields.get(field)
        if value is None or value not in counts:
            heads.append((match.record.id, value))
        if value is not None:
            counts[value] = counts.get(value, 0) + 1
    return [(id, 0 if value is None else counts[value] - 1) for id, value in heads]


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("expressions", [(), ("price<12",)])
def test_pages_of_groups_are_the_ranking_folded_by_hand(
    store: SqliteStore, field: str, expressions: tuple[str, ...]
) -> None:
    where = parse_all(expressions)
    wanted = by_hand(store, field, where)
    for size in (1, 10, 33, 1000):
        paged: list[tuple[str, int | None]] = []
        for offset in range(0, min(len(wanted), 4 * size) + size, size):
            page = asked(store, limit=size, offset=offset, group_by=field, where=where)
            paged += [(match.record.id, match.views) for match in page.matches]
            assert page.total_searched == store.count(where)
        assert paged == wanted[: len(paged)], (field, size)
        assert len(paged) == min(len(wanted), (min(len(wanted), 4 * size) // size + 1) * size)


def test_a_value_that_nearly_all_have_does_not_hide_the_others(store: SqliteStore) -> None:
    found = asked(store, limit=5, group_by="kind", where=parse_all(["price<100"]))
    assert len({match.record.fields["kind"] for match in found.matches}) == 5
    assert sum(match.views or 0 for match in found.matches) == store.count(
        parse_all(["price<100"])
    ) - len(found.matches)


def test_a_least_score_holds_for_groups_too(store: SqliteStore) -> None:
    whole = asked(store, limit=COUNT, group_by="product")
    least = whole.matches[20].score
    found = asked(store, limit=COUNT, group_by="product", min_score=least)
    wanted = [match.record.id for match in whole.matches if match.score >= least]
    assert [match.record.id for match in found.matches] == wanted


def test_a_field_that_no_record_has_is_refused(store: SqliteStore) -> None:
    with pytest.raises(FilterError, match="products"):
        asked(store, group_by="products")


def test_records_can_be_grouped_by_what_all_have(store: SqliteStore) -> None:
    found = asked(store, limit=5, group_by="width")
    assert [match.views for match in found.matches] == [COUNT - 1]


def test_an_answer_that_ends_before_the_matches_do_says_so(tmp_path: Path) -> None:
    count = 2_600
    large = SqliteStore.create(tmp_path / "large.index", ModelFacts("fake", "fake", "fake", DIM))
    records = [some_record(f"r{number:04}", {"own": f"o{number}"}) for number in range(count)]
    large.upsert(
        large.source("catalogue", "all.csv").number, records, clustered(count, DIM, seed=4)
    )
    unique = asked(large, limit=10, offset=count - 10, unique=True)
    assert unique.matches == ()
    assert any("matches were looked through" in note for note in unique.notes)
    grouped = asked(large, limit=10, offset=count - 10, group_by="own")
    assert len(grouped.matches) == 10
    assert not any("looked through" in note for note in grouped.notes)
    large.close()
