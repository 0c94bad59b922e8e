"""The mapped table of words, with brute force as its oracle."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from visavis.embedders import word_table
from visavis.embedders.base import unit_rows
from visavis.embedders.word_table import TableWriter, WordTable, copy_table
from visavis.errors import WordVectorsError


def written(
    path: Path, words: list[str], vectors: NDArray[np.float32], *, half: bool = False
) -> WordTable:
    with TableWriter(path, vectors.shape[1], half=half) as writer:
        middle = len(words) // 2
        writer.add(words[:middle], vectors[:middle])
        writer.add(words[middle:], vectors[middle:])
        writer.finish(["one note", "and another"])
    return WordTable(path)


def drawn(count: int, dim: int = 12, seed: int = 3) -> tuple[list[str], NDArray[np.float32]]:
    random = np.random.default_rng(seed)
    return [f"word{n}" for n in range(count)], random.normal(size=(count, dim)).astype(np.float32)


def test_words_vectors_and_notes_come_back_as_they_were_written(tmp_path: Path) -> None:
    words, vectors = drawn(50)
    table = written(tmp_path / "table", words, vectors)
    assert list(table.words()) == words
    assert (len(table), table.dim) == (50, 12)
    assert table.notes == ("one note", "and another")
    np.testing.assert_allclose(table.vectors(slice(0, 50)), unit_rows(vectors), atol=1e-6)
    np.testing.assert_array_equal(table.vectors([7, 3]), table.vectors(slice(0, 50))[[7, 3]])


@given(st.lists(st.text(min_size=1, max_size=8), unique=True, min_size=1, max_size=40))
def test_every_word_is_found_and_no_other(
    tmp_path_factory: pytest.TempPathFactory, words: list[str]
) -> None:
    words = [word for word in words if word.isprintable()] or ["a"]
    vectors = np.ones((len(words), 2), np.float32)
    table = written(tmp_path_factory.mktemp("t") / "table", words, vectors)
    assert [table.find(word) for word in words] == list(range(len(words)))
    assert all(table.find(word + "x") is None for word in words if word + "x" not in words)


@pytest.mark.parametrize("half", [False, True])
def test_the_nearest_words_equal_brute_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, half: bool
) -> None:
    monkeypatch.setattr(word_table, "_BLOCK", 64)
    words, vectors = drawn(1000)
    table = written(tmp_path / "table", words, vectors, half=half)
    known = unit_rows(vectors)
    known = unit_rows(known.astype(np.float16)) if half else known
    probes = unit_rows(np.random.default_rng(9).normal(size=(20, 12)))
    for probe, found in zip(probes, table.nearest(probes, 10), strict=True):
        scores = known @ probe
        order = np.argsort(-scores, kind="stable")[:10]
        assert [number for number, _ in found] == order.tolist()
        np.testing.assert_allclose([s for _, s in found], scores[order], atol=1e-3)


def test_words_that_are_left_out_do_not_count(tmp_path: Path) -> None:
    words, vectors = drawn(30)
    table = written(tmp_path / "table", words, vectors)
    left_out = np.arange(30) % 2 == 0
    [found] = table.nearest(table.vectors([4]), 30, left_out)
    assert sorted(number for number, _ in found) == list(range(1, 30, 2))


def test_equal_scores_are_in_the_order_of_the_words(tmp_path: Path) -> None:
    vectors = np.tile(np.array([[1.0, 2.0]], np.float32), (40, 1))
    table = written(tmp_path / "table", [f"w{n}" for n in range(40)], vectors)
    [found] = table.nearest(table.vectors([0]), 5)
    assert [number for number, _ in found] == [0, 1, 2, 3, 4]


def test_a_copy_keeps_the_commonest_words_without_their_mean(tmp_path: Path) -> None:
    words, vectors = drawn(100)
    vectors += 3.0
    table = written(tmp_path / "table", words, vectors)
    copy_table(table, tmp_path / "copy", keep=60, centred=True)
    copy = WordTable(tmp_path / "copy")
    rows = unit_rows(vectors)[:60]
    assert list(copy.words()) == words[:60]
    assert copy.notes == table.notes
    np.testing.assert_allclose(
        copy.vectors(slice(0, 60)), unit_rows(rows - rows.mean(axis=0)), atol=2e-3
    )
    assert (tmp_path / "copy").stat().st_size < (tmp_path / "table").stat().st_size


@pytest.mark.parametrize("length", [0, 10, 63, 200])
def test_a_table_that_is_cut_or_something_else_is_one_sentence(tmp_path: Path, length: int) -> None:
    words, vectors = drawn(20)
    path = tmp_path / "table"
    written(path, words, vectors)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(WordVectorsError, match="table"):
        WordTable(path)
    path.write_bytes(b"something else entirely, and long enough to be a header of a table")
    with pytest.raises(WordVectorsError, match="no table of words"):
        WordTable(path)
