"""The mapped table of words, with brute force as its oracle."""

import gzip
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from visavis.embedders.base import unit_rows
from visavis.embedders.words import table as word_table
from visavis.embedders.words.lookup import open_words
from visavis.embedders.words.table import Kind, TableWriter, WordTable, copy_table
from visavis.errors import WordVectorsError


def written(
    path: Path, words: list[str], vectors: NDArray[np.float32], *, kind: Kind = "float32"
) -> WordTable:
    with TableWriter(path, vectors.shape[1], kind=kind) as writer:
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


@pytest.mark.parametrize("kind", ["float32", "float16", "int8"])
def test_the_nearest_words_equal_brute_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Kind
) -> None:
    monkeypatch.setattr(word_table, "_BLOCK", 64)
    words, vectors = drawn(1000)
    table = written(tmp_path / "table", words, vectors, kind=kind)
    known = unit_rows(table.rows(slice(0, 1000)))
    np.testing.assert_allclose(known, unit_rows(vectors), atol=1e-2 if kind == "int8" else 1e-3)
    probes = unit_rows(np.random.default_rng(9).normal(size=(20, 12)))
    for probe, found in zip(probes, table.nearest(probes, 10), strict=True):
        scores = known @ probe
        order = np.argsort(-scores, kind="stable")[:10]
        assert [number for number, _ in found] == order.tolist()
        np.testing.assert_allclose([s for _, s in found], scores[order], atol=1e-3)


def test_rows_of_eight_bits_keep_their_lengths(tmp_path: Path) -> None:
    words, vectors = drawn(200)
    vectors *= np.logspace(-3, 2, 200, dtype=np.float32)[:, None]
    table = written(tmp_path / "table", words, vectors, kind="int8")
    assert list(table.words()) == words
    assert table.notes == ("one note", "and another")
    rows = table.rows(slice(0, 200))
    steps = np.abs(vectors).max(axis=1) / 127
    assert (np.abs(rows - vectors).max(axis=1) <= 0.55 * steps).all()
    np.testing.assert_allclose(np.linalg.norm(table.vectors([3, 150]), axis=1), 1, atol=1e-6)
    assert (tmp_path / "table").stat().st_size < 200 * (12 + 2 + 4 + 4 + 7) + 7 * 64


def test_a_row_of_zeros_is_a_word_that_says_nothing(tmp_path: Path) -> None:
    words, vectors = drawn(30)
    vectors[4] = 0.0
    table = written(tmp_path / "table", words, vectors, kind="int8")
    assert np.flatnonzero(table.silent(slice(0, 30))).tolist() == [4]
    [found] = table.nearest(table.vectors([5]), 30)
    assert sorted(number for number, _ in found) == [n for n in range(30) if n != 4]


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
@pytest.mark.parametrize("kind", ["float32", "int8"])
def test_a_table_that_is_cut_or_something_else_is_one_sentence(
    tmp_path: Path, length: int, kind: Kind
) -> None:
    words, vectors = drawn(20)
    path = tmp_path / "table"
    written(path, words, vectors, kind=kind)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(WordVectorsError, match="table"):
        WordTable(path)
    path.write_bytes(b"something else entirely, and long enough to be a header of a table")
    with pytest.raises(WordVectorsError, match="no table of words"):
        WordTable(path)


def test_a_table_whose_bytes_were_changed_is_one_sentence_or_an_answer(tmp_path: Path) -> None:
    words, vectors = drawn(20)
    path = tmp_path / "table"
    written(path, words, vectors, kind="int8")
    whole = path.read_bytes()
    random = np.random.default_rng(5)
    for at in random.integers(64, len(whole), 200).tolist():
        path.write_bytes(whole[:at] + b"\xff\xff\xff" + whole[at + 3 :])
        with suppress(WordVectorsError):
            table = WordTable(path)
            table.find("word7")
            list(table.words())
            assert len(table.nearest(unit_rows(vectors[:1]), 3)[0]) == 3


def test_a_packed_table_says_the_same_and_is_one_sentence_where_it_is_not_whole(
    tmp_path: Path,
) -> None:
    words, vectors = drawn(20)
    bare = written(tmp_path / "table", words, vectors, kind="int8")
    packed = tmp_path / "table.gz"
    packed.write_bytes(gzip.compress((tmp_path / "table").read_bytes()))
    table = open_words(packed)
    assert table.path == packed  # used as it is: no other is made of it
    assert list(table.words()) == words
    assert table.notes == bare.notes
    np.testing.assert_array_equal(table.vectors(slice(0, 20)), bare.vectors(slice(0, 20)))
    whole = packed.read_bytes()
    for data in (whole[:2], whole[:100], whole[:-1], whole[:50] + b"\xff\xff" + whole[52:]):
        packed.write_bytes(data)
        with pytest.raises(WordVectorsError, match="the table of words cannot be read"):
            WordTable(packed)
