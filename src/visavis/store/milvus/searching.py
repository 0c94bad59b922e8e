"""Searching a collection: what Milvus ranks, and what is scored on this side.

Milvus ranks with an approximate index and, of rows that it has not sealed yet, loses many under a
selective filter (at 2.3: recall .5 where a hundredth passes). So few candidates are fetched and
scored here, exactly; else Milvus ranks as deep as is asked, in steps, so that the pages of an
answer neither repeat nor leave out a record. Its scores are off by 1e-7 at most where its index has
the vectors themselves; else they are computed here.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from visavis.errors import RecordNotFoundError, StoreUnsupportedError
from visavis.filters import holds
from visavis.store.base import DEPTH, Answer, Page
from visavis.store.milvus.client import LARGEST, Client, Row, quoted
from visavis.store.milvus.rows import RECORD, WHOLE, record_of, vectors_of
from visavis.store.milvus.where import Expression, both, named
from visavis.types import ImageRecord, Match, Vectors

EXACT = 2_000
"""So many candidates of a filter are scored on this side, at most 0.2 s."""

_LOOKED_AT = 64
_LOOKED_AT_FILTERED = 800
"""By an HNSW graph: where a tenth passes, .94 of the best ten are among 200, .98 among 800."""
_MOST_CHECKED = 200_000  # records that a condition is tried on here
_WALKED = 10_000  # so many are all scored here below the first step: half a second
_STEPS = (DEPTH, 2_048, LARGEST)
_BLOCK = 1_000
_AT_ONCE = 256  # vectors a call


class _Candidates(NamedTuple):
    """What may be in an answer."""

    expression: str
    total: int
    ids: list[str] | None = None
    """Where they are known one by one."""
    looked_at: int = _LOOKED_AT


def search(
    client: Client, vectors: Vectors, page: Page, where: Expression, true_scores: bool
) -> list[Answer]:
    """For each of the unit vectors (n, dim): the records nearest to it; see `VectorStore`.

    `true_scores` says whether those of the server may be shown (see `Layout`).
    """
    chosen = _candidates(client, page, where)
    if chosen.ids is not None or (where.text and chosen.total <= EXACT):
        return _scored_here(client, vectors, page, chosen)
    answers: list[Answer] = []
    for start in range(0, len(vectors), _AT_ONCE):
        part = vectors[start : start + _AT_ONCE]
        answers += _ranked(client, part, page, chosen, true_scores)
    return answers


def scores_of_all(client: Client, vectors: Vectors, where: Expression) -> Vectors:
    """The scores of unit vectors (n, dim) with every record that passes: (n, records)."""
    if where.rest is None:
        return _all_scores(client, vectors, _Candidates(where.text, 0))[1]
    ids = [row["id"] for rows in passing(client, where, ()) for row in rows]
    return _all_scores(client, vectors, _Candidates(where.text, len(ids), ids))[1]


def passing(client: Client, where: Expression, columns: Sequence[str]) -> Iterator[list[Row]]:
    """The rows that pass a filter, in order of id, a block at a time."""
    wanted = columns if where.rest is None else [*columns, *(n for n in RECORD if n not in columns)]
    for rows in client.walk(where.text, [name for name in wanted if name != "id"], _BLOCK):
        kept = [row for row in rows if where.rest is None or holds(where.rest, record_of(row))]
        if kept:
            yield kept


def _candidates(client: Client, page: Page, where: Expression) -> _Candidates:
    without = ""
    if page.without is not None:
        if client.row(page.without, WHOLE) is None:
            raise RecordNotFoundError(page.without)
        without = f"id != {quoted(page.without)}"
    expression = both(where.text, without)
    # All but one: that is counted already, as a rule.
    count = client.count(where.text and expression) - (bool(without) and not where.text)
    if where.rest is None:
        looked_at = _LOOKED_AT_FILTERED if where.text else _LOOKED_AT
        return _Candidates(expression, count, looked_at=looked_at)
    if count > _MOST_CHECKED:
        raise StoreUnsupportedError(
            str(client.address),
            f"look for text within the values of {count:,} records; narrow them to "
            f"{_MOST_CHECKED:,} with another --where",
        )
    ids = [
        row["id"]
        for rows in passing(client, Expression(expression, where.rest), ())
        for row in rows
    ]
    return _Candidates(expression, len(ids), ids)


# -- few candidates: every score is computed here --------------------------------------------------


def _scored_here(client: Client, vectors: Vectors, page: Page, chosen: _Candidates) -> list[Answer]:
    ids, scores = _all_scores(client, vectors, chosen)
    shown: list[list[tuple[str, float]]] = []
    for row in scores.tolist():
        ranked: list[tuple[str, float]] = []
        _follow(ranked, list(zip(ids, row, strict=True)))
        shown.append(_page(ranked, page))
    records = _records(client, {id for part in shown for id, _ in part})
    return [Answer(_matches(part, records), len(ids)) for part in shown]


def _all_scores(client: Client, vectors: Vectors, chosen: _Candidates) -> tuple[list[str], Vectors]:
    """The ids of all candidates, and the scores of each vector with them (vectors, ids)."""
    ids: list[str] = []
    scores: list[Vectors] = [np.empty((len(vectors), 0), np.float32)]
    for rows in _with_vectors(client, chosen):
        ids += [row["id"] for row in rows]
        scores.append(_scores(vectors, vectors_of(rows)))
    return ids, np.concatenate(scores, axis=1)


def _with_vectors(client: Client, chosen: _Candidates) -> Iterator[list[Row]]:
    if chosen.ids is None:
        yield from client.walk(chosen.expression, ["vector"], _BLOCK)
        return
    for start in range(0, len(chosen.ids), _BLOCK):
        part = chosen.ids[start : start + _BLOCK]
        yield client.query(named("id", part), ["id", "vector"])


# -- many: Milvus ranks them -----------------------------------------------------------------------


def _ranked(
    client: Client, vectors: Vectors, page: Page, chosen: _Candidates, true_scores: bool
) -> list[Answer]:
    deep = min(page.offset + page.limit, chosen.total)
    if not page.limit or page.offset >= chosen.total:
        return [Answer((), chosen.total) for _ in vectors]
    if deep > LARGEST:
        raise StoreUnsupportedError(
            str(client.address), f"rank more than {LARGEST:,} records; ask for an earlier page"
        )
    met: dict[str, Row] = {}
    ranked = _deep_enough(client, vectors, chosen, deep, met if true_scores else None)
    shown = [_page(part, page) for part in ranked]
    ids = {id for part in shown for id, _ in part}
    if true_scores:
        records = {id: record_of(row) for id, row in met.items() if id in ids}
        records |= _records(client, ids - records.keys())
        return [Answer(_in_order(_matches(part, records)), chosen.total) for part in shown]
    rows = _rows(client, ids)
    return [
        Answer(_rescored(vector, part, rows, page), chosen.total)
        for vector, part in zip(vectors, shown, strict=True)
    ]


def _deep_enough(
    client: Client, vectors: Vectors, chosen: _Candidates, deep: int, met: dict[str, Row] | None
) -> list[list[tuple[str, float]]]:
    """The ranks up to `deep` of each vector: what is deeper only follows what was found before.

    An approximate ranking to another depth is another ranking: else a page would show records that
    an earlier one has shown. Into `met` go rows of records, where few enough are looked at to come
    along.
    """
    ranked: list[list[tuple[str, float]]] = [[] for _ in vectors]
    for step in _STEPS:
        limit = min(step, chosen.total)
        columns = () if met is None or len(vectors) * limit > _BLOCK else RECORD
        found = client.nearest(vectors, chosen.expression, limit, chosen.looked_at, columns)
        for known, rows in zip(ranked, found, strict=True):
            _follow(known, [(row["id"], min(round(row["distance"], 6), 1.0)) for row in rows])
            if met is not None and columns:
                met |= {row["id"]: row for row in rows}
        if min(map(len, ranked)) >= deep:
            break
        # Where many rows were rewritten, 2.3 returns fewer than there are, with no word.
        short = min(map(len, ranked)) < limit
        if chosen.total <= (_MOST_CHECKED if short else _WALKED):
            ids, scores = _all_scores(client, vectors, chosen)
            for known, row in zip(ranked, scores.tolist(), strict=True):
                _follow(known, list(zip(ids, row, strict=True)))
            break
    return ranked


def _follow(known: list[tuple[str, float]], found: list[tuple[str, float]]) -> None:
    """Put what is not known yet behind what is, best first."""
    met = {id for id, _ in known}
    known += sorted((one for one in found if one[0] not in met), key=lambda one: (-one[1], one[0]))


def _rescored(
    vector: Vectors, part: list[tuple[str, float]], rows: dict[str, Row], page: Page
) -> tuple[Match, ...]:
    there = [rows[id] for id, _ in part if id in rows]  # else it was removed meanwhile
    if not there:
        return ()
    scores = _scores(vector[None], vectors_of(there))[0].tolist()
    found = [Match(record_of(row), score) for row, score in zip(there, scores, strict=True)]
    if page.min_score is not None:
        found = [match for match in found if match.score >= page.min_score]
    return _in_order(found)


# -- both ------------------------------------------------------------------------------------------


def _scores(vectors: Vectors, others: Vectors) -> Vectors:
    """Cosines of unit vectors (n, dim) and (m, dim), (n, m), as every store rounds them."""
    exact = np.einsum("id,jd->ij", vectors.astype(np.float64), others.astype(np.float64))
    return np.asarray(np.minimum(exact.round(6), 1.0))


def _page(ranked: list[tuple[str, float]], page: Page) -> list[tuple[str, float]]:
    if page.min_score is not None:
        ranked = [one for one in ranked if one[1] >= page.min_score]
    return ranked[page.offset : page.offset + page.limit]


def _rows(client: Client, ids: set[str]) -> dict[str, Row]:
    wanted = sorted(ids)
    found: dict[str, Row] = {}
    for start in range(0, len(wanted), _BLOCK):
        part = wanted[start : start + _BLOCK]
        rows = client.query(named("id", part), [*RECORD, "vector"])
        found |= {row["id"]: row for row in rows}
    return found


def _records(client: Client, ids: set[str]) -> dict[str, ImageRecord]:
    wanted = sorted(ids)
    found: dict[str, ImageRecord] = {}
    for start in range(0, len(wanted), _BLOCK):
        rows = client.query(named("id", wanted[start : start + _BLOCK]), RECORD)
        found |= {row["id"]: record_of(row) for row in rows}
    return found


def _matches(part: list[tuple[str, float]], records: dict[str, ImageRecord]) -> tuple[Match, ...]:
    return tuple(Match(records[id], score) for id, score in part if id in records)


def _in_order(matches: Iterable[Match]) -> tuple[Match, ...]:
    """Best first, equal scores by id: of a page, a step may have found better ones than before."""
    return tuple(sorted(matches, key=lambda match: (-match.score, match.record.id)))
