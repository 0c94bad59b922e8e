"""Which words of a question a record's text has, found by reading all of it."""

from collections.abc import Sequence

from visavis.store.text.own import Group, Piece


def standing(groups: Sequence[Group], found: Sequence[Piece]) -> set[int]:
    """The places of the groups that stand in some piece, a word or several in a row."""
    return {
        at
        for at, group in enumerate(groups)
        for piece in found
        for written in group
        if _in_a_row(written.split(), piece.words.split())
    }


def _in_a_row(some: list[str], words: list[str]) -> bool:
    return any(words[at : at + len(some)] == some for at in range(len(words)))
