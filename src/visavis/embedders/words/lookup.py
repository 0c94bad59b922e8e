"""Word vectors in use: phrases to vectors, vectors to words, and what to do about unknown words."""

import hashlib
import os
import re
import tempfile
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visavis.disk import cache_home
from visavis.embedders.base import unit_rows
from visavis.embedders.words.aliases import Aliases, built_in_aliases
from visavis.embedders.words.file import WordFile
from visavis.embedders.words.spelling import Spellings
from visavis.embedders.words.table import TableWriter, WordTable, is_table
from visavis.errors import UnknownWordError, UsageError, WordVectorsError
from visavis.types import Tag, Vectors

_ENGLISH = (
    "a an the this that these those some any each every no of on in at to from by with without and "
    "or but as is are was were be been being am do does did has have had its it he she they them "
    "his her their him hers theirs i me my we us our you your who which what there here into onto "
    "over under up down out off near through while for if than then so very s t"
)
FUNCTION_WORDS = frozenset(_ENGLISH.split())
"""Words that say how others belong together: ignored where a phrase has others."""

_TOKEN = re.compile(r"[^\s,;:!?()\[\]{}\"“”…|+*/&]+")
_JOINTS = re.compile(r"[_\-'’.]+")
_DEEPEST = 4  # aliases of aliases
_SPELLED = 50_000  # the commonest words, among which a misspelt one is looked for
_SUGGESTED = 3
_REMEMBERED = 64  # texts: a query needs its words twice, for the vector and for what to tell, and
# who looks at the next page, or adds a filter, asks the same again
_LISTED = 10
_SHOWN = 200  # characters of a text
_SHORT = 3  # letters; a word of so many is no plural: "gas"
_NOTHING = 1e-6  # of a weight: the length of a sum that is none


class Words:
    """A table of words with all that makes phrases of them. Safe to use from several threads.

    A phrase is the mean of its words' unit vectors, made unit length. Function words ("on", "the")
    are ignored where there are others. A word is looked up as it is written, then in lower
    case and capitalised, without its accents, by its aliases, as the plural of another, and at
    last by its parts ("dining_table", "dog's").
    """

    def __init__(self, table: WordTable, aliases: Aliases | None = None) -> None:
        self.table = table
        self._aliases = built_in_aliases() if aliases is None else aliases
        self._looked_up = lru_cache(maxsize=_REMEMBERED)(self._look_up)
        self._embedded = lru_cache(maxsize=_REMEMBERED)(self._embed)
        self._near = lru_cache(maxsize=_REMEMBERED)(self._spelled_like)

    @property
    def dim(self) -> int:
        """Numbers in a vector."""
        return self.table.dim

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One unit vector for each text: (n, dim). UnknownWordError for one of unknown words."""
        rows = [self._embedded(text) for text in texts]
        return np.array(rows, np.float32).reshape(len(rows), self.dim)

    def _embed(self, text: str) -> Vectors:
        numbers, unknown = self._looked_up(text)
        if not numbers:
            raise UnknownWordError(self._none_known(text, unknown))
        found = self.table.vectors(numbers)
        vector: Vectors = found[0] if len(found) == 1 else unit_rows(found.mean(axis=0)[None])[0]
        return vector

    def look_up(self, text: str) -> tuple[list[int], tuple[str, ...]]:
        """The numbers of the words that make up a text, and those of its words that are unknown."""
        numbers, unknown = self._looked_up(text)
        return list(numbers), unknown

    def _look_up(self, text: str) -> tuple[tuple[int, ...], tuple[str, ...]]:
        whole = self._as_written("_".join(text.split()))
        if whole is not None:
            return (whole,), ()
        numbers: list[int] = []
        unknown: dict[str, None] = {}
        parts = [part for whole in tokens(text) for part in self._parts(whole)]
        for token in _telling(parts):
            found = self._word(token)
            if found is None:
                unknown[token] = None
            else:
                numbers += found
        return tuple(numbers), tuple(unknown)

    def notes(self, text: str) -> tuple[str, ...]:
        """What of a text is unknown and ignored, or says nothing, in a sentence or none."""
        unknown = self._looked_up(text)[1]
        if not unknown:
            if any(token.casefold() not in FUNCTION_WORDS for token in tokens(text)):
                return ()
            return (f"{text[:_SHOWN]!r} says little by itself; add other words",)
        return (self._passed_over(unknown),)

    def _passed_over(self, unknown: Sequence[str]) -> str:
        shown = [word[:_SHOWN] for word in unknown[:_LISTED]]
        words = ", ".join(map(repr, shown)) + (" …" if len(unknown) > _LISTED else "")
        return f"unknown and ignored: {words}{self._hints(unknown)}"

    def vectors_of(self, texts: Sequence[str]) -> Vectors:
        """One unit vector for each text among those of the words. UnknownWordError as `embed`."""
        return self.embed(texts)

    def similar(self, terms: Sequence[tuple[str, float]], count: int) -> list[Tag]:
        """The words nearest to a weighted sum of phrases, without the phrases' own words.

        Raises UnknownWordError, and UsageError where nothing remains of the sum.
        """
        vectors = self.vectors_of([text for text, _ in terms])
        weights = np.array([weight for _, weight in terms], np.float32)
        total = weights @ vectors
        if np.linalg.norm(total) <= _NOTHING * np.abs(weights).max(initial=0.0):
            raise UsageError("the words cancel each other out; omit one")
        own = np.zeros(len(self.table), bool)
        for text, _ in terms:
            own[self.look_up(text)[0]] = True
        return self._named(unit_rows(total[None]), count, own)[0]

    def tags(self, vectors: Vectors, count: int) -> list[list[Tag]]:
        """The words nearest to each vector that can name something: no signs, no function words."""
        return self._named(vectors, count, self._nameless)

    def examples(self) -> list[str]:
        """The first word and the last."""
        return [self.table.word(number) for number in (0, len(self.table) - 1)]

    def spelled_like(self, word: str) -> list[str]:
        """Common words of nearly the same spelling: swapped letters, one letter, then others."""
        return list(self._near(word))

    def _spelled_like(self, word: str) -> tuple[str, ...]:
        return self._common.near(word, _SUGGESTED)

    @cached_property
    def _common(self) -> Spellings:
        """Made only for those who misspell a word."""
        return self._choices()

    def _choices(self) -> Spellings:
        return Spellings(self.table.words(_SPELLED))

    def _called(self, number: int) -> str:
        return self.table.word(number)

    def _named(self, vectors: Vectors, count: int, left_out: NDArray[np.bool_]) -> list[list[Tag]]:
        return [
            [Tag(self._called(number), score) for number, score in found]
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

    def _parts(self, token: str, depth: int = 0) -> list[str]:
        """A token as it is where it is known, or else what its joints join."""
        parts = [part for part in _JOINTS.split(token) if part]
        return parts if len(parts) > 1 and self._word(token, depth) is None else [token]

    def _word(self, token: str, depth: int = 0) -> list[int] | None:
        """The numbers that stand for a word; None when it is unknown."""
        found = self._single(token, depth)
        if found is None and len(token) > _SHORT and token.casefold().endswith("s"):
            singles = (self._single(one, depth) for one in _singulars(token))
            found = next((one for one in singles if one is not None), None)
        return found

    def _single(self, token: str, depth: int) -> list[int] | None:
        """As `_word`, of a word as it is or by its aliases."""
        number = self._as_written(token)
        if number is not None:
            return [number]
        if depth < _DEEPEST:
            for choice in self._aliases.get(token.casefold(), ()):
                parts = (part for word in choice.split() for part in self._parts(word, depth + 1))
                each = [self._word(part, depth + 1) for part in parts]
                if None not in each:
                    return [number for found in each for number in found or ()]
        return None

    def _as_written(self, token: str) -> int | None:
        """The number of a word, whatever its case; without its accents if need be."""
        forms = (token,) if token.isascii() else accented(token)
        for form in dict.fromkeys(f for one in forms for f in (one, one.lower(), one.capitalize())):
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
        for word in unknown[:_SUGGESTED]:
            if near := self.spelled_like(word):
                hints += f"; near {word!r} in spelling: {', '.join(map(repr, near))}"
        return hints


def tokens(text: str) -> list[str]:
    """A text at its spaces and punctuation; what joins words, as in dog's, stays."""
    return [token for raw in _TOKEN.findall(text) if (token := raw.strip(".'’_-"))]


def _telling(tokens: list[str]) -> list[str]:
    """Without function words, where there are others."""
    return [token for token in tokens if token.casefold() not in FUNCTION_WORDS] or tokens


def _singulars(token: str) -> Iterator[str]:
    """What a word may be the plural of, whatever its case: horses, BUSES, Puppies."""
    ending = token.casefold()[-3:]
    if ending.endswith("ss"):
        return
    yield token[:-1]
    if ending == "ies":
        yield f"{token[:-3]}y"
    elif ending.endswith("es"):
        yield token[:-2]


def accented(token: str) -> tuple[str, ...]:
    """A word as files have it, accents and letters in one, and without its accents."""
    parts = unicodedata.normalize("NFKD", token)
    plain = "".join(letter for letter in parts if not unicodedata.combining(letter))
    return unicodedata.normalize("NFC", token), token, plain


def open_words(path: Path) -> WordTable:
    """The table of a file of word vectors, mapped from the user's cache.

    The file is read when it is new or has changed, and a table of its words is kept in the cache
    folder. A file that is such a table itself is used as it is.

    Raises WordVectorsError when it cannot be read or holds no word vectors.
    """
    try:
        if is_table(path):
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
    return cache_home("words")


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
