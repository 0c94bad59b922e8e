"""The cut keeps its word: questions with nothing alike are called similar as often as is said."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from visavis.flows.relation.cuts import Background, Cuts, measure, renew
from visavis.matching.signature import BYTES
from visavis.store.base import ModelFacts
from visavis.store.capabilities import has_evidence
from visavis.store.sqlite.store import SqliteStore
from visavis.types import ImageRecord, Vectors

DIM, GROUPS, VIEWS = 32, 150, 4


@pytest.fixture(scope="module")
def vectors() -> Vectors:
    """150 things, four views each: views of one thing are near one another."""
    chance = np.random.default_rng(5)
    things = chance.normal(size=(GROUPS, DIM)) * np.linspace(2.0, 0.2, DIM)
    views = np.repeat(things, VIEWS, axis=0) + 0.25 * chance.normal(size=(GROUPS * VIEWS, DIM))
    unit: Vectors = (views / np.linalg.norm(views, axis=1, keepdims=True)).astype(np.float32)
    return unit


def filled(folder: Path, vectors: Vectors, *, named: bool) -> SqliteStore:
    store = SqliteStore.create(folder, ModelFacts("fake", "fake", "1", DIM))
    records = [
        ImageRecord(
            f"{place}.png", f"/pictures/{place}.png", 1, 0.0, f"{place:032x}" * 2, 9, 9,
            {"thing": f"t{place // VIEWS}", "side": "left"} if named else {},
        )
        for place in range(len(vectors))
    ]  # fmt: skip
    store.upsert(store.source("folder", "/pictures").number, records, vectors)
    return store


@pytest.fixture
def store(tmp_path: Path, vectors: Vectors) -> Iterator[SqliteStore]:
    made = filled(tmp_path / "named.index", vectors, named=True)
    yield made
    made.close()


def false_matches(background: Background, vectors: Vectors, keep: float, rate: float) -> float:
    """How many questions whose thing is not there find something similar: by brute force."""
    thing = np.arange(len(vectors)) // VIEWS
    scores = np.where(thing[:, None] == thing[None], -1.0, vectors @ vectors.T)
    chance = np.random.default_rng(1)
    shares = []
    for _ in range(1 if keep == 1 else 10):
        kept = chance.random(len(vectors)) < keep
        cut = background.cut(int(kept.sum()), rate)
        shares.append((scores[:, kept].max(axis=1) > cut).mean())
    return float(np.mean(shares))


@pytest.mark.parametrize("keep", [1.0, 0.5, 0.1])
@pytest.mark.parametrize("rate", [0.01, 0.05])
def test_the_stated_rate_holds_also_for_a_part(
    store: SqliteStore, vectors: Vectors, keep: float, rate: float
) -> None:
    background = measure(store)
    assert background is not None
    assert rate / 2 <= false_matches(background, vectors, keep, rate) <= 2 * rate


def test_a_rarer_rate_asks_for_a_higher_score(store: SqliteStore) -> None:
    background = measure(store)
    assert background is not None
    cuts = [background.cut(GROUPS * VIEWS, rate) for rate in (0.2, 0.05, 0.01, 0.001, 1e-6)]
    assert cuts == sorted(cuts)
    assert cuts[-1] <= 1


def test_related_records_are_told_by_the_most_telling_field(store: SqliteStore) -> None:
    background = measure(store)
    assert background is not None
    assert background.related_by == "thing"


def test_without_such_a_field_the_cut_is_rather_too_high(
    tmp_path: Path, store: SqliteStore, vectors: Vectors
) -> None:
    nameless = filled(tmp_path / "nameless.index", vectors, named=False)
    one, other = measure(store), measure(nameless)
    assert one is not None
    assert other is not None
    assert other.related_by == ""
    assert other.cut(600) >= one.cut(600)
    nameless.close()


def test_copies_do_not_raise_the_cut(tmp_path: Path, vectors: Vectors) -> None:
    chance = np.random.default_rng(3)
    things = vectors[::VIEWS]
    with_copies = np.concatenate([things, things[:50]])
    pictures = [chance.integers(0, 256, BYTES, np.uint8).tobytes() for _ in things]
    alone = filled(tmp_path / "alone.index", things, named=False)
    copied = filled(tmp_path / "copied.index", with_copies, named=False)
    assert has_evidence(copied)
    before = measure(copied)
    copied.evidence.keep(
        {f"{place:032x}" * 2: made for place, made in enumerate(pictures + pictures[:50])}
    )
    expected, after = measure(alone), measure(copied)
    assert before is not None
    assert after is not None
    assert expected is not None
    cuts = [one.cut(one.records) for one in (before, after, expected)]
    assert cuts[0] > 0.99
    assert cuts[1] == pytest.approx(cuts[2], abs=0.06)
    alone.close()
    copied.close()


def test_it_is_kept_and_made_again_when_the_index_has_grown(
    store: SqliteStore, vectors: Vectors
) -> None:
    assert has_evidence(store)
    renew(store)
    kept = store.evidence.noted("background-2")
    assert kept is not None
    before = Background.unpacked(kept)
    assert before.records == len(vectors)
    renew(store)
    assert store.evidence.noted("background-2") == kept
    more = [
        ImageRecord(f"n{place}.png", f"/n/{place}.png", 1, 0.0, f"{place:063x}f", 9, 9)
        for place in range(len(vectors))
    ]
    store.upsert(store.source("folder", "/n").number, more, vectors)
    renew(store)
    after = store.evidence.noted("background-2")
    assert after is not None
    assert Background.unpacked(after).records == 2 * len(vectors)


def test_a_damaged_note_is_measured_again(store: SqliteStore) -> None:
    assert has_evidence(store)
    store.evidence.note("background-2", b"garbage")
    assert Cuts(store).cut(600, 0.01, store.model().fingerprint) is not None


def test_few_records_have_no_cut(tmp_path: Path, vectors: Vectors) -> None:
    small = filled(tmp_path / "small.index", vectors[:9], named=False)
    assert measure(small) is None
    assert Cuts(small).cut(9, 0.01, small.model().fingerprint) is None
    small.close()


def test_what_lies_within_a_class_that_neighbours_never_leave_is_alike(
    tmp_path: Path, store: SqliteStore, vectors: Vectors
) -> None:
    """Sneakers of a shop are alike, be they several products."""
    chance = np.random.default_rng(3)
    kinds = np.repeat(chance.normal(size=(10, DIM)), 60, axis=0)
    placed = kinds + 0.4 * vectors
    shop = (placed / np.linalg.norm(placed, axis=1, keepdims=True)).astype(np.float32)
    made = SqliteStore.create(tmp_path / "shop.index", ModelFacts("fake", "fake", "1", DIM))
    records = [
        ImageRecord(
            f"{place}.png", f"/shop/{place}.png", 1, 0.0, f"{place:064x}", 9, 9,
            {"product": f"p{place // VIEWS}", "category": f"c{place // 60}"},
        )
        for place in range(len(shop))
    ]  # fmt: skip
    made.upsert(made.source("folder", "/shop").number, records, shop)
    background = measure(made)
    assert background is not None
    assert background.related_by == "category"
    within = shop[:60] @ shop[:60].T
    assert (np.sort(within, axis=1)[:, -2] >= background.cut(len(shop))).all()
    made.close()
