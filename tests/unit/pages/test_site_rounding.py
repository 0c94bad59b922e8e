"""Vectors in few bits, against the exact ones."""

import numpy as np
import pytest

from visavis.pages.site.rounding import LOOK_STEPS, MEANING_STEPS, in_columns
from visavis.types import Vectors

LOOK, MEANING = 96, 32


def vectors(count: int) -> Vectors:
    """Of unit length, most of them alike in a few directions; a tenth is what words ask for."""
    chance = np.random.default_rng(2)
    look = chance.normal(size=(count, LOOK)) * np.geomspace(1, 0.05, LOOK)
    look = look @ np.linalg.qr(chance.normal(size=(LOOK, LOOK)))[0]
    told = chance.normal(size=(count, MEANING))
    both = [
        part / np.linalg.norm(part, axis=1, keepdims=True) * np.sqrt(share)
        for part, share in ((look, 0.9), (told, 0.1))
    ]
    return np.hstack(both).astype(np.float32)


def read(data: bytes, count: int) -> Vectors:
    """The vectors as the page takes them."""
    columns = np.frombuffer(data, np.int8, (LOOK + MEANING) * count).reshape(-1, count)
    factors = np.frombuffer(data, "<f4", offset=columns.size)
    assert factors.shape == (count,)
    look = columns[:LOOK].T / LOOK_STEPS * factors[:, None]
    return np.hstack([look, columns[LOOK:].T / MEANING_STEPS]).astype(np.float32)


def test_scores_are_nearly_those_of_the_exact_vectors() -> None:
    given = vectors(900)
    made = read(in_columns(given, MEANING), 900)
    assert np.einsum("ij,ij->i", made, given) == pytest.approx(np.ones(900), abs=1e-5)
    assert np.abs(made @ given.T - given @ given.T).max() < 0.01
    told = made[:, LOOK:] @ given[:, LOOK:].T - given[:, LOOK:] @ given[:, LOOK:].T
    assert np.abs(told).max() < 0.1 * 0.02, "a fiftieth of the highest score that words can have"


def test_rounding_with_the_others_in_mind_is_quieter_than_each_by_itself() -> None:
    given = vectors(900)[:, :LOOK] / np.float32(np.sqrt(0.9))
    plain = np.rint(given * LOOK_STEPS) / LOOK_STEPS
    plain /= np.einsum("ij,ij->i", plain, given)[:, None]
    nothing = np.zeros((900, MEANING), np.float32)
    made = read(in_columns(np.hstack([given, nothing]), MEANING), 900)[:, :LOOK]
    noise = [np.std((one - given) @ given.T) for one in (made, plain)]
    assert noise[0] < 0.8 * noise[1]


@pytest.mark.parametrize("count", [1, 2, 5000])
def test_any_number_of_pictures_is_taken(count: int) -> None:
    given = vectors(count)
    given[0] = 0
    given[0, 3] = 1  # one number alone, larger than eight bits have steps for
    made = read(in_columns(given, MEANING), count)
    assert np.einsum("ij,ij->i", made, given) == pytest.approx(np.ones(count), abs=1e-5)
