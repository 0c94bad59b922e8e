"""Reading word vectors: every format, and what people's files get wrong."""

import gzip
import itertools
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from word_files import write_binary, write_text

from visavis.embedders.words.file import WordFile
from visavis.errors import WordVectorsError

VECTORS = {"dog": [1.0, 0.5, -0.25], "cat": [0.5, 1.0, 0.0], "œuvre": [-1.5, 2.0, 0.125]}


def read(path: Path) -> tuple[dict[str, list[float]], list[str]]:
    source = WordFile(path)
    found: dict[str, list[float]] = {}
    for words, vectors in source.blocks():
        found |= dict(zip(words, vectors.tolist(), strict=True))
    return found, source.oddities.sentences()


@pytest.mark.parametrize(("header", "pack"), list(itertools.product([False, True], repeat=2)))
def test_text_is_read_with_a_header_and_without_packed_and_not(
    tmp_path: Path, header: bool, pack: bool
) -> None:
    path = write_text(tmp_path / "vectors.txt", VECTORS, header=header, pack=pack)
    assert read(path) == (VECTORS, [])


@pytest.mark.parametrize(("newlines", "pack"), list(itertools.product([False, True], repeat=2)))
def test_word2vecs_binary_files_are_read(tmp_path: Path, newlines: bool, pack: bool) -> None:
    path = write_binary(tmp_path / "vectors.bin", VECTORS, newlines=newlines, pack=pack)
    assert read(path) == (VECTORS, [])


def test_a_long_binary_file_is_read_across_the_edges_of_what_is_read_at_once(
    tmp_path: Path,
) -> None:
    random = np.random.default_rng(1)
    rows: NDArray[np.float32] = random.normal(size=(9_000, 40)).astype(np.float32)
    vectors = {f"word{n}": row.tolist() for n, row in enumerate(rows)}
    found, told = read(write_binary(tmp_path / "v.bin", vectors))
    assert (found, told) == (vectors, [])


def test_lines_that_are_no_word_and_its_numbers_are_passed_over_and_told(tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text(
        "dog 1 2 3\nshort 1 2\nlong 1 2 3 4\n. . . 1 2 3\nbad 1 two 3\nnan 1 nan 3\nzero 0 0 0\n"
        "\ncat  4\t5 6 \n"
    )
    found, told = read(path)
    assert found == {"dog": [1, 2, 3], "cat": [4, 5, 6]}
    assert told == [
        "lines ignored, as they are not a word and its numbers: 6, the first being line 2"
    ]


def test_the_length_is_that_of_most_lines_when_the_first_is_ragged(tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text(". . . 1 2 3\ndog 1 2 3\ncat 4 5 6\n")
    assert read(path)[0] == {"dog": [1, 2, 3], "cat": [4, 5, 6]}


def test_the_first_of_equal_words_counts(tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text("dog 1 2\ncat 3 4\ndog 5 6\n")
    found, told = read(path)
    assert found == {"dog": [1, 2], "cat": [3, 4]}
    assert told == ["words that occur again: 1; the first of each counts"]


def test_words_that_are_not_utf_8_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    path.write_bytes(b"dog 1 2\n" + "œufs 3 4\n".encode("cp1252") + b"cat 5 6\n")
    found, told = read(path)
    assert found == {"dog": [1, 2], "cat": [5, 6]}
    assert told == ["words ignored, as they are not UTF-8: 1"]


def test_a_mark_of_the_byte_order_is_no_part_of_the_first_word(tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    for header in (b"", b"2 3\n"):
        path.write_bytes(b"\xef\xbb\xbf" + header + b"dog 1 2 3\ncat 4 5 6\n")
        assert read(path) == ({"dog": [1, 2, 3], "cat": [4, 5, 6]}, [])


def test_a_text_that_ends_before_its_header_says_so(tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text("400000 3\ndog 1 2 3\nodd\ncat 4 5 6\n")
    found, told = read(path)
    assert list(found) == ["dog", "cat"]
    assert told[-1].startswith(
        "lines that its first line promises and that are not there: 399997; see"
    )


def test_a_header_that_contradicts_all_lines_is_named(tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text("2 10\ndog 1 2 3\ncat 4 5 6\n")
    with pytest.raises(WordVectorsError, match=r"vectors of 10 dimensions.*below have 3; correct"):
        read(path)


def test_numbers_in_any_notation_are_read(tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text("dog 1e-3 -2.5E+1 .5\r\ncat 7 8 9\r\n")
    assert read(path)[0] == {
        "dog": pytest.approx([0.001, -25, 0.5]),
        "cat": [7, 8, 9],
    }


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\n",
        b"once upon a time\nthere was a prose\n",
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40,
        b"x" * 3_000_000,
        gzip.compress(b"a 1 2\nb 3 4\n")[:-9],
        b"\x1f\x8b not gzip at all",
    ],
    ids=["empty", "blank", "prose", "a picture", "one line", "cut gzip", "no gzip"],
)
def test_a_file_that_holds_no_vectors_is_one_sentence(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "vectors.txt"
    path.write_bytes(data)
    with pytest.raises(WordVectorsError, match=r"vectors\.txt") as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_a_binary_file_that_ends_too_early_says_so(tmp_path: Path) -> None:
    path = write_binary(tmp_path / "v.bin", VECTORS)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(WordVectorsError, match="ends too early: 2 of 3 words are there"):
        read(path)


def test_fasttexts_own_model_is_refused_with_what_to_take(tmp_path: Path) -> None:
    path = tmp_path / "cc.en.300.bin"
    path.write_bytes(b"\xba\x16\x4f\x2f\x0c\x00\x00\x00" + bytes(100))
    with pytest.raises(WordVectorsError, match=r"model of fastText.*\.vec"):
        read(path)


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(WordVectorsError, match=r"gone\.txt"):
        read(tmp_path / "gone.txt")
