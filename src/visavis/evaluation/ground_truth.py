"""What the right answers are: by a shared field, or from a file. Checked before anything is scored.

A file is JSON, or a table as catalogues are (CSV, TSV, JSON Lines, Parquet):

    {"query-1": ["right-1", "right-2"],
     "query-2": {"positives": ["right-3"], "junk": ["neither-4"]}}

    query,id,kind
    query-1,right-1,positive
    query-2,neither-4,junk

(without the column `kind` every row is a positive). Junk and the query itself are taken out before
ranks are counted, as in Holidays; a query that is named among its own positives is counted, as in
Oxford5k and Paris6k.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from visavis.disk import reason
from visavis.errors import SourceError, UsageError
from visavis.evaluation.gallery import Gallery, check_field
from visavis.filters import as_label
from visavis.sources.endings import CATALOGUE_SUFFIXES
from visavis.sources.tables import open_table
from visavis.types import ImageRecord

_COLUMNS = ("query", "id", "kind")
_KINDS = {"positive": "positives", "junk": "junk"}
_NONE: frozenset[str] = frozenset()
_SHOWN = 3  # ids named in a message


@dataclass(frozen=True, slots=True)
class Question:
    """One query and its right answers among the ids of a gallery."""

    id: str
    positives: frozenset[str]
    """May hold the query's own id; `itself` says whether it counts."""
    junk: frozenset[str] = _NONE
    itself: bool = False
    """Whether the query is a record of the gallery that has to be left out of its own ranking."""
    group: str | None = None
    """Its class, for figures by class."""

    @property
    def sought(self) -> int:
        """How many positives there are to find."""
        return len(self.positives) - (self.itself and self.id in self.positives)


@dataclass(frozen=True, slots=True)
class GroundTruth:
    """Questions, and what should be reported about them."""

    questions: tuple[Question, ...]
    left_out: int = 0
    """Records that could not be queries, having no value or no partner."""


def same_value(
    queries: Sequence[ImageRecord], gallery: Gallery, field: str, *, own: bool, idle: bool = False
) -> GroundTruth:
    """Gallery records with the query's value of a field are its positives.

    A query that is itself in the gallery (the same id and content) is left out of its own ranking.
    With `own` the queries are records of the index, and those without a partner are not asked;
    other queries all need positives, unless some may be `idle`. Raises UsageError for a field that
    nobody has and for queries without positives.
    """
    check_field(field, queries, "the queries" if not own else "the index")
    check_field(field, gallery.records, "the gallery")
    members: defaultdict[str, set[str]] = defaultdict(set)
    for record in gallery.records:
        if field in record.fields:
            members[as_label(record.fields[field])].add(record.id)
    groups = {value: frozenset(ids) for value, ids in members.items()}
    hashes = {record.id: record.sha256 for record in gallery.records}
    questions = []
    for record in queries:
        value = as_label(record.fields.get(field, ""))
        itself = hashes.get(record.id) == record.sha256
        questions.append(Question(record.id, groups.get(value, _NONE), _NONE, itself, value))
    asked = [question for question in questions if question.sought] if own or idle else questions
    if not asked:
        raise UsageError(
            f"no two records share a value of {field!r}, so no query has a positive; name a field "
            "that groups them with --same"
        )
    check_positives(asked)
    return GroundTruth(tuple(asked), len(questions) - len(asked))


def from_file(
    path: Path,
    queries: Iterable[ImageRecord],
    gallery: Gallery,
    *,
    without: frozenset[str] = _NONE,
    unasked: frozenset[str] = _NONE,
) -> GroundTruth:
    """The ground truth of a file; `queries` are the records that can be asked.

    What it says of records that the gallery is `without`, and of queries that are `unasked`, is
    ignored, with queries that lose all positives.

    A query that is itself in the gallery (the same id and content) is left out of its own ranking,
    unless the file names it among its own positives. Raises SourceError when the file cannot be
    read, UsageError when it names ids that are not there, an id as positive and junk at once, or a
    query without positives.
    """
    answers = _without(read_answers(path), without, unasked)
    hashes = {record.id: record.sha256 for record in gallery.records}
    asked = {record.id: record.sha256 for record in queries}
    named = {id for lists in answers.values() for part in lists.values() for id in part}
    _refuse(path, answers.keys() - asked.keys(), "queries that are not there")
    _refuse(path, named - hashes.keys(), "ids that the gallery does not have")
    questions = []
    for query, lists in answers.items():
        positives, junk = frozenset(lists["positives"]), frozenset(lists["junk"])
        _refuse(path, positives & junk, f"both positive and junk for the query {query!r}")
        itself = hashes.get(query) == asked[query] and query not in positives
        questions.append(Question(query, positives, junk, itself))
    if not questions:
        raise UsageError(f"{path}: the file names no query")
    check_positives(questions, f"{path}: ")
    return GroundTruth(tuple(questions))


def _without(
    answers: dict[str, Mapping[str, list[str]]], without: frozenset[str], unasked: frozenset[str]
) -> dict[str, Mapping[str, list[str]]]:
    kept: dict[str, Mapping[str, list[str]]] = {}
    for query, lists in answers.items():
        rest = {kind: [id for id in ids if id not in without] for kind, ids in lists.items()}
        if query not in unasked and (rest["positives"] or not lists["positives"]):
            kept[query] = rest
    return kept


def check_positives(questions: Iterable[Question], place: str = "") -> None:
    """Raise UsageError when a query has no right answer: an error in the data, not a zero."""
    idle = [question for question in questions if not question.sought]
    if idle:
        shown = _listed(
            question.id + (f" ({question.group})" if question.group else "") for question in idle
        )
        raise UsageError(
            f"{place}{_count(len(idle), 'query has', 'queries have')} no positive in the gallery: "
            f"{shown}; leave them out or add their pictures"
        )


def read_answers(path: Path) -> dict[str, Mapping[str, list[str]]]:
    """Query → {"positives": ids, "junk": ids}, from .json or a table. Raises SourceError."""
    if path.suffix.lower() in CATALOGUE_SUFFIXES:
        return _from_table(path)
    if path.suffix.lower() != ".json":
        kinds = ", ".join((".json", *CATALOGUE_SUFFIXES))
        raise SourceError(f"{path}: ground truth is a file of one of these kinds: {kinds}")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(f"{path}: the ground truth cannot be read ({reason(error)})") from error
    return _from_json(path, data)


def _from_json(path: Path, data: bytes) -> dict[str, Mapping[str, list[str]]]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        shape = dict(pairs)
        if len(shape) < len(pairs):
            times = Counter(key for key, _ in pairs)
            twice = _listed(key for key in times if times[key] > 1)
            raise SourceError(f"{path}: it names {twice} more than once; join what belongs to it")
        return shape

    try:
        shape = json.loads(data, object_pairs_hook=unique)  # UTF-8, 16 or 32
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{path}: it is no JSON ({reason(error)})") from error
    if not isinstance(shape, dict):
        raise SourceError(f'{path}: it should be an object, {{"query": ["positive", …]}}')
    return {query: _lists(path, query, value) for query, value in shape.items()}


def _lists(path: Path, query: str, value: Any) -> Mapping[str, list[str]]:
    given = {"positives": value} if isinstance(value, list) else value
    if not isinstance(given, dict) or given.keys() - {"positives", "junk"}:
        raise SourceError(
            f"{path}: the query {query!r} needs a list of ids, or an object of the lists "
            '"positives" and "junk"'
        )
    lists = {kind: given.get(kind, []) for kind in ("positives", "junk")}
    for kind, ids in lists.items():
        if not isinstance(ids, list) or not all(isinstance(id, str) for id in ids):
            raise SourceError(f"{path}: {kind} of the query {query!r} must be a list of texts")
    return lists


def _from_table(path: Path) -> dict[str, Mapping[str, list[str]]]:
    """Of a table as catalogues are: CSV with any delimiter, TSV, JSON Lines, Parquet."""
    table = open_table(path)
    for name in ("query", "id"):
        if name not in table.columns:
            raise SourceError(
                f"{path}: no column is named {name!r}; ground truth has the columns query, id and, "
                "if need be, kind"
            )
    others = [name for name in table.columns if name and name not in _COLUMNS]
    if others:  # a grade, whatever it is called: a row graded 0 would count as a right answer
        raise SourceError(
            f"{path}: the column {others[0]!r} is not read; leave it out, and rows that are no "
            "answer; what is neither right nor wrong has junk in a column named kind"
        )
    answers: dict[str, Mapping[str, list[str]]] = {}
    for row in table.rows(_COLUMNS):
        if row.problem is not None:
            raise SourceError(f"{path}, row {row.number}: {row.problem}")
        query, id, kind = (str(row.values.get(name, "")) for name in _COLUMNS)
        if (kind or "positive") not in _KINDS or not query or not id:
            raise SourceError(
                f"{path}, row {row.number}: it needs a query, an id, and positive or junk as its "
                "kind"
            )
        lists = answers.setdefault(query, {"positives": [], "junk": []})
        lists[_KINDS[kind or "positive"]].append(id)
    return answers


def _refuse(path: Path, ids: Collection[str], what: str) -> None:
    if ids:
        raise UsageError(f"{path}: the file names {what}: {_listed(sorted(ids))}")


def _listed(ids: Iterable[str]) -> str:
    every = list(ids)
    more = len(every) - _SHOWN
    return ", ".join(every[:_SHOWN]) + (f" and {more:,} more" if more > 0 else "")


def _count(number: int, one: str, several: str) -> str:
    return f"{number:,} {one if number == 1 else several}"
