"""Words that are spelled nearly as another: what somebody may have meant."""

import difflib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

_ALIKE = 0.75  # of difflib's ratio: twice the letters in common, by the letters of both
_LONGER = 2  # letters that a near word has more or less, at most
_BINS = 32  # letters are counted by the last five bits of their code: a to z stay apart

Counts = NDArray[np.uint8]


class Spellings:
    """Words to choose from; those without a sign or a digit count, of each the first spelling.

    What two words can have in common is bounded by how often each has each letter. That is one sum
    over a small matrix, and leaves difflib a few words of thousands to look at.
    """

    def __init__(self, words: Iterable[str]) -> None:
        folded: dict[str, str] = {}
        for word in words:
            if word.isalpha():
                folded.setdefault(word.casefold(), word)
        self._words = [*folded.values()]
        self._folded = [*folded]
        self._lengths = np.array([len(word) for word in self._folded], np.int64)
        self._counts = _letters(self._folded, self._lengths)

    def near(self, word: str, count: int) -> tuple[str, ...]:
        """At most `count` words: those with swapped letters or one other, then others by ratio."""
        key = word.casefold()
        if not any(letter.isalpha() for letter in key):
            return ()
        own = _letters([key], np.array([len(key)]))[0]
        common = np.minimum(self._counts, own).sum(axis=1, dtype=np.int64)
        alike = 2 * common >= _ALIKE * (self._lengths + len(key))
        alike &= abs(self._lengths - len(key)) <= _LONGER
        places = {self._folded[place]: place for place in np.flatnonzero(alike).tolist()}
        swapped = [other for other in places if _swapped(other, key)]
        close = difflib.get_close_matches(key, places, n=count, cutoff=_ALIKE)
        found = dict.fromkeys([*swapped, *close])
        return tuple(self._words[places[other]] for other in found)[:count]


def _letters(words: list[str], lengths: NDArray[np.int64]) -> Counts:
    """How often each word has each letter: (n, bins)."""
    codes = np.frombuffer("".join(words).encode("utf-32-le", "replace"), "<u4") % _BINS
    places = np.repeat(np.arange(len(words)), lengths) * _BINS + codes
    counts = np.bincount(places, minlength=len(words) * _BINS)
    return np.minimum(counts, 255).astype(np.uint8).reshape(len(words), _BINS)


def _swapped(word: str, other: str) -> bool:
    """Whether two neighbouring letters are swapped, or one letter of a longer word is another."""
    if len(word) != len(other) or word == other:
        return False
    differing = [at for at in range(len(word)) if word[at] != other[at]]
    if len(differing) == 2:
        first, second = differing
        return second == first + 1 and word[first] == other[second] and word[second] == other[first]
    return len(differing) == 1 and len(word) > 4
