"""Codes: an eighth of the numbers' size, and yet the certain answer."""

from pathlib import Path

import numpy as np
import pytest
from brute import clustered, unit
from hypothesis import given, settings
from hypothesis import strategies as st

from visavis.store.nearest.caches import Base
from visavis.store.nearest.codes import Codes, dots, encode
from visavis.store.nearest.ranking import Numbers, Snapshot
from visavis.types import Vectors


def written(folder: Path, vectors: Vectors, step: int = 7) -> Codes:
    numbers = np.arange(len(vectors), dtype=np.int64) * step + 1
    half = len(vectors) // 2
    blocks = [(numbers[:half], vectors[:half]), (numbers[half:], vectors[half:])]
    Codes.write(folder, blocks, len(vectors), vectors.shape[1])
    return Codes(folder)


@given(st.integers(1, 60), st.integers(1, 40), st.integers(0, 2**20))
def test_a_coded_score_is_wrong_by_no_more_than_is_said(rows: int, dim: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    vectors = unit(random.normal(size=(rows, dim)).astype(np.float32) ** 3 + 1e-9)
    query = unit(random.normal(size=dim).astype(np.float32))
    encoded = encode(vectors)
    coded = dots(encoded.codes.astype(np.float32), query) * encoded.scales
    assert np.abs(coded - vectors @ query).max() <= encoded.errors.max() + 2e-6


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 300),
    st.integers(1, 24),
    st.integers(1, 40),
    st.integers(0, 2**20),
    st.sampled_from(["spread", "close", "equal"]),
    st.booleans(),
)
def test_the_best_from_codes_are_the_best_by_exact_score(
    tmp_path_factory: pytest.TempPathFactory,
    rows: int,
    dim: int,
    need: int,
    seed: int,
    kind: str,
    filtered: bool,
) -> None:
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(rows, dim)).astype(np.float32)
    if kind != "spread":  # so near to one another that codes alone would mix them up
        vectors = vectors[:1] + vectors * (1e-4 if kind == "close" else 0)
    vectors = unit(vectors + 1e-9)
    codes = written(tmp_path_factory.mktemp("codes"), vectors)
    snapshot = Snapshot(Base(codes, None), dim)
    query = unit(random.normal(size=dim).astype(np.float32) + 1e-9)
    selected = codes.numbers[random.random(rows) < 0.4] if filtered else None

    def fetch(numbers: Numbers) -> tuple[Numbers, Vectors]:
        return numbers, vectors[(numbers - 1) // 7]

    ranking = snapshot.rank(query, need, selected, fetch)
    chosen = vectors if selected is None else vectors[(selected - 1) // 7]
    exact = np.sort(dots(chosen, query))[::-1][:need]
    assert len(ranking.scores) >= len(exact)
    assert ranking.scores[: len(exact)] == pytest.approx(exact, abs=2e-6)


def test_a_question_that_asks_for_some_numbers_is_answered_by_these(tmp_path: Path) -> None:
    vectors = clustered(60, 40)
    codes = written(tmp_path, vectors)
    query = np.zeros(40, np.float32)
    query[31:] = unit(np.arange(1, 10, dtype=np.float32))
    assert dots(vectors, query) == pytest.approx(vectors[:, 31:] @ query[31:], abs=1e-6)
    assert codes.scores(query) == pytest.approx(vectors @ query, abs=float(codes.errors().max()))
    some = np.array([3, 50])
    assert codes.scores(query, some) == pytest.approx(codes.scores(query)[some])
    assert dots(vectors, np.zeros(40, np.float32)).tolist() == [0] * 60


def test_equal_rows_have_equal_scores_wherever_they_stand() -> None:
    query, row = clustered(2, 57)
    for before in range(20):
        rows = np.concatenate([clustered(before + 1, 57, seed=before), row[None]])
        assert dots(rows, query)[-1] == dots(row[None], query)[0]


def test_positions_leave_out_numbers_that_are_not_there(tmp_path: Path) -> None:
    codes = written(tmp_path, clustered(5, 4))  # 1, 8, 15, 22, 29
    assert codes.positions(np.array([0, 1, 2, 22, 29, 30, 99])).tolist() == [0, 3, 4]
    assert codes.positions(np.array([], np.int64)).tolist() == []


def test_codes_that_were_announced_and_did_not_come_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="10 vectors were announced and 5 came"):
        Codes.write(tmp_path, [(np.arange(5), clustered(5, 4))], 10, 4)
