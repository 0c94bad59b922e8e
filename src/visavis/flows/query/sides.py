"""The sides of a question: what its pictures look like, what its words mean, which colours it has.

A sum of vectors answers a picture with words badly: what has twice as much of the one passes for
what has both. So each side scores a record by itself, and the scores are multiplied, each counted
from that of the least fitting records on, with the terms' weights as powers (late fusion, as of
Psomas et al., Instance-level composed image retrieval, 2025; docs/results.md has figures).
"""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from visavis.embedders.base import Embedder, reads_words
from visavis.errors import UnknownWordError, UsageError
from visavis.flows.aspects.colours import ASPECT, colours_kept
from visavis.flows.query.vector import QueryVector, query_vector
from visavis.flows.relation.shown import Fetch, term_picture
from visavis.matching.colour.likeness import Wanted, likeness, of_palette, of_shades
from visavis.matching.colour.names import said, shades_of
from visavis.matching.colour.palette import Palette, palette
from visavis.matching.signature import signature
from visavis.store.aspects import WithAspects, has_aspects, with_aspects
from visavis.store.base import ModelFacts, VectorStore
from visavis.types import (
    ColourTerm,
    ImageTerm,
    RecordTerm,
    Term,
    TextTerm,
    Vectors,
    VectorTerm,
)

_FLOOR = 1e-3  # of a side's score, whose logarithm is taken
_PICTURES = ImageTerm | RecordTerm | VectorTerm
_COLOUR_SIDE = 64  # pixels a side that a picture's colours are read off, at least


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """What pictures look like, or what words mean."""

    asked: QueryVector
    weight: float
    """Negative: less of it."""
    from_score: float = 0.0
    """That of the least fitting records, from which on scores are counted."""

    def scores(self, dots: NDArray[np.floating]) -> NDArray[np.float64]:
        """How well records fit, 0…1, by their dot products."""
        whole = max(self.asked.reach - self.from_score, 1e-6)
        return np.asarray(((dots - self.from_score) / whole).clip(0, 1), np.float64)


class Tint(NamedTuple):
    """A colour that is asked for."""

    wanted: Wanted
    weight: float
    """Negative: less of it."""


@dataclass(frozen=True, slots=True, eq=False)
class Sides:
    """All sides of a question."""

    vectors: tuple[Side, ...]
    tints: tuple[Tint, ...]

    def calibrated(self, sample: Vectors) -> "Sides":
        """The same, with scores counted from the least of some records' (n, dim) vectors on."""
        if not len(sample):
            return self
        sides = [
            replace(side, from_score=float((sample @ side.asked.vector).min()))
            for side in self.vectors
        ]
        return replace(self, vectors=tuple(sides))

    def scores(self, vectors: Vectors, values: NDArray[np.uint8]) -> NDArray[np.float64]:
        """The weighted geometric mean of all sides' scores of records, 0…1: (n,)."""
        fits: list[tuple[NDArray[Any], float]] = [
            (side.scores(vectors @ side.asked.vector), side.weight) for side in self.vectors
        ]
        # The square root: a record of which a quarter is red is half as red as one that is all red.
        power = 0.5 if self.vectors else 1.0
        fits += [(likeness(values, one.wanted) ** power, one.weight) for one in self.tints]
        total = sum(abs(weight) for _, weight in fits) or 1.0
        logs = np.zeros(len(values))
        for fit, weight in fits:
            kept = fit if weight >= 0 else 1 - fit
            logs += abs(weight) / total * np.log(np.maximum(kept, _FLOOR))
        return np.asarray(np.exp(logs).round(6))


def has_sides(terms: Sequence[Term], store: VectorStore) -> bool:
    """Whether a question is answered by its sides.

    One with a colour always is; a picture with the word for a colour, where colours are kept. Other
    words join a picture in a sum: multiplied, they found no more that chance does not explain.
    """
    if any(isinstance(term, ColourTerm) for term in terms):
        return True
    coloured = any(isinstance(term, TextTerm) and term.weight and said(term.text) for term in terms)
    return coloured and _is_pictured(terms) and has_aspects(store) and colours_kept(store)


def _is_pictured(terms: Sequence[Term]) -> bool:
    return any(isinstance(term, _PICTURES) and term.weight > 0 for term in terms)


@dataclass(frozen=True, slots=True)
class SideReader:
    """Reads the sides of questions."""

    store: VectorStore
    made_by: ModelFacts
    embedder: Callable[[], Embedder]
    fetch: Fetch
    max_pixels: int

    def read(self, terms: Sequence[Term]) -> tuple[WithAspects, Sides]:
        """The store, as one that has colours, and the sides.

        Raises UsageError where the index keeps none yet, StoreUnsupportedError where it never does,
        and what `query_vector` raises.
        """
        store = with_aspects(self.store, "search by colour")
        if not colours_kept(store):
            raise UsageError(
                f"the index {store.facts.place} holds no colours yet, as an older visavis made it; "
                "the next run of visavis index or visavis compact adds them"
            )
        if _is_pictured(terms):
            terms = [found for term in terms for found in self._said(term)]
        tints = [term for term in terms if isinstance(term, ColourTerm)]
        others: list[Term] = [term for term in terms if not isinstance(term, ColourTerm)]
        words: list[Term] = [term for term in others if isinstance(term, TextTerm)]
        looks: list[Term] = [term for term in others if not isinstance(term, TextTerm)]
        groups: list[list[Term]] = [looks, words] if _is_pictured(looks) else [others]
        largest = max((abs(term.weight) for term in terms), default=1.0) or 1.0
        groups = [group for group in groups if any(term.weight for term in group)]
        if not groups and not any(term.weight for term in tints):
            raise UsageError("no term has a weight; give one that says what to look for")
        alone = len(groups) + len(tints) == 1
        sides = [
            side for group in groups if (side := self._known(group, largest, alone)) is not None
        ]
        found = [Tint(self._wanted(term), term.weight / largest) for term in tints]
        return store, Sides(tuple(sides), tuple(found))

    def _said(self, term: Term) -> Sequence[Term]:
        """A text that is nothing but a colour: half that colour, and half a word.

        Products are in a colour as a whole, and palettes find that best; a black cat is so called
        for some of a photograph, and words do. Where the model does not read it, it is the colour.
        """
        colour = said(term.text) if isinstance(term, TextTerm) else None
        if colour is None or not isinstance(term, TextTerm):
            return [term]
        model = self.embedder()
        if reads_words(model):
            with contextlib.suppress(UnknownWordError):
                model.embed_texts([term.text])
                half = term.weight / 2
                return [replace(term, weight=half), ColourTerm(colour, half)]
        return [ColourTerm(colour, term.weight)]

    def _known(self, terms: Sequence[Term], largest: float, alone: bool) -> Side | None:
        """A side; None for unwanted words that the model does not know, unless they stand alone."""
        unwanted = all(term.weight <= 0 for term in terms)
        with contextlib.suppress(*[UnknownWordError] * (unwanted and not alone)):
            return self._side(terms, largest)
        return None

    def _side(self, terms: Sequence[Term], largest: float) -> Side:
        """Of terms that are summed, weighing as much as the heaviest; less, if all are unwanted."""
        sign = 1.0 if any(term.weight > 0 for term in terms) else -1.0
        given = [replace(term, weight=sign * term.weight) for term in terms]
        heaviest = max(abs(term.weight) for term in terms)
        asked = query_vector(
            given, self.store, self.made_by, self.embedder, self.fetch, self.max_pixels
        )
        return Side(asked, sign * heaviest / largest)

    def _wanted(self, term: ColourTerm) -> Wanted:
        match term.colour:
            case str(name):
                return of_shades(shades_of(name))
            case RecordTerm(id=id):
                self.store.get(id)  # raises RecordNotFoundError
                store = with_aspects(self.store, "search by colour")
                kept = store.aspects.values(ASPECT, [id]).get(id, b"")
                if not any(kept):
                    raise UsageError(f"the index does not hold the colours of {id!r}")
                return of_palette(Palette.unpacked(kept))
            case ImageTerm() as image:
                pixels, _ = term_picture(image, _COLOUR_SIDE, self.fetch, self.max_pixels)
                return of_palette(palette(signature(pixels)))
