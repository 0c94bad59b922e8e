"""Word vectors in use: phrases to vectors, vectors to words, and what to do about unknown words."""

import hashlib
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visavis.embedders.aliases import Aliases, built_in_aliases
from visavis.embedders.base import unit_rows
from visavis.embedders.word_file import WordFile
from visavis.embedders.word_table import MAGIC, TableWriter, WordTable
from visavis.errors import UnknownWordError, WordVectorsError
from visavis.types import Tag, Vectors

_ENGLISH = (
    "a an the this that these those some any each every no of on in at to from by with without and "
    "or but as is are was were be been being am do does did has have had its it he she they them "
    "his her their him hers theirs i me my we us our you your who which what there here into onto "
    "over under up down out off near through while for if than then so very s t"
)
FUNCTION_WORDS = frozenset(_ENGLISH.split())
"""Words that say how others belong together: passed over where a phrase has others."""

_TOKEN = re.compile(r"[^\s,;:!?()\[\]{}\"“”…|+*/&]+")
_JOINTS = re.compile(r"[_\-'’.]+")
_DEEPEST = 4  # aliases of aliases
_SPELLED = 50_000  # the commonest words, among which a misspelt one is looked for
_SUGGESTED = 3
_REMEMBERED = 64  # texts: a query looks its words up twice, for the vector and for what to tell
_LISTED = 10
_SHOWN = 200  # characters of a text


class Words:
    """A table of words with all that makes phrases of them. Safe to use from several threads.

    A phrase is the mean of its words' unit vectors, made unit length. Function words ("on", "the")
    are passed over where there are others. A word is looked up as it is written, then in lower
    case and capitalised, then by its aliases, then by its parts ("dining_table"), and at last
    without a plural's s.
    """

    def __init__(self, table: WordTable, aliases: Aliases | None = None) -> None:
        self.table = table
        self._aliases = built_in_aliases() if aliases is None else aliases
        self._looked_up = lru_cache(maxsize=_REMEMBERED)(self._look_up)

    @property
    def dim(self) -> int:
        """Numbers in a vector."""
        return self.table.dim

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One unit vector for each text: (n, dim). UnknownWordError for one of unknown words."""
        rows = np.zeros((len(texts), self.dim), np.float32)
        for row, text in zip(rows, texts, strict=True):
            numbers, unknown = self.look_up(text)
            if not numbers:
                raise UnknownWordError(self._none_known(text, unknown))
            row[:] = self.table.vectors(numbers).mean(axis=0)
        return unit_rows(rows) if len(rows) else rows

    def look_up(self, text: str) -> tuple[list[int], tuple[str, ...]]:
        """The numbers of the words that make up a text, and those of its words that are unknown."""
        numbers, unknown = self._looked_up(text)
        return list(numbers), unknown

    def _look_up(self, text: str) -> tuple[tuple[int, ...], tuple[str, ...]]:
        whole = self._as_written("_".join(text.split()))
        if whole is not None:
            return (whole,), ()
        tokens = [token for raw in _TOKEN.findall(text) if (token := raw.strip(".'’_-"))]
        tokens = [t for t in tokens if t.casefold() not in FUNCTION_WORDS] or tokens
        numbers: list[int] = []
        unknown: dict[str, None] = {}
        for token in tokens:
            found = self._word(token)
            if found is None:
                unknown[token] = None
            else:
                numbers += found
        return tuple(numbers), tuple(unknown)

    def notes(self, text: str) -> tuple[str, ...]:
        """What of a text is passed over because it is unknown, in a sentence or none."""
        unknown = self.look_up(text)[1]
        if not unknown:
            return ()
        words = ", ".join(map(repr, unknown[:_LISTED])) + (" …" if len(unknown) > _LISTED else "")
        return (f"unknown and passed over: {words}{self._hints(unknown)}",)

    def similar(self, terms: Sequence[tuple[str, float]], count: int) -> list[Tag]:
        """The words nearest to a weighted sum of phrases, without the phrases' own words."""
        vectors = self.embed([text for text, _ in terms])
        weights = np.array([weight for _, weight in terms], np.float32)
        own = np.zeros(len(self.table), bool)
        for text, _ in terms:
            own[self.look_up(text)[0]] = True
        return self._named(unit_rows((weights @ vectors)[None]), count, own)[0]

    def tags(self, vectors: Vectors, count: int) -> list[list[Tag]]:
        """The words nearest to each vector that can name something: no signs, no function words."""
        return self._named(vectors, count, self._nameless)

    def spelled_like(self, word: str) -> list[str]:
        """Common words of nearly the same spelling: swapped letters, one letter, then others."""
        import difflib

        key = word.casefold()
        near = range(len(word) - 2, len(word) + 3)
        known = (other for other in self.table.words(_SPELLED) if len(other) in near)
        folded = {other.casefold(): other for other in known if other.isalpha()}
        swapped = [other for other in folded if _swapped(other, key)]
        close = difflib.get_close_matches(key, folded, n=_SUGGESTED, cutoff=0.75)
        return [folded[other] for other in dict.fromkeys([*swapped, *close])][:_SUGGESTED]

    def _named(self, vectors: Vectors, count: int, left_out: NDArray[np.bool_]) -> list[list[Tag]]:
        return [
            [Tag(self.table.word(number), score) for number, score in found]
            for found in self.table.nearest(vectors, count, left_out)
        ]

    @cached_property
    def _nameless(self) -> NDArray[np.bool_]:
        words = self.table.words()
        flags = (
            len(word) < 2
            or word.casefold() in FUNCTION_WORDS
            or not _JOINTS.sub("", word).isalpha()
            for word in words
        )
        return np.fromiter(flags, bool, len(self.table))

    def _word(self, token: str, depth: int = 0) -> list[int] | None:
        """The numbers that stand for a word; None when it is unknown."""
        number = self._as_written(token)
        if number is not None:
            return [number]
        if depth < _DEEPEST:
            for choice in self._aliases.get(token.casefold(), ()):
                each = [self._word(part, depth + 1) for part in choice.split()]
                if None not in each:
                    return [number for found in each for number in found or ()]
        parts = [part for part in _JOINTS.split(token) if part]
        if len(parts) > 1:
            known = [found for part in parts if (found := self._word(part, depth)) is not None]
            return [number for found in known for number in found] or None
        if len(token) > 3 and token.endswith("s"):
            return self._word(token[:-1], depth)
        return None

    def _as_written(self, token: str) -> int | None:
        for form in dict.fromkeys((token, token.lower(), token.capitalize())):
            number = self.table.find(form)
            if number is not None:
                return number
        return None

    def _none_known(self, text: str, unknown: Sequence[str]) -> str:
        known = "the word {} is not" if len(unknown) < 2 else "none of the words of {} is"
        said = known.format(repr(text[:_SHOWN]))
        return f"{said} known to the model{self._hints(unknown)}; use others"

    def _hints(self, unknown: Sequence[str]) -> str:
        hints = ""
        for word in unknown[:_SUGGESTED]:  # each takes some 50 ms
            if near := self.spelled_like(word):
                hints += f"; near {word!r} in spelling: {', '.join(map(repr, near))}"
        return hints


def _swapped(word: str, other: str) -> bool:
    """Whether two neighbouring letters are swapped, or one letter of a longer word is another."""
    if len(word) != len(other) or word == other:
        return False
    differing = [at for at in range(len(word)) if word[at] != other[at]]
    if len(differing) == 2:
        first, second = differing
        return second == first + 1 and word[first] == other[second] and word[second] == other[first]
    return len(differing) == 1 and len(word) > 4


def open_words(path: Path) -> WordTable:
    """The table of a file of word vectors, mapped from the user's cache.

    The file is read when it is new or has changed, and a table of its words is kept in the cache
    folder. A file that is such a table itself is used as it is.

    Raises WordVectorsError when it cannot be read or holds no word vectors.
    """
    try:
        with path.open("rb") as file:
            if file.read(len(MAGIC)) == MAGIC:
                return WordTable(path)
        status = path.stat()
    except OSError as error:
        raise WordVectorsError(
            f"{path}: the word vectors cannot be read ({error.strerror or error})"
        ) from error
    place = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:16]
    state = hashlib.sha256(f"{status.st_size}|{status.st_mtime_ns}".encode()).hexdigest()[:16]
    cached = words_cache() / f"{place}-{state}.bin"
    if cached.is_file():
        try:
            return WordTable(cached)
        except WordVectorsError:  # damaged: made again
            cached.unlink(missing_ok=True)
    _build(path, cached)
    for old in cached.parent.glob(f"{place}-*.bin"):
        if old != cached:
            old.unlink(missing_ok=True)
    return WordTable(cached)


def words_cache() -> Path:
    """Where tables made of files of word vectors are kept; it can be deleted."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "visavis" / "words"


def _build(path: Path, cached: Path) -> None:
    source = WordFile(path)
    try:
        cached.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".making-", dir=cached.parent) as folder:
            made = Path(folder) / "table"
            write_words(source, made)
            made.replace(cached)
    except OSError as error:
        raise WordVectorsError(
            f"{error.filename or cached.parent}: the table of {path} cannot be kept "
            f"({error.strerror or error}); make room there, or set XDG_CACHE_HOME to another folder"
        ) from error


def write_words(source: WordFile, path: Path) -> None:
    """Read a file of word vectors into a new table; errors as `WordFile`, and OSError."""
    blocks: Iterator[tuple[list[str], NDArray[np.float32]]] = source.blocks()
    words, vectors = next(blocks)
    with TableWriter(path, vectors.shape[1]) as writer:
        writer.add(words, vectors)
        for words, vectors in blocks:
            writer.add(words, vectors)
        writer.finish(source.oddities.sentences())
