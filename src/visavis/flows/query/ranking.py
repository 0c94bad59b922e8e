"""A vector to matches: the page that was asked for, and what the answer is as a whole."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple

from visavis.embedders.base import Embedder, embed
from visavis.flows.concepts.lessons import TOO_FEW
from visavis.flows.query.group_by import FIRST, Block, folded, folds
from visavis.flows.query.turning import Facing, faced
from visavis.flows.query.vector import QueryVector, reason_for_nothing
from visavis.flows.relation.cuts import Cuts
from visavis.flows.relation.explaining import Explanation, explain
from visavis.flows.relation.judge import CANDIDATES, Judge, at_least, verdict
from visavis.flows.relation.shown import record_pixels
from visavis.store.base import Answer, ModelFacts, Page, VectorStore
from visavis.types import RGB, ConceptTerm, Filter, ImageRecord, Match, Query, SearchResult


@dataclass(frozen=True, slots=True)
class Judging:
    """What a ranking is made and judged with."""

    store: VectorStore
    model: ModelFacts
    cuts: Cuts
    embedder: Callable[[], Embedder]
    max_pixels: int
    features: bool = True
    """Whether local features of the first are compared as well, for which files are read."""
    turning: bool = True
    """Whether the picture is asked turned as well; not again where that has found nothing."""
    _known: dict[tuple[int, float], float | None] = field(default_factory=dict)

    def cut(self, searched: int, false_match: float) -> float | None:
        """The score from which on matches are similar; many questions may have the same."""
        key = searched, false_match
        if key not in self._known:
            self._known[key] = self.cuts.cut(searched, false_match, self.model.fingerprint)
        return self._known[key]


class Ranked(NamedTuple):
    """An answer, and the question as it was asked in the end."""

    result: SearchResult
    asked: QueryVector


def rank(
    asked: QueryVector, query: Query, judging: Judging, started: float, notes: tuple[str, ...] = ()
) -> Ranked:
    """The answer to a query whose vector is known; `started` is when (perf_counter) it began."""
    [answer] = judging.store.search(asked.vector[None], first_page(asked, query), query.where)
    return as_result(asked, query, answer, judging, started, notes)


def first_page(asked: QueryVector, query: Query) -> Page:
    """What the store is asked for first: of a picture, the candidates, whatever page is wanted."""
    if asked.shown is not None:
        # The first page is one look: between two, a writer may add records.
        one_look = query.offset < CANDIDATES and not folds(query)
        wanted = query.offset + query.limit if one_look else 0
        return Page(max(CANDIDATES, wanted), without=query.without)
    if folds(query):
        least = None if asked.pictured else asked.least(query.min_score)
        return Page(FIRST, 0, None if least is None else asked.floor(least), query.without)
    least = None if asked.pictured and query.min_score == "auto" else asked.least(query.min_score)
    floor = None if least is None else asked.floor(least)
    return Page(query.limit, query.offset, floor, query.without)


def as_result(
    asked: QueryVector,
    query: Query,
    answer: Answer,
    judging: Judging,
    started: float,
    notes: tuple[str, ...] = (),
) -> Ranked:
    """What a store found of the first page, as people see it; `started` as for `rank`."""
    judge = _judge(asked, query, answer.total, judging) if asked.pictured else None
    turned = 0
    if judge is not None and asked.shown is not None and judging.turning:
        asked, answer, turned = _faced(asked, query, answer, judging, judge)
    if folds(query):
        result, more = _folded(asked, query, answer, judging, judge)
        notes += more
    elif judge is None:
        matches = asked.scored(answer.matches)
        reason = None if matches else reason_for_nothing(query, answer.total)
        result = SearchResult(matches, answer.total, "", 0.0, reason)
    elif asked.shown is not None:
        result = _compared(asked, query, answer, judging, judge)
    else:
        result = _told_by_score(asked, query, answer, judging, judge)
    if turned:
        notes += (f"the picture was turned by {turned}°, as what it was found in lies",)
    if query.offset == 0:
        notes += asked.weak(result.matches)
    took = (time.perf_counter() - started) * 1000
    told = replace(
        result, model=judging.model.name, took_ms=took, notes=notes, turned=turned or None
    )
    return Ranked(told, asked)


def _faced(
    asked: QueryVector, query: Query, first: Answer, judging: Judging, judge: Judge
) -> Facing:
    page = first_page(asked, query)
    return faced(
        asked,
        first,
        judge,
        lambda pictures: embed(judging.embedder(), pictures),
        lambda vectors: judging.store.search(vectors, page, query.where),
    )


def explained(asked: QueryVector, id: str, judging: Judging) -> Explanation:
    """What a record is to the one picture that was asked with, and why."""
    shown, store = asked.shown, judging.store
    assert shown is not None  # narrows the type: the caller asks with a picture
    record = store.get(id)
    judge = _judge(asked, Query(()), store.count(), judging)

    def own() -> RGB | None:
        return None if shown.record is None else _pixels(judging, store.get(shown.record))

    return explain(judge, float(asked.vector @ store.vector(id)), record, own)


def _compared(
    asked: QueryVector, query: Query, first: Answer, judging: Judging, judge: Judge
) -> SearchResult:
    """The candidates are the same for every page: pages neither repeat nor leave out a record."""
    candidates = judge.judged(first.matches[:CANDIDATES])
    seen = candidates + judge.by_score(first.matches[CANDIDATES:])
    kept = _kept(seen, query)
    stop = query.offset + query.limit
    matches = kept[query.offset : stop]
    behind = len(seen) - len(kept)  # left out already: later pages begin so much earlier
    if stop > len(kept) and first.total > len(seen):
        start = max(query.offset + behind, len(seen))
        page = Page(stop + behind - start, start, without=query.without)
        [further] = judging.store.search(asked.vector[None], page, query.where)
        matches += _kept(judge.by_score(further.matches), query)
    return _result(query, first.total, candidates, matches, judge.cut)


def _folded(
    asked: QueryVector, query: Query, first: Answer, judging: Judging, judge: Judge | None
) -> tuple[SearchResult, tuple[str, ...]]:
    """Of matches that belong together, the best; see `visavis.flows.query.group_by`."""
    page = first_page(asked, query)

    def block(found: Answer, size: int, judged: Sequence[Match]) -> Block:
        kept = judged if judge is None else _kept(judged, query)
        ended = len(found.matches) < size
        # Behind the candidates scores alone count, and they fall.
        return Block(found.matches, kept, ended or (size > page.limit and len(kept) < len(judged)))

    def fetch(size: int, offset: int, where: Filter | None) -> Block:
        [found] = judging.store.search(
            asked.vector[None], page._replace(limit=size, offset=offset), where
        )
        judged = asked.scored(found.matches) if judge is None else judge.by_score(found.matches)
        return block(found, size, judged)

    if judge is None:
        best: Sequence[Match] = asked.scored(first.matches)
    else:
        best = judge.judged(first.matches)
    matches, notes = folded(query, judging.store, block(first, page.limit, best), fetch)
    if judge is None:
        reason = None if matches else reason_for_nothing(query, first.total)
        return SearchResult(matches, first.total, "", 0.0, reason), notes
    return _result(query, first.total, best, matches, judge.cut), notes


def _told_by_score(
    asked: QueryVector, query: Query, found: Answer, judging: Judging, judge: Judge
) -> SearchResult:
    """A vector, or several pictures: nothing can be compared but scores."""
    judged = judge.by_score(found.matches)
    best = judged
    if query.offset or query.min_score is not None or not query.limit:
        [nearest] = judging.store.search(
            asked.vector[None], Page(1, without=query.without), query.where
        )
        best = judge.by_score(nearest.matches)
    return _result(query, found.total, best, _kept(judged, query), judge.cut)


def _judge(asked: QueryVector, query: Query, searched: int, judging: Judging) -> Judge:
    if asked.learned is not None:
        cut = asked.learned.similar_from
    else:
        cut = judging.cut(searched, query.false_match)
    return Judge(asked.shown, cut, judging.store, partial(_pixels, judging), judging.features)


def _result(
    query: Query, total: int, best: Sequence[Match], matches: Sequence[Match], cut: float | None
) -> SearchResult:
    return SearchResult(
        tuple(matches),
        total,
        "",
        0.0,
        _reason(query, total, best, matches, cut),
        verdict=verdict(best) or "none",
        similar_from=cut,
    )


def _kept(matches: Sequence[Match], query: Query) -> list[Match]:
    """The matches that the query wants: of a relation, and of a score."""
    if query.min_score == "auto":
        return at_least(matches, query.relation or "similar")
    found = at_least(matches, query.relation)
    least = query.min_score
    return found if least is None else [match for match in found if match.score >= least]


def _pixels(judging: Judging, record: ImageRecord) -> RGB | None:
    return record_pixels(record, judging.embedder().side, judging.max_pixels)


def _reason(
    query: Query,
    total: int,
    candidates: Sequence[Match],
    matches: Sequence[Match],
    cut: float | None,
) -> str | None:
    """Why there are no matches, or none that is similar."""
    best = verdict(candidates)
    if best is not None and matches:
        return None
    if best is not None and not at_least(candidates, query.relation):
        return f"no match is {query.relation}; the best is {best}"
    asked_for_scores = query.min_score not in (None, "auto") and not matches
    if not candidates or best is not None or query.limit == 0 or asked_for_scores:
        return reason_for_nothing(query, total)
    nearest = max(match.score for match in candidates)
    if cut is None and any(isinstance(term, ConceptTerm) for term in query.terms):
        return TOO_FEW
    if cut is None:
        few = "1 record is" if total == 1 else f"{total} records are"
        return (
            f"nothing that is the same picture; {few} too few to decide by scores what is similar"
        )
    return f"nothing similar: the nearest scores {nearest:.2f}, similar is from {cut:.2f} on"
