"""The table of broader words and surroundings of the 1,000 classes: broader_words.tsv.

A line is `word <tab> kind or surroundings <tab> class numbers`: a dog *is* an animal (a kind), and
it often stands on grass (surroundings). Class numbers are ranges, `151-268 275`. The words come
from general knowledge; no dictionary or word list was used.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visavis.errors import UsageError

HERE = Path(__file__).parent
TABLE = HERE / "broader_words.tsv"
_RELATIONS = ("kind", "surroundings")


@dataclass(frozen=True, slots=True)
class Broader:
    """Words, and the classes each belongs to, in the order of the table."""

    words: tuple[str, ...]
    classes: NDArray[np.float32]
    """(words, count of classes): 1 where a class is of the word."""

    def of_class(self, number: int) -> list[str]:
        """The words of a class, in the order of the table."""
        return [self.words[place] for place in np.flatnonzero(self.classes[:, number])]


def read_broader(path: Path, count: int) -> tuple[Broader, Broader]:
    """The kinds and the surroundings of `count` classes.

    Raises UsageError for a line that is not of the form above.
    """
    found: dict[str, dict[str, NDArray[np.float32]]] = {name: {} for name in _RELATIONS}
    lines = path.read_text(encoding="utf-8").splitlines()[1:]
    for number, line in enumerate(lines, 2):
        try:
            word, relation, ranges = line.split("\t")
            numbers = _numbers(ranges)
            row = found[relation].setdefault(word, np.zeros(count, np.float32))
            row[numbers] = 1
        except (ValueError, KeyError, IndexError) as error:
            raise UsageError(
                f"{path}, line {number}: {line[:80]!r} is not `word, kind or surroundings, class "
                "numbers` with tabs between; correct it"
            ) from error
    kinds, surroundings = (
        Broader(tuple(rows), np.array([*rows.values()], np.float32).reshape(-1, count))
        for rows in found.values()
    )
    return kinds, surroundings


def _numbers(ranges: str) -> list[int]:
    """The numbers of "3 7-9": 3, 7, 8, 9."""
    found: list[int] = []
    for part in ranges.split():
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def read_lines(path: Path) -> list[str]:
    """The lines of one of our word files, without comments and empty ones."""
    lines = (line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line]
