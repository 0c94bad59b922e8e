"""Query to vector to matches: the searching flow."""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visavis.embedders.base import (
    Embedder,
    TextEmbedder,
    class_notes,
    classes_of,
    embed,
    good_from,
    reads_words,
    text_notes,
)
from visavis.embedders.blocks import reach
from visavis.embedders.registry import reading_models
from visavis.errors import ImageUnreadableError, TextUnsupportedError, UsageError
from visavis.filters import described
from visavis.flows.terms import NOTHING
from visavis.images.decode import crop, decode
from visavis.images.files import path_text, read_file, stat_file
from visavis.store.base import Answer, Page, VectorStore
from visavis.types import (
    RGB,
    Box,
    ClassTerm,
    ImageTerm,
    Match,
    Query,
    RecordTerm,
    SearchResult,
    Term,
    TextTerm,
    Vectors,
    VectorTerm,
)

Fetch = Callable[[str], bytes]
"""Downloads an http(s) address."""

_SHOWN = 200  # characters of a text
_HALF_SHOWN = 5e-7  # half of the last digit of a score: what is shown can be asked for again


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """The vector of a question, and what its dot products with pictures mean to people.

    The store knows dot products of unit vectors and nothing else; people see these divided by the
    question's reach (see embedders/blocks.py), and name lowest scores on that scale too.
    """

    vector: Vectors
    """(dim,), of unit length."""
    reach: float = 1.0
    good_from: float | None = None
    """The score from which on the answers to these words are good; None: it is not known."""

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


def check(query: Query) -> None:
    """Raise UsageError for a query that makes no sense, whatever it asks for."""
    if query.limit < 0 or query.offset < 0:
        raise UsageError(f"limit and offset cannot be negative ({query.limit}, {query.offset})")
    if query.min_score is not None and not math.isfinite(query.min_score):
        raise UsageError(f"min_score must be a number, not {query.min_score}")
    for term in query.terms:
        if not math.isfinite(term.weight):
            raise UsageError(f"a weight must be a number, not {term.weight}")


def page_of(asked: Asked, query: Query) -> Page:
    """The part of the ranking that a query wants."""
    floor = None if query.min_score is None else asked.floor(query.min_score)
    return Page(query.limit, query.offset, floor, query.without)


def rank(
    asked: Asked, query: Query, store: VectorStore, started: float, notes: tuple[str, ...] = ()
) -> SearchResult:
    """The answer to a query whose vector is known; `started` is when (perf_counter) it began."""
    [answer] = store.search(asked.vector[None], page_of(asked, query), query.where)
    result = as_result(asked, query, answer, store.model().name, notes)
    return replace(result, took_ms=(time.perf_counter() - started) * 1000)


def as_result(
    asked: Asked, query: Query, answer: Answer, model: str, notes: tuple[str, ...]
) -> SearchResult:
    """What a store found, as people see it; it does not say yet how long it took."""
    matches = asked.scored(answer.matches)
    if query.offset == 0:
        notes += asked.weak(matches)
    reason = None if matches else reason_for_nothing(query, answer.total)
    return SearchResult(matches, answer.total, model, 0.0, reason, notes)


def reason_for_nothing(query: Query, total: int) -> str:
    """Why a query has no matches among so many records."""
    if total == 0:
        if query.where is not None:
            return f"no record passes the filter {described(query.where)}"
        return "the index is empty"
    if query.limit == 0:
        return "the limit is 0"
    if query.offset == 0 and query.min_score is not None:
        return f"nothing above min_score {query.min_score:g}"
    return f"no more matches at offset {query.offset}"


def query_vector(
    terms: Iterable[Term],
    store: VectorStore,
    embedder: Callable[[], Embedder],
    fetch: Fetch,
    max_pixels: int,
) -> Asked:
    """The terms' unit vectors, summed with their weights and made unit length.

    Each is divided by its reach first, so that words count as much as a picture. A picture's reach
    is 1, and that of several pictures so near to 1 that it is taken for it: questions of records
    need no model. A class's vector is the direction in which its evidence grows.
    """
    terms = tuple(terms)
    if not terms:
        raise UsageError(NOTHING)
    largest = max(abs(term.weight) for term in terms) or 1.0  # so that no weight is too much
    weighted = [
        _term_vector(term, store, embedder, fetch, max_pixels) * (term.weight / largest)
        for term in terms
    ]
    total = sum(weighted[1:], start=weighted[0])
    length = float(np.linalg.norm(total))
    if length < 1e-6:
        raise UsageError("the terms cancel one another out; change a weight or leave one away")
    vector = np.asarray(total / length, np.float32)
    if all(isinstance(term, ImageTerm | RecordTerm | VectorTerm) for term in terms):
        return Asked(vector)
    model = embedder()
    return Asked(vector, reach(model, vector), _good_from(terms, model))


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
    """What of the terms' words the model passed over or takes in two ways, in sentences."""
    notes: list[str] = []
    for term in terms:
        if isinstance(term, TextTerm):
            notes += text_notes(embedder(), term.text)
        elif isinstance(term, ClassTerm):
            notes += class_notes(classes_of(embedder()), term.name)
    return tuple(dict.fromkeys(notes))


def _term_vector(
    term: Term, store: VectorStore, embedder: Callable[[], Embedder], fetch: Fetch, max_pixels: int
) -> NDArray[np.float64]:
    """The unit vector of a term, divided by its reach."""
    if isinstance(term, RecordTerm):
        return np.asarray(store.vector(term.id), np.float64)
    if isinstance(term, VectorTerm):
        return _given(term.vector, store.model().dim)
    model = embedder()
    if isinstance(term, ImageTerm):
        pixels = term_pixels(term, model.side, fetch, max_pixels)
        return np.asarray(embed(model, [pixels])[0], np.float64)
    if isinstance(term, TextTerm):
        vector = _reader(model, term).embed_texts([term.text])[0]
    else:
        vector = classes_of(model).directions([term.name])[0]
    return np.asarray(vector / np.float64(reach(model, vector)))


def _given(vector: Vectors, dim: int) -> NDArray[np.float64]:
    found = np.asarray(vector, np.float64)
    if found.shape != (dim,):
        raise UsageError(f"the vector has the shape {found.shape}; the index has {dim} dimensions")
    length = float(np.linalg.norm(found))
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


def term_pixels(term: ImageTerm, side: int | None, fetch: Fetch, max_pixels: int) -> RGB:
    """What the term shows: the picture or its box, no smaller than the model wants."""
    if isinstance(term.image, np.ndarray):
        pixels = _checked(term.image)
    else:
        data, uri = _bytes(term.image, fetch)
        if side is not None and term.box is not None:
            side = _side_around(term.box, side)
        pixels = decode(data, uri, min_side=side, max_pixels=max_pixels).pixels
    return pixels if term.box is None else crop(pixels, term.box)


def _side_around(box: Box, side: int) -> int:
    """How large the picture has to be for the box to be `side` large; `crop` judges the box."""
    smaller = min(box[2] - box[0], box[3] - box[1]) if len(box) == 4 else 1.0
    return max(side, math.ceil(side / max(smaller, 1e-4))) if smaller > 0 else side


def _checked(pixels: RGB) -> RGB:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.size == 0:
        raise UsageError(
            f"a picture as an array is (height, width, 3) of uint8, not {pixels.shape} of "
            f"{pixels.dtype}"
        )
    return pixels


def _bytes(image: str | Path | bytes, fetch: Fetch) -> tuple[bytes, str]:
    if isinstance(image, bytes):
        return image, "the query picture"
    if isinstance(image, str) and image.startswith(("http://", "https://")):
        return fetch(image), image
    status = stat_file(str(image))  # first: reading a pipe would wait for ever
    if isinstance(status, str):
        folder = Path(image).is_dir()
        raise ImageUnreadableError(
            str(image), "it is a folder; give one of its pictures" if folder else status
        )
    return read_file(path_text(str(image))), str(image)
