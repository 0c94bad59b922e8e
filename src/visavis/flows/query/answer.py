"""The one road of a query: from terms to the answer, by looks, by words, or by both.

Library, command line and server come this way. (Evaluation ranks everything, and has its own.)
"""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import chain
from typing import Literal, TypedDict, TypeVar

import numpy as np

from visavis.embedders.base import Embedder
from visavis.errors import StoreUnsupportedError, UsageError
from visavis.filters import Where, as_filter
from visavis.flows.concepts.lessons import Lesson, Lessons
from visavis.flows.query import by_words, fused
from visavis.flows.query.by_words import Looks, asks_text
from visavis.flows.query.elsewhere import first_asked, looked_for_anywhere
from visavis.flows.query.hints import hint
from visavis.flows.query.learned import learned_terms
from visavis.flows.query.questions import Question, as_picture, as_terms
from visavis.flows.query.ranking import Judging, as_result, explained, first_page, rank
from visavis.flows.query.sides import SideReader, has_sides
from visavis.flows.query.terms import sign_notes, spelled_out
from visavis.flows.query.vector import (
    QueryVector,
    check,
    query_vector,
    term_notes,
)
from visavis.flows.relation.cuts import Cuts
from visavis.flows.relation.explaining import Explanation
from visavis.flows.relation.shown import Fetch
from visavis.store.base import Answer, ModelFacts, Page, VectorStore
from visavis.store.capabilities import faceted, has_text
from visavis.types import (
    By,
    Condition,
    Filter,
    ImageTerm,
    Query,
    RecordTerm,
    Relation,
    SearchResult,
    TextTerm,
)

_TRIES = 4  # an index may get another model between the embedding of a query and its search
_TOGETHER = 1_024  # queries that are searched for at once

T = TypeVar("T")


Loads = Callable[[], Embedder] | None
"""Gives the model, where it is not to use all cores."""

Observe = Callable[[str, float], None]
"""Takes the name of a stage and the seconds that it took."""


def unobserved(stage: str, seconds: float) -> None:
    """Nobody wants to know how long a stage took."""


class SearchOptions(TypedDict, total=False):
    """How much of the answer to give, and of what kind; each may be left out."""

    limit: int
    """The most matches to return; 10 if not given."""
    offset: int
    """How many matches to skip: pages neither repeat nor leave out a record."""
    min_score: float | Literal["auto"] | None
    """Leave out matches below this score; "auto": those that are not even similar."""
    by: By
    """What answers words: "looks" (the model), "text" (the records' own fields, file and folder
    names, tags), or both, if not given."""
    count: bool
    """Whether to count all that match as well."""
    relation: Relation | None
    """Leave out matches that are less than this to the picture."""
    false_match: float
    """Of questions with nothing alike, how many may get an answer called similar; 0.01."""
    group_by: str | None
    """A field: show only the best match of each of its values, and how many `views` there are."""
    unique: bool
    """Whether to put the copies of a match behind it."""
    anywhere: bool
    """Whether to look for the picture, and for parts of it, in parts of the records' pictures."""


@dataclass(frozen=True, slots=True)
class Means:
    """What a query is answered with, besides the store."""

    embedder: Callable[[], Embedder]
    """Called at most once a try, and only if a term needs the model."""
    fetch: Fetch
    """The bytes at a URL that a term names."""
    max_pixels: int
    cuts: Cuts | None = None
    """From which score on matches are similar; None: worked out for this answer."""
    observe: Observe = unobserved
    """Told the seconds of each stage, "embed" and "search"."""
    lessons: Lessons | None = None
    """What concepts come to; None: worked out for this answer."""

    def lesson(self, store: VectorStore) -> Callable[[str], Lesson]:
        """Gives what a concept comes to, by its name."""
        return (self.lessons or Lessons(store)).of


def answer(query: Query, store: VectorStore, means: Means) -> SearchResult:
    """Answer any query, by one model from beginning to end.

    Raises UsageError and its subclasses for a question that makes no sense, ImageError for a
    picture that cannot be used, TextUnsupportedError and UnknownWordError for words that neither
    the model nor the records' own text can answer.
    """
    check(query)
    return _noted(query, _answered(_spelled(query), store, means))


def _answered(query: Query, store: VectorStore, means: Means) -> SearchResult:
    return with_one_model(store, partial(_attempt, query, store, means))


def _spelled(query: Query) -> Query:
    if not any(isinstance(term, TextTerm) for term in query.terms):
        return query
    return replace(query, terms=spelled_out(query.terms))


def _noted(query: Query, result: SearchResult) -> SearchResult:
    """The result with what is to be said of the query as it was written."""
    notes = sign_notes(query.terms)
    return replace(result, notes=(*result.notes, *notes)) if notes else result


def answer_many(
    queries: Sequence[Query], store: VectorStore, means: Means, jobs: int
) -> list[SearchResult]:
    """Answer queries in their order, on several threads; many are searched for at once.

    Raises what `answer` raises for one of them.
    """
    for query in queries:
        check(query)
    spelled = [_spelled(query) for query in queries]
    size = max(1, min(_TOGETHER, math.ceil(len(queries) / jobs)))
    parts = [spelled[start : start + size] for start in range(0, len(queries), size)]
    ask = partial(_answer_part, store=store, means=means)
    with ThreadPoolExecutor(jobs, "visavis-search") as pool:
        found = list(chain.from_iterable(pool.map(ask, parts)))
    return [_noted(query, result) for query, result in zip(queries, found, strict=True)]


def _answer_part(queries: Sequence[Query], store: VectorStore, means: Means) -> list[SearchResult]:
    """On a thread: those by looks alone go together."""
    alone = [
        query.count
        or query.anywhere
        or asks_text(query)
        or query.by == "text"
        or has_sides(query.terms, store)
        for query in queries
    ]
    together = [query for query, single in zip(queries, alone, strict=True) if not single]
    found = iter(with_one_model(store, partial(_attempt_all, together, store, means)))
    return [
        _answered(query, store, means) if single else next(found)
        for query, single in zip(queries, alone, strict=True)
    ]


def _attempt_all(
    queries: Sequence[Query], store: VectorStore, means: Means, made_by: ModelFacts
) -> list[SearchResult]:
    started = time.perf_counter()
    embedder = cache(means.embedder)
    learned = [learned_terms(query.terms, means.lesson(store)) for query in queries]
    vectors = [
        query_vector(terms, store, made_by, embedder, means.fetch, means.max_pixels)
        for terms, _ in learned
    ]
    groups: dict[tuple[Page, str], list[int]] = {}  # of those that ask the store for the same
    for at, (asked, query) in enumerate(zip(vectors, queries, strict=True)):
        groups.setdefault((first_page(asked, query), repr(query.where)), []).append(at)
    answers: dict[int, Answer] = {}
    for (page, _), places in groups.items():
        rows = np.stack([vectors[at].vector for at in places])
        answers |= zip(places, store.search(rows, page, queries[places[0]].where), strict=True)
    judging = Judging(store, made_by, means.cuts or Cuts(store), embedder, means.max_pixels)
    results = [  # with pop(): the garbage collector goes through all that is alive
        as_result(
            asked,
            query,
            answers.pop(at),
            judging,
            started,
            (*notes, *term_notes(query.terms, embedder)),
        ).result
        for at, (asked, query, (_, notes)) in enumerate(zip(vectors, queries, learned, strict=True))
    ]
    took = (time.perf_counter() - started) * 1000 / max(1, len(queries))
    return [replace(result, took_ms=took) for result in results]


def explain(question: Question, id: str, store: VectorStore, means: Means) -> Explanation:
    """What a record is to a picture, and why. Raises as `answer` does, UsageError for others."""
    terms = as_picture(question)
    if len(terms) != 1:
        raise UsageError(f"one picture is explained at a time, not {len(terms)}")
    if not isinstance(terms[0], ImageTerm | RecordTerm) or terms[0].weight <= 0:
        raise UsageError("only a picture or a record can be explained; give one as ./file.jpg")

    def attempt(made_by: ModelFacts) -> Explanation:
        embedder = cache(means.embedder)
        asked = query_vector(terms, store, made_by, embedder, means.fetch, means.max_pixels)
        judging = Judging(store, made_by, means.cuts or Cuts(store), embedder, means.max_pixels)
        return explained(asked, id, judging)

    return with_one_model(store, attempt)


def with_one_model(store: VectorStore, attempt: Callable[[ModelFacts], T]) -> T:
    """What an attempt gives that saw one model, be the index rebuilt with another meanwhile.

    It is called with the model that it has to see.
    """
    for _ in range(_TRIES - 1):
        made_by = store.model()
        try:
            found = attempt(made_by)
        except Exception:
            if store.model() == made_by:
                raise
            continue  # vectors of two models were compared: of another length, as a rule
        if store.model() == made_by:
            return found
    return attempt(store.model())


def _attempt(query: Query, store: VectorStore, means: Means, made_by: ModelFacts) -> SearchResult:
    if has_sides(query.terms, store):
        return _by_sides(query, store, means, made_by)
    started = time.perf_counter()
    embedder = cache(means.embedder)
    terms, said = learned_terms(query.terms, means.lesson(store))
    seen: list[QueryVector] = []  # by looks, if it comes to that

    def looks() -> Looks:
        began = time.perf_counter()
        asked = query_vector(terms, store, made_by, embedder, means.fetch, means.max_pixels)
        means.observe("embed", time.perf_counter() - began)
        seen.append(asked)
        return Looks(asked, partial(term_notes, embedder=embedder))

    if asks_text(query) and has_text(store):
        searched = time.perf_counter()
        result = by_words.answer(query, store, looks, started)
    else:
        if query.by == "text":
            raise StoreUnsupportedError(store.facts.place, "search the records' own text")
        asked, notes = looks()
        searched = time.perf_counter()
        judging = Judging(store, made_by, means.cuts or Cuts(store), embedder, means.max_pixels)
        # Parts are compared with local features as well: it would be done twice.
        wholes = replace(judging, features=False) if query.anywhere else judging
        first = first_asked(query)
        result, asked = rank(asked, first, wholes, started, (*said, *notes(query.terms)))
        result = looked_for_anywhere(result, asked, query, judging, means.fetch)
        seen = [asked]
    if query.count:
        result = replace(result, total_matching=_matching(query, store, seen, result))
    means.observe("search", time.perf_counter() - searched)
    if query.where is not None and not result.total_searched:
        result = replace(result, reason=f"{result.reason}{hint(query.where, store)}")
    return result


def _by_sides(query: Query, store: VectorStore, means: Means, made_by: ModelFacts) -> SearchResult:
    started = time.perf_counter()
    embedder = cache(means.embedder)
    reader = SideReader(store, made_by, embedder, means.fetch, means.max_pixels)
    if query.by == "text":
        raise UsageError("by='text' is for words alone; pictures and colours are found by looks")
    terms, said = learned_terms(query.terms, means.lesson(store))
    keeping, sides = reader.read(terms)
    notes = (*said, *term_notes(query.terms, embedder))
    searched = time.perf_counter()
    means.observe("embed", searched - started)
    judging = Judging(store, made_by, means.cuts or Cuts(store), embedder, means.max_pixels)
    result = fused.answer(query, keeping, sides, judging, started, notes)
    means.observe("search", time.perf_counter() - searched)
    if query.where is not None and not result.total_searched:
        result = replace(result, reason=f"{result.reason}{hint(query.where, store)}")
    return result


def _matching(
    query: Query, store: VectorStore, seen: list[QueryVector], result: SearchResult
) -> int:
    """How many records reach the least score; where looks have no answer, those with the words."""
    if not seen:
        assert has_text(store)  # narrows the type: nothing else answers without looks
        return by_words.count(query, store)
    [asked] = seen
    least = result.similar_from if query.min_score == "auto" else query.min_score
    floor = -1.0 if least is None else asked.floor(least)
    matching = faceted(store).browse.reaching(asked.vector, floor, query.where)
    if query.without is None:
        return matching
    others = query.where.conditions if query.where else ()
    alone = Filter((*others, Condition("id", "=", (query.without,))))
    [itself] = store.search(asked.vector[None], Page(1, min_score=floor), alone)
    return matching - len(itself.matches)


def as_query(question: Query | Question, where: Where, options: SearchOptions) -> Query:
    """The query that a question, a filter and options make.

    Raises UsageError where options stand beside a Query, which says everything itself.
    """
    if not isinstance(question, Query):
        return Query(as_terms(question), as_filter(where), **options)
    if options or where is not None:
        given = ", ".join([*["where"] * (where is not None), *options])
        raise UsageError(f"a Query says everything itself; give it {given}, not search()")
    return question


def as_queries(
    questions: Iterable[Query | Question], where: Where, options: SearchOptions
) -> list[Query]:
    """The queries of many questions; see `as_query`.

    Raises UsageError for one question: a text is letters, and a picture rows of pixels, too.
    """
    if isinstance(questions, str | bytes) or getattr(questions, "ndim", 2) != 2:
        raise UsageError("that is one question; give a list of them, or ask with search()")
    return [as_query(question, where, options) for question in questions]
