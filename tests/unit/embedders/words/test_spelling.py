"""Near spellings, against looking at every word."""

import difflib

import numpy as np
import pytest

from visavis.embedders.words.spelling import Spellings

WORDS = "horse house hose mouse Paris parish kettle nettle settle dog dogs doge god café cafe ab"


@pytest.mark.parametrize(
    ("word", "first"),
    [
        ("hosre", "horse"),  # swapped letters
        ("Horze", "horse"),  # another letter
        ("ketle", "kettle"),
        ("PARYS", "Paris"),
        ("cafè", "café"),
        ("dgo", "dog"),
    ],
)
def test_the_likeliest_spelling_comes_first(word: str, first: str) -> None:
    assert Spellings(WORDS.split()).near(word, 3)[0] == first


def test_other_words_have_none() -> None:
    spellings = Spellings([*WORDS.split(), "1999", "tea-cup"])
    for word in ("", "1998", "teacup", "xyzzy", "🐶", "q" * 10_000):
        assert not spellings.near(word, 3)
    assert Spellings([]).near("dog", 3) == ()


def test_of_several_spellings_the_commonest_is_named() -> None:
    assert Spellings(["paris", "Paris", "PARIS", "house"]).near("pariz", 3) == ("paris",)


def test_no_near_word_is_missed() -> None:
    random = np.random.default_rng(3)

    def drawn() -> str:
        return "".join(random.choice([*"abcdeéß"], random.integers(2, 9)))

    words = list(dict.fromkeys(drawn() for _ in range(2_000)))
    spellings = Spellings(words)
    for _ in range(50):
        word = drawn()
        key = word.casefold()
        near = {w.casefold(): w for w in words if abs(len(w.casefold()) - len(key)) <= 2}
        wanted = [near[other] for other in difflib.get_close_matches(key, near, 3, 0.75)]
        assert set(wanted) <= set(spellings.near(word, 1_000))
        assert len(spellings.near(word, 2)) <= 2
