"""Words of a model with a semantic part: what they mean, and which colours they name.

A text is a bag of words. Their rows in the table are summed; the length of a row says how much its
word counts, so that *dog* outweighs *nice*. Colour words act on the visual part, which sees colours
better than the semantic part does:

    [ weight · colours ; words ]    weight = 1.5 √(share / (1 - share)), all made unit length

Without the 1.5 colours and words could add as much as each other to a picture's score; pictures
differ less in the one than in the other. Of 27 questions of colour and noun, asked of pictures that
nothing was made from, weights of .5, 1, 1.5, 2 and 3 found .27, .31, .33, .32 and .32 of what they
should: the mean of three builds of the built-in model.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from visavis.embedders.blocks import semantic_part
from visavis.embedders.spec import SemanticSpec
from visavis.embedders.words.aliases import Aliases
from visavis.embedders.words.lookup import FUNCTION_WORDS, Words, accented, tokens
from visavis.embedders.words.spelling import Spellings
from visavis.embedders.words.table import WordTable
from visavis.errors import UnknownWordError
from visavis.types import Tag, Vectors

GOOD_FROM = 0.5
"""The score from which on an answer to words is worth something. Of pictures of PASCAL asked for by
the names of its classes, 22 % are right at .3, 42 % at .5, 77 % at .7; a word for what is not there
("xylophone") still reaches .4 to .5."""

_COLOURS = 1.5  # how much colours count beside words; see above
_MOST_WORDS = 100  # of a text: more than any caption, and looked up in a few milliseconds
_LONGEST_WORD = 40
_LONGEST_PHRASE = 5
_SHORTEST = 3  # letters of a stem, and of each half of a word that is cut in two
_SHOWN = 200  # characters of a text
_ABOUT_PICTURES = frozenset(["photo", "photograph", "picture", "image"])
_VOWELS = "aeiou"


class _Reading(NamedTuple):
    """What a text was read as: numbers of words and colours, and what needs telling."""

    words: tuple[int, ...]
    colours: tuple[int, ...]
    unknown: tuple[str, ...]
    cut: tuple[tuple[str, str], ...]
    more: bool
    """Whether it goes on after the words that were read."""


class SemanticWords(Words):
    """A table of words in the space of a model's semantic part. Safe to use from several threads.

    Words are looked up as `Words` does, and then without the endings of plural, past and -ing; an
    unknown word is cut in two known ones ("motorbike") where it can be. Neighbouring words are
    taken together where the table has them as a phrase ("golden_retriever").

    Args:
        table: Words in lower case, whose vectors are as long as the semantic part, with their
            weights as lengths.
        semantic: The semantic part.
        visual: How many numbers come before it.
        colours: Colour words with directions in these; None: colours are words as others.
        aliases: As for `Words`.
    """

    def __init__(
        self,
        table: WordTable,
        semantic: SemanticSpec,
        visual: int,
        colours: WordTable | None = None,
        aliases: Aliases | None = None,
    ) -> None:
        super().__init__(table, aliases)
        self.semantic = semantic
        self._visual = visual
        self._colours = colours
        self._readings = lru_cache(maxsize=64)(self._read)
        self._places = lru_cache(maxsize=4096)(self._place)

    @property
    def dim(self) -> int:
        """Numbers in a text's vector."""
        return self._visual + self.semantic.dim

    def notes(self, text: str) -> tuple[str, ...]:
        """What of a text is ignored, or was read as something else."""
        reading = self._readings(text)
        notes = [f"{word!r} was read as {as_what}" for word, as_what in reading.cut]
        if reading.unknown:
            notes.append(self._passed_over(reading.unknown))
        if reading.more:
            notes.append(f"only the first {_MOST_WORDS} words were read")
        return tuple(notes)

    def good_from(self, text: str) -> float | None:
        """The score from which on pictures are good answers; None for a text with a colour.

        Of colours, how much of a picture has them weighs in, and no such score is known.
        """
        return None if self._readings(text).colours else GOOD_FROM

    def vectors_of(self, texts: Sequence[str]) -> Vectors:
        """What the words of each text mean, without its colours: (n, dimensions of the part).

        Raises UnknownWordError for a text without a word that says anything.
        """
        rows = [self._summed(text) for text in texts]
        for text, row in zip(texts, rows, strict=True):
            if row is None:
                raise UnknownWordError(self._nothing(text, colours_alone=True))
        return np.array(rows, np.float32).reshape(len(rows), self.semantic.dim)

    def phrase(self, text: str) -> Vectors | None:
        """The unit vector of a name that the table has as it is, with spaces as underscores."""
        number = self._as_written("_".join(text.replace("_", " ").split()))
        if number is None or self.table.silent([number])[0]:
            return None
        return np.asarray(self.table.vectors([number])[0])

    def tags(self, vectors: Vectors, count: int) -> list[list[Tag]]:
        """The words nearest to the semantic part of each of (n, dim) vectors."""
        return super().tags(semantic_part(vectors, self.semantic), count)

    def examples(self) -> list[str]:
        """The first and the last word that say something."""
        telling = np.flatnonzero(~self.table.silent(slice(0, len(self.table))))
        return [self.table.word(int(number)) for number in telling[[0, -1]]] if len(telling) else []

    def _embed(self, text: str) -> Vectors:
        words, colours = self._summed(text), self._readings(text).colours
        if words is None and not colours:
            raise UnknownWordError(self._nothing(text))
        vector = np.zeros(self.dim, np.float32)
        if words is not None:
            vector[self._visual :] = words
        if colours and self._colours is not None:
            share = self.semantic.share
            weight = 1.0 if words is None else _COLOURS * (share / (1 - share)) ** 0.5
            total = self._colours.vectors(colours).sum(axis=0)
            vector[: self._visual] = weight * _unit(total)
        return _unit(vector)

    def _summed(self, text: str) -> Vectors | None:
        """The sum of the words' rows at unit length; None where nothing says anything."""
        numbers = self._readings(text).words
        total = self.table.rows(numbers).sum(axis=0, dtype=np.float64)
        return _unit(total) if total.any() else None

    def _look_up(self, text: str) -> tuple[tuple[int, ...], tuple[str, ...]]:
        reading = self._readings(text)
        return reading.words, reading.unknown

    def _read(self, text: str) -> _Reading:
        parts = [part for whole in tokens(text) for part in self._parts(whole)]
        words: list[int] = []
        colours: list[int] = []
        unknown: dict[str, None] = {}
        cut: dict[str, str] = {}
        for token in self._with_phrases(parts[:_MOST_WORDS]):
            colour = self._colour(token)
            found = self._word(token) if colour is None else self._written(token)
            if found is None and colour is None:
                found = self._in_two(token, cut)
            if colour is not None:
                colours.append(colour)
            elif found is None:
                unknown[token] = None
            words += found or []
        more = len(parts) > _MOST_WORDS
        return _Reading(tuple(words), tuple(colours), tuple(unknown), tuple(cut.items()), more)

    def _with_phrases(self, parts: list[str]) -> Iterator[str]:
        """The words that say something; several at once where the table has them as a phrase."""
        at = 0
        while at < len(parts):
            most = min(_LONGEST_PHRASE, len(parts) - at)
            if most > 1 and not self.table.any_begins(f"{parts[at].casefold()}_"):
                most = 1
            for count in range(most, 1, -1):
                joined = "_".join(parts[at : at + count])
                if self._as_written(joined) is not None:
                    yield joined
                    break
            else:
                count = 1
                word = parts[at].casefold()
                if word not in FUNCTION_WORDS and word.removesuffix("s") not in _ABOUT_PICTURES:
                    yield parts[at]
            at += count

    def _colour(self, token: str) -> int | None:
        """The number of a colour, by its name or another that the aliases have for it."""
        if self._colours is None:
            return None
        name = token.casefold()
        number = self._colours.find(name)
        if number is None and self._as_written(token) is None:
            others = (self._colours.find(other) for other in self._aliases.get(name, ()))
            number = next((one for one in others if one is not None), None)
        return number

    def _as_written(self, token: str) -> int | None:
        return self._places(token.casefold())

    def _place(self, token: str) -> int | None:
        """The number of a word in lower case; without its accents if need be."""
        for form in (token,) if token.isascii() else accented(token):
            number = self.table.find(form)
            if number is not None:
                return number
        return None

    def _written(self, token: str) -> list[int] | None:
        number = self._as_written(token)
        return None if number is None else [number]

    def _word(self, token: str, depth: int = 0) -> list[int] | None:
        """As in `Words`, then without the endings of past and present participles."""
        found = super()._word(token, depth)
        if found is None and depth == 0 and len(token) <= _LONGEST_WORD:
            stems = (self._single(stem, depth) for stem in _stems(token.casefold()))
            found = next((one for one in stems if one is not None), None)
        return found

    def _in_two(self, token: str, cut: dict[str, str]) -> list[int] | None:
        """The two known words that make up an unknown one, as near to its middle as can be."""
        if not (2 * _SHORTEST <= len(token) <= _LONGEST_WORD and token.isalpha()):
            return None
        places = range(_SHORTEST, len(token) - _SHORTEST + 1)
        for at in sorted(places, key=lambda place: abs(2 * place - len(token))):
            first, second = token[:at], token[at:]
            before = super()._word(first, 1)
            after = None if before is None else super()._word(second, 1)
            if before is not None and after is not None:
                cut[token] = f"{first!r} and {second!r}"
                return before + after
        return None

    def _nothing(self, text: str, *, colours_alone: bool = False) -> str:
        """Why a text says nothing."""
        reading = self._readings(text)
        if reading.colours and colours_alone:
            return f"{text[:_SHOWN]!r} is a colour, which no other words are near to; give a thing"
        if reading.unknown:
            return self._none_known(text, reading.unknown)
        return f"{text[:_SHOWN]!r} names nothing that a picture shows; name a thing or a colour"

    def _choices(self) -> Spellings:
        colours = self._colours.words() if self._colours is not None else ()
        return Spellings(chain(colours, self.table.words()))

    def _called(self, number: int) -> str:
        return self.table.word(number).replace("_", " ")


def _unit(vector: NDArray[np.floating]) -> Vectors:
    """A vector that is not 0 at unit length; `unit_rows` of one row takes five times as long."""
    return np.asarray(vector / np.sqrt(np.dot(vector, vector)), np.float32)


def _stems(word: str) -> Iterator[str]:
    """What -ed and -ing may have been added to: hoped, walked, stopped; dancing, walking."""
    for ending in ("ed", "ing"):
        stem = word.removesuffix(ending)
        if stem == word or len(stem) < _SHORTEST or not any(one in stem for one in _VOWELS + "y"):
            continue
        if stem[-1] == stem[-2] and stem[-1] not in _VOWELS:
            yield stem[:-1]
        yield stem
        yield f"{stem}e"
        if ending == "ed" and stem.endswith("i"):
            yield f"{stem[:-1]}y"
