"""The words' side of a joint space."""

from pathlib import Path

import numpy as np
import pytest
from word_files import write_text

from visavis.embedders.base import unit_rows
from visavis.embedders.words.lookup import open_words
from visavis.embedders.words.table import WordTable
from visavis.training.joint.words import turn_of, write_turned

COUNT, DIM = 60, 8


@pytest.fixture
def table(tmp_path: Path) -> WordTable:
    """Words in two heaps, as the words of a file lie: close together, with a common direction."""
    random = np.random.default_rng(2)
    heaps = np.eye(DIM)[:2] * 3
    rows = {
        f"word{number}": (heaps[number % 2] + random.normal(0, 0.5, DIM) + 2).round(4).tolist()
        for number in range(COUNT)
    }
    return open_words(write_text(tmp_path / "vectors.txt", rows))


def test_without_spread_only_the_mean_is_taken_away(table: WordTable) -> None:
    turn = turn_of(table, [[0], [1]], 0.0)
    rows = table.vectors(slice(None))
    expected = unit_rows(rows - rows.mean(axis=0))
    assert np.allclose(turn.vectors(rows), expected, atol=1e-5)


def test_the_words_of_the_training_lie_apart_and_the_others_keep_their_places(
    table: WordTable,
) -> None:
    own = [[number] for number in range(6)]
    rows = table.vectors(slice(None))
    before, after = (
        turn.vectors(rows) for turn in (turn_of(table, own, 0.0), turn_of(table, own, 1.0))
    )

    def nearness(vectors: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> float:
        scores = vectors[:6] @ vectors[:6].T
        return float(np.abs(scores[~np.eye(6, dtype=bool)]).mean())

    assert nearness(after) < nearness(before) / 2
    assert ((after @ after.T).argmax(axis=1) == np.arange(COUNT)).all()


def test_the_map_is_the_inverse_root_of_what_it_says(table: WordTable) -> None:
    own = [[3], [4, 5]]
    turn = turn_of(table, own, 1.0)
    rows = table.vectors(slice(None)).astype(np.float64)
    centred = rows - rows.mean(axis=0)
    phrases = []
    for numbers in own:
        total = np.zeros(DIM)
        for number in numbers:
            total += centred[number] / np.linalg.norm(centred[number])
        phrases.append(total / np.linalg.norm(total))
    moment = 0.25 * centred.T @ centred / np.square(centred).sum()
    moment += 0.75 * np.array(phrases).T @ np.array(phrases) / len(phrases)
    identity = turn.matrix @ moment @ turn.matrix
    assert np.allclose(identity, np.eye(DIM), atol=0.02)  # but for the floor


def test_what_is_written_is_what_was_trained_towards(table: WordTable, tmp_path: Path) -> None:
    turn = turn_of(table, [[0], [59]], 1.0)
    assert write_turned(table, turn, tmp_path / "words.bin", keep=20, also=[5, 59]) == 21
    written = WordTable(tmp_path / "words.bin")
    assert [*written.words()] == [f"word{number}" for number in [*range(20), 59]]
    expected = turn.vectors(table.vectors([*range(20), 59]))
    assert np.allclose(written.vectors(slice(None)), expected, atol=2e-3)


def test_fewer_words_than_numbers_are_enough(tmp_path: Path) -> None:
    rows = {"one": [1.0, 0.0, 0.0, 0.5], "two": [0.0, 1.0, 0.0, 0.5]}
    table = open_words(write_text(tmp_path / "few.txt", rows))
    turn = turn_of(table, [[0], [1]], 1.0)
    found = turn.vectors(table.vectors(slice(None)))
    assert np.isfinite(found).all()
    assert found[0] @ found[1] < 0.5


def test_a_phrase_of_no_words_has_no_direction(table: WordTable) -> None:
    turn = turn_of(table, [[0]], 1.0)
    assert not turn.phrase(table, []).any()
    assert np.linalg.norm(turn.phrase(table, [1, 2])) == pytest.approx(1, abs=1e-5)
