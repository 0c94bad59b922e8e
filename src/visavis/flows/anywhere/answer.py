"""The answer to a picture that is looked for in parts of others, and others in parts of it.

    proposed   by codes of the records' parts and by whole vectors
    verified   by pixels; these come first, as near duplicates with a box
    the rest   by how far pixels agree, else by vectors

Unless the picture is found to be a part of a record, windows of it propose others; where nothing
is verified at all, the picture turned and mirrored does.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from visavis.embedders.base import Embedder, embed
from visavis.errors import UsageError
from visavis.flows.anywhere.proposing import (
    BY_PARTS,
    Asked,
    Proposal,
    best_of_each,
    by_parts,
    by_windows,
)
from visavis.flows.anywhere.verifying import Finding, Looking, Read, in_order
from visavis.flows.anywhere.ways import COUNT, hung
from visavis.flows.relation.judge import at_least, is_copy, verdict
from visavis.store.aspects import AspectRows, has_aspects
from visavis.store.base import VectorStore
from visavis.types import (
    RELATIONS,
    RGB,
    ImageTerm,
    Match,
    Query,
    RecordTerm,
    Relation,
    SearchResult,
    Vectors,
)

PARTS = "parts"
"""The aspect with the codes of the records' parts."""

MOST = 64
"""Records that an answer has at most, on all pages together."""

_WHOLE = 8  # the first by whole vectors
_EACH_WAY = 4  # records that are proposed for each way to hang the picture


@dataclass(frozen=True, slots=True)
class Anywhere:
    """What a picture is looked for with."""

    store: VectorStore
    embedder: Callable[[], Embedder]
    read: Read
    """The pixels of a record's file."""

    def keeps_parts(self) -> bool:
        """Whether the index has codes of parts that its model of now has made."""
        if not has_aspects(self.store):
            return False
        facts = self.store.aspects.kept().get(PARTS)
        return facts is not None and facts.made_by.endswith(self.store.model().fingerprint)


def check(query: Query) -> None:
    """Raise UsageError for a query that cannot be looked for anywhere."""
    if not query.anywhere:
        return
    if len(query.terms) != 1 or not isinstance(query.terms[0], ImageTerm | RecordTerm):
        raise UsageError("only one picture or record can be looked for anywhere, and nothing else")
    if query.terms[0].weight <= 0:
        raise UsageError("a picture that is not wanted cannot be looked for anywhere")
    if query.group_by or query.unique or query.count:
        raise UsageError(
            "what is found anywhere cannot be grouped, made unique or counted; leave that out"
        )


def wider(query: Query) -> Query:
    """What is asked of whole pictures first: the best, whatever page is wanted."""
    return replace(query, limit=MOST, offset=0, min_score=None, relation=None)


def anywhere(
    by_whole: SearchResult, query: Query, picture: RGB, vector: Vectors, means: Anywhere
) -> SearchResult:
    """The answer where parts count as well; `by_whole` is that of `wider(query)`."""
    judged = {match.record.id: match for match in by_whole.matches}
    asked = Asked(means.store, query.where, query.without, means.embedder)
    rows = _rows(means, query)
    proposals = _by_whole(by_whole)
    if rows is not None:
        proposals += by_parts(asked, rows, vector[None], BY_PARTS)
    compared = {id for id, match in judged.items() if match.verified and not is_copy(match)}
    looking = Looking(picture, means.store, means.read, compared)
    found = looking.found(best_of_each(proposals))
    if not any(_is_crop(one) for one in found):
        found = in_order([*found, *looking.found(best_of_each(by_windows(asked, picture)))])
    if rows is not None and not any(one.verified for one in found) and not _copies(by_whole):
        hanging = looking.found(_otherwise_hung(asked, rows, picture))
        found = _merged([one for one in hanging if one.verified], found)
    matches = _ordered(found, judged)
    kept = _kept(matches, query)[query.offset : query.offset + query.limit]
    return replace(
        by_whole,
        matches=tuple(kept),
        verdict=verdict(matches) or "none",
        reason=_reason(query, matches, kept, by_whole),
        anywhere=True,
    )


def parts_note(means: Anywhere) -> tuple[str, ...]:
    """What to know where crops cannot be looked for, as there are no parts to find them by."""
    if means.keeps_parts():
        return ()
    if not has_aspects(means.store):
        return (
            f"{means.store.facts.place}: the store of this index cannot keep the parts of "
            "pictures; only parts of the query were looked for",
        )
    return (
        "this index keeps no parts of its pictures, so crops of them are hardly found; add them "
        f"with: visavis index --parts --index {means.store.facts.place}",
    )


def _by_whole(result: SearchResult) -> list[Proposal]:
    """Copies, and the first of the others: a large part is found by the whole."""
    first = result.matches[:_WHOLE]
    copies = [match for match in result.matches if is_copy(match)]
    asked = [*copies, *(match for match in first if match not in copies)]
    return [Proposal(match.record, match.score, copy=is_copy(match)) for match in asked]


def _is_crop(one: Finding) -> bool:
    """Whether all of the picture lies in a record, which shows more."""
    return one.verified and not one.proposal.copy and one.query_box is None


def _rows(means: Anywhere, query: Query) -> AspectRows | None:
    if not means.keeps_parts() or not has_aspects(means.store):
        return None
    return means.store.aspects.rows(PARTS, query.where)


def _otherwise_hung(asked: Asked, rows: AspectRows, picture: RGB) -> list[Proposal]:
    """Records with a part like the picture as it hangs in another way."""
    ways = range(1, COUNT)
    vectors = embed(asked.embedder(), [hung(picture, way) for way in ways])
    padded = np.concatenate([np.zeros_like(vectors[:1]), vectors])
    return [one for one in by_parts(asked, rows, padded, _EACH_WAY) if one.way]


def _copies(result: SearchResult) -> bool:
    return any(is_copy(match) for match in result.matches)


def _merged(first: Sequence[Finding], others: Sequence[Finding]) -> list[Finding]:
    known = {one.proposal.record.id for one in first}
    return [*first, *(one for one in others if one.proposal.record.id not in known)]


def _ordered(found: Sequence[Finding], judged: Mapping[str, Match]) -> list[Match]:
    """Copies of the whole, then what was found in parts, then the rest."""
    matches = [_match(one, judged) for one in found]
    known = {match.record.id for match in matches}
    matches += [match for id, match in judged.items() if id not in known]
    # Stable: findings are in order by how well they agree.
    matches.sort(key=lambda match: RELATIONS.index(match.relation or "other"))
    return matches[:MOST]


def _match(one: Finding, judged: Mapping[str, Match]) -> Match:
    """A finding as people see it; what is known of the whole stays."""
    record, score = one.proposal.record, one.proposal.score
    whole = judged.get(record.id, Match(record, score, relation="other"))
    found: Relation = "variant" if one.recoloured else "near_duplicate"
    relation = whole.relation if is_copy(whole) else found if one.verified else None
    return replace(
        whole,
        score=max(score, whole.score),
        relation=relation or whole.relation,
        verified=one.verified or whole.verified,
        box=one.box,
        query_box=one.query_box,
    )


def _kept(matches: Sequence[Match], query: Query) -> list[Match]:
    least = query.relation or ("similar" if query.min_score == "auto" else None)
    found = at_least(matches, least)
    if query.min_score is None or query.min_score == "auto":
        return found
    floor = float(query.min_score)
    return [match for match in found if match.score >= floor]


def _reason(
    query: Query, matches: Sequence[Match], kept: Sequence[Match], by_whole: SearchResult
) -> str | None:
    if verdict(matches) is not None and kept:
        return None
    if matches and not kept and query.offset:
        return f"no more matches at offset {query.offset}; anywhere, there are {MOST} at most"
    return by_whole.reason or "nothing of what was found anywhere is as wanted"
