"""Asking every question: scores against the whole gallery, and where the right answers stand."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.evaluation.gallery import Gallery
from visavis.evaluation.ground_truth import Question
from visavis.image_index import ImageIndex
from visavis.images.files import local_path
from visavis.metrics import Ranks
from visavis.sources.web.fetch import is_url
from visavis.types import ImageTerm, RecordTerm, Vectors

BINS = 200
"""Bins of the score histogram, from -1 to 1."""
DEPTH = 10
"""Best answers kept of every query, for µAP and to be shown."""

_BLOCK_SCORES = 8_000_000  # scores in memory at once: 32 MB
_LATENCY_SAMPLE = 50  # searches
_Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class QueryAnswer:
    """What one question got: exact ranks over the whole gallery, and its best answers."""

    question: Question
    ranks: Ranks
    top: tuple[tuple[str, float, bool], ...]
    """The first DEPTH: id, score, whether it is right; junk and the query itself are left out."""


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """All answers, in the order of the questions, and how scores are spread."""

    answers: tuple[QueryAnswer, ...]
    positive_scores: NDArray[np.int64]
    """(BINS,) right pairs by score."""
    negative_scores: NDArray[np.int64]
    """(BINS,) wrong pairs by score."""


def run_all(
    gallery: Gallery,
    questions: Sequence[Question],
    vectors: Vectors,
    asked: Callable[[int], None] | None = None,
) -> Run:
    """Score every question's vector, (queries, dim), against the whole gallery.

    Exact, in blocks: whole rankings of a thousand queries over a thousand records take well below
    a second. Equal scores rank by id, as in a search. `asked` is called after every block with how
    many questions are answered.
    """
    rows = gallery.rows()
    sets: dict[frozenset[str], _Rows] = {}  # questions of a class share their positives
    answers: list[QueryAnswer] = []
    right = np.zeros(BINS, np.int64)
    everything = np.zeros(BINS, np.int64)
    for start, scores in _blocks(gallery.vectors, vectors):
        for question, row in zip(questions[start : start + len(scores)], scores, strict=True):
            positives = _rows_of(question, rows, sets)
            out = _left_out(question, rows)
            row[out] = -np.inf
            answers.append(
                QueryAnswer(question, _ranks(row, positives), _top(gallery, row, positives))
            )
            right += _histogram(row[positives])
            everything += _histogram(row[row > -np.inf])
        if asked is not None:
            asked(len(answers))
    return Run(tuple(answers), right, everything - right)


def _blocks(gallery: Vectors, queries: Vectors) -> Iterator[tuple[int, Vectors]]:
    size = max(1, _BLOCK_SCORES // len(gallery))
    for start in range(0, len(queries), size):
        yield start, queries[start : start + size] @ gallery.T


def _rows_of(
    question: Question, rows: Mapping[str, int], sets: dict[frozenset[str], _Rows]
) -> _Rows:
    known = sets.get(question.positives)
    if known is None:
        known = np.array(sorted(rows[id] for id in question.positives), np.int64)
        sets[question.positives] = known
    return known[known != rows[question.id]] if question.itself else known


def _left_out(question: Question, rows: Mapping[str, int]) -> list[int]:
    out = [rows[id] for id in question.junk]
    return [*out, rows[question.id]] if question.itself else out


def _ranks(scores: Vectors, positives: _Rows) -> Ranks:
    """1-based ranks of the positives, equal scores by row."""
    own = scores[positives]
    ordered = np.sort(scores)
    above = len(scores) - np.searchsorted(ordered, own, side="right")
    equal = np.searchsorted(ordered, own, side="right") - np.searchsorted(ordered, own, side="left")
    ranks = above + 1
    for at in np.flatnonzero(equal > 1):
        ranks[at] += np.count_nonzero(scores[: positives[at]] == own[at])
    found: Ranks = np.sort(ranks)
    return found


def _top(
    gallery: Gallery, scores: Vectors, positives: _Rows
) -> tuple[tuple[str, float, bool], ...]:
    """The first DEPTH answers; ties at the end of the list are cut by id as well."""
    count = min(DEPTH, len(scores))
    least = np.partition(scores, len(scores) - count)[len(scores) - count]
    reaching = np.flatnonzero((scores >= least) & (scores > -np.inf))
    best = reaching[np.argsort(-scores[reaching], kind="stable")][:count]
    hits = np.isin(best, positives)
    return tuple(
        (gallery.records[row].id, float(scores[row]), bool(hit))
        for row, hit in zip(best.tolist(), hits, strict=True)
    )


def _histogram(scores: Vectors) -> NDArray[np.int64]:
    bins = np.clip((scores + 1) * (BINS / 2), 0, BINS - 1).astype(np.int64)
    return np.bincount(bins, minlength=BINS)


def measure_latency(index: ImageIndex, gallery: Gallery, seed: int) -> dict[str, float | int]:
    """Milliseconds a search takes, asked one after another through the index as users ask.

    `search_*` starts from a vector that the index has; `picture_*` from a picture file: reading,
    decoding and embedding it included. Both are warm: models and caches are loaded before.
    """
    chance = np.random.default_rng(seed)
    size = min(_LATENCY_SAMPLE, len(gallery))
    drawn = chance.choice(len(gallery), size, replace=False)
    records = [gallery.records[row] for row in drawn.tolist()]
    shape: dict[str, float | int] = {"searches": len(records)}
    shape |= _timed(index, "search", [RecordTerm(record.id) for record in records])
    pictures = [record.uri for record in records if _is_file(record.uri)]
    if pictures:
        shape |= _timed(index, "picture", [ImageTerm(local_path(uri)) for uri in pictures])
    return shape


def _is_file(uri: str) -> bool:
    return not is_url(uri) and local_path(uri).is_file()


def _timed(
    index: ImageIndex, name: str, terms: Sequence[RecordTerm | ImageTerm]
) -> dict[str, float]:
    index.search(terms[0])
    took = []
    for term in terms:
        started = time.perf_counter()
        index.search(term)
        took.append((time.perf_counter() - started) * 1000)
    median, late = np.percentile(took, [50, 95])
    return {f"{name}_ms": round(float(median), 3), f"{name}_p95_ms": round(float(late), 3)}
