"""Query to vector to matches: the searching flow."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from visavis.embedders.base import (
    Embedder,
    TextEmbedder,
    class_notes,
    classes_of,
    embed,
    embed_words,
    good_from,
    reads_words,
    text_notes,
)
from visavis.embedders.blocks import reach
from visavis.embedders.registry import reading_models
from visavis.errors import TextUnsupportedError, UnknownWordError, UsageError
from visavis.filters import described
from visavis.flows.anywhere.answer import check as check_anywhere
from visavis.flows.concepts.lessons import LearnedTerm
from visavis.flows.query.terms import NOTHING
from visavis.flows.relation.shown import Fetch, Shown, of_record, shown, term_picture
from visavis.store.base import ModelFacts, VectorStore
from visavis.types import (
    FALSE_MATCH,
    ClassTerm,
    ColourTerm,
    ConceptTerm,
    ImageTerm,
    Match,
    Query,
    RecordTerm,
    Term,
    TextTerm,
    Vectors,
    VectorTerm,
)

_PICTURES = ImageTerm | RecordTerm | VectorTerm
_SHOWN = 200  # characters of a text
_HALF_SHOWN = 5e-7  # half of the last digit of a score: what is shown can be asked for again


@dataclass(frozen=True, slots=True, eq=False)
class QueryVector:
    """The vector of a question, and what its dot products with pictures mean to people.

    The store knows dot products of unit vectors and nothing else; people see these divided by the
    question's reach (see embedders/blocks.py), and name lowest scores on that scale too.
    """

    vector: Vectors
    """(dim,), of unit length."""
    reach: float = 1.0
    good_from: float | None = None
    """The score from which on the answers to these words are good; None: it is not known."""
    pictured: bool = False
    """Whether it asks for what looks like pictures, and for nothing else."""
    shown: Shown | None = None
    """The picture, if it asks with one alone."""
    learned: LearnedTerm | None = None
    """The concept, if it asks with one alone."""

    def least(self, min_score: float | Literal["auto"] | None) -> float | None:
        """The lowest score of an answer to words. Raises UsageError where "auto" says nothing."""
        if min_score != "auto":
            return min_score
        if self.good_from is None:
            raise UsageError(
                "min_score auto is for pictures, concepts, colours (colour:red) and words alone, "
                "where the model knows from which score on answers are good, as it does not of "
                "words for colours and of mixtures; give a number"
            )
        return self.good_from

    def floor(self, min_score: float) -> float:
        """The least dot product of a lowest score, as people write it."""
        if self.reach == 1.0 or min_score <= -1.0:
            return min_score
        return (min_score - _HALF_SHOWN) * self.reach

    def scored(self, matches: Sequence[Match]) -> tuple[Match, ...]:
        """Matches with the scores that people see."""
        if self.reach == 1.0:
            return tuple(matches)
        return tuple(
            replace(match, score=max(-1.0, min(1.0, match.score / self.reach))) for match in matches
        )

    def weak(self, matches: Sequence[Match]) -> tuple[str, ...]:
        """A sentence, where even the best of these matches is hardly what the words say."""
        best = max((match.score for match in matches), default=None)
        if self.good_from is None or best is None or best >= self.good_from:
            return ()
        return (f"few good matches: the best scores {best:.2f}",)


def _check_page(query: Query) -> None:
    for name, number in (("limit", query.limit), ("offset", query.offset)):
        if not hasattr(number, "__index__"):
            raise UsageError(f"{name} must be a whole number, not {number!r}")
    if query.limit < 0 or query.offset < 0:
        raise UsageError(f"limit and offset cannot be negative ({query.limit}, {query.offset})")


def check(query: Query) -> None:
    """Raise UsageError for a query that makes no sense, whatever it asks for."""
    _check_page(query)
    least = query.min_score
    if least is not None and least != "auto" and not math.isfinite(least):
        raise UsageError(f"min_score must be a number or auto, not {query.min_score}")
    if not 0 < query.false_match <= 0.5:
        raise UsageError(f"false_match must be above 0 and at most 0.5, not {query.false_match}")
    for term in query.terms:
        if not math.isfinite(term.weight):
            raise UsageError(f"a weight must be a number, not {term.weight}")
    check_anywhere(query)
    learned = [term for term in query.terms if isinstance(term, ConceptTerm)]
    alone = len(query.terms) == 1 and query.terms[0].weight > 0 and bool(learned)
    if query.relation and not alone:
        if learned:
            raise UsageError("relation is for pictures, or for a concept that is asked for alone")
        if not all(isinstance(term, _PICTURES) for term in query.terms):
            raise UsageError("relation is for questions of pictures; words have scores alone")
    if learned and query.false_match != FALSE_MATCH:
        raise UsageError("false_match is for questions of pictures; a concept's marks say what is")


def reason_for_nothing(query: Query, total: int) -> str:
    """Why a query has no matches among so many records."""
    if total == 0:
        if query.where is not None:
            return f"no record passes the filter {described(query.where)}"
        return "the index is empty"
    if query.limit == 0:
        return "the limit is 0"
    if query.offset == 0 and query.min_score is not None and query.min_score != "auto":
        beyond = "; scores are at most 1" if query.min_score > 1 else ""
        return f"nothing above min_score {query.min_score:g}{beyond}"
    return f"no more matches at offset {query.offset}"


def query_vector(
    terms: Iterable[Term],
    store: VectorStore,
    made_by: ModelFacts,
    embedder: Callable[[], Embedder],
    fetch: Fetch,
    max_pixels: int,
) -> QueryVector:
    """The terms' unit vectors, summed with their weights and made unit length.

    Each is divided by its reach first, so that words count as much as a picture. A picture's reach
    is 1, and that of several pictures so near to 1 that it is taken for it: questions of records
    need no model. A class's vector is the direction in which its evidence grows. An unwanted word
    that the model does not know is left out, as `term_notes` says of it, unless it stands alone.
    """
    given = tuple(terms)
    if not given:
        raise UsageError(NOTHING)

    def see(term: Term) -> _Seen | None:
        if isinstance(term, VectorTerm):
            return _Seen(_given(term.vector, made_by.dim))
        assert not isinstance(term, ConceptTerm)  # see learned_terms
        try:
            return _seen(term, store, embedder, fetch, max_pixels)
        except UnknownWordError:
            if isinstance(term, TextTerm) and term.weight < 0 and len(given) > 1:
                return None
            raise

    read = [(term, one) for term in given if (one := see(term)) is not None]
    if not read:
        raise UnknownWordError("the model knows none of the unwanted words; say what to look for")
    terms, found = tuple(term for term, _ in read), [one for _, one in read]
    largest = max(abs(term.weight) for term in terms) or 1.0  # so that no weight is too much
    weighted = [
        one.vector * (term.weight / largest) for one, term in zip(found, terms, strict=True)
    ]
    total = sum(weighted[1:], start=weighted[0])
    length = math.sqrt(total @ total)
    if length < 1e-6:
        raise UsageError("the terms cancel each other out; change a weight or omit one")
    vector = np.asarray(total / length, np.float32)
    if all(isinstance(term, _PICTURES) for term in terms):
        first = terms[0] if len(terms) == 1 and terms[0].weight > 0 else None
        if any(isinstance(term, LearnedTerm) for term in terms):
            learned = first if isinstance(first, LearnedTerm) else None
            return QueryVector(vector, pictured=learned is not None, learned=learned)
        alone = None if first is None else found[0].shown
        return QueryVector(vector, pictured=any(term.weight > 0 for term in terms), shown=alone)
    model = embedder()
    return QueryVector(vector, reach(model, vector), _good_from(terms, model))


def _good_from(terms: Sequence[Term], model: Embedder) -> float | None:
    """The score of good answers to terms that are nothing but words."""
    known: list[float] = []
    for term in terms:
        least = good_from(model, term.text) if isinstance(term, TextTerm) else None
        if least is None or term.weight <= 0:
            return None
        known.append(least)
    return min(known)


def term_notes(terms: Iterable[Term], embedder: Callable[[], Embedder]) -> tuple[str, ...]:
    """What of the terms' words the model ignored or takes in two ways, in sentences."""
    notes: list[str] = []
    for term in terms:
        if isinstance(term, TextTerm):
            notes += text_notes(embedder(), term.text)
        elif isinstance(term, ClassTerm):
            notes += class_notes(classes_of(embedder()), term.name)
    return tuple(dict.fromkeys(notes))


class _Seen(NamedTuple):
    """The unit vector of a term, divided by its reach, and the picture that the term shows."""

    vector: NDArray[np.float64]
    shown: Shown | None = None


def _seen(
    term: ImageTerm | RecordTerm | TextTerm | ClassTerm | ColourTerm,
    store: VectorStore,
    embedder: Callable[[], Embedder],
    fetch: Fetch,
    max_pixels: int,
) -> _Seen:
    if isinstance(term, ColourTerm):
        raise UsageError("a colour has no vector; it is asked for beside what has one")
    if isinstance(term, RecordTerm):
        vector = np.asarray(store.vector(term.id), np.float64)
        return _Seen(vector, of_record(store.get(term.id)))
    model = embedder()
    if isinstance(term, ImageTerm):
        pixels, sha256 = term_picture(term, model.side, fetch, max_pixels)
        vector = np.asarray(embed(model, [pixels])[0], np.float64)
        return _Seen(vector, shown(pixels, sha256))
    if isinstance(term, TextTerm):
        direction = embed_words(_reader(model, term), [term.text])[0]
    else:
        direction = classes_of(model).directions([term.name])[0]
    return _Seen(np.asarray(direction / np.float64(reach(model, direction))))


def _given(vector: Vectors, dim: int) -> NDArray[np.float64]:
    found = np.asarray(vector, np.float64)
    if found.shape != (dim,):
        raise UsageError(f"the vector has the shape {found.shape}; the index has {dim} dimensions")
    length = math.sqrt(found @ found)
    if not math.isfinite(length) or length < 1e-12:
        raise UsageError("the vector is 0 or not finite; give an embedding by the index's model")
    return found / length


def _reader(model: Embedder, term: TextTerm) -> TextEmbedder:
    if not term.text.strip():
        raise UsageError("an empty text; give words")
    if reads_words(model):
        return model
    raise TextUnsupportedError(
        f"{term.text[:_SHOWN]!r} is no picture that exists, and the index's model {model.name!r} "
        "does not read words; give a picture as ./file.jpg, or index with a model that has a text "
        f"side: {', '.join(reading_models())}, or one of your own (`visavis train joint`, "
        "`visavis models conse`)"
    )
