"""The words that every part of visavis speaks: records, queries, filters, matches, reports.

Nothing here imports another part of ours, reads a file or opens a connection.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, NamedTuple

from visavis.types.arrays import RGB as RGB
from visavis.types.arrays import Box as Box
from visavis.types.arrays import Vectors as Vectors
from visavis.types.reports import Failure as Failure
from visavis.types.reports import IndexReport as IndexReport
from visavis.types.reports import merged as merged
from visavis.types.terms import ClassTerm as ClassTerm
from visavis.types.terms import ColourTerm as ColourTerm
from visavis.types.terms import ConceptTerm as ConceptTerm
from visavis.types.terms import ImageTerm as ImageTerm
from visavis.types.terms import RecordTerm as RecordTerm
from visavis.types.terms import Term as Term
from visavis.types.terms import TextTerm as TextTerm
from visavis.types.terms import VectorTerm as VectorTerm

FieldValue = str | int | float | bool
Fields = Mapping[str, FieldValue]

Operator = Literal["=", "!=", "<", "<=", ">", ">=", "~"]

Kind = Literal["text", "number", "date", "mixed", "list"]
"""What a field is in all records that have it. Dates are texts such as 2024-05-01, true and false
are numbers; mixed is texts and numbers; of a list, some records have several values."""


class Entry(NamedTuple):
    """One image as its source names it, before anything of it is read.

    A tuple rather than a dataclass: a run over a million unchanged files makes a million of them.
    """

    id: str
    """Path below the folder, or the catalogue's own id."""
    uri: str
    """Absolute path, or http(s) URL, where the bytes can be read."""
    size: int
    """Bytes; -1 when the source does not know without reading."""
    modified: float
    """Seconds since the epoch; 0.0 when the source does not know."""
    fields: Fields


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """What the index remembers about one image."""

    id: str
    uri: str
    size: int
    modified: float
    sha256: str
    width: int
    height: int
    fields: Fields = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape of a record; over HTTP, links take the place of the file's path."""
        return {
            "id": self.id,
            "uri": self.uri,
            "fields": dict(self.fields),
            "width": self.width,
            "height": self.height,
            "size": self.size,
            "modified": self.modified,
        }


class Range(NamedTuple):
    """All values between two, both included; without one of them, the range is open there."""

    low: FieldValue | None
    high: FieldValue | None

    def __str__(self) -> str:
        low, high = ("" if end is None else end for end in self)
        return f"{low}..{high}"


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison of a field with values.

    `=` and `!=` take several (any of, none of), ranges among them; the others take one value.
    """

    field: str
    operator: Operator
    values: tuple[FieldValue | Range, ...]
    quoted: bool = False
    """Whether the values are texts in any case: where the field has texts, "50" is no number."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Conditions that all have to hold."""

    conditions: tuple[Condition, ...]


By = Literal["looks", "text", "both"]
"""What answers words: the model that reads them, the records' own text, or both rankings fused."""

Relation = Literal["exact", "near_duplicate", "variant", "similar", "other"]
"""What a match is to the picture that was asked with: the same file or pixels; the same picture,
edited; the same layout in other colours; alike by its score; none of these."""

RELATIONS: tuple[Relation, ...] = ("exact", "near_duplicate", "variant", "similar", "other")
"""The nearest first."""

FALSE_MATCH = 0.01
"""Of questions with nothing alike in the index, how many may get an answer called similar."""


class Tag(NamedTuple):
    """A word for what a picture shows."""

    name: str
    score: float
    """Of a vocabulary's words: cosine similarity. Of classes: the classifier's probability."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape of a tag."""
        return {"name": self.name, "score": round(self.score, 6)}


class Subject(NamedTuple):
    """Something that stands out in a picture, and may be what it is about."""

    box: Box
    score: float
    """How much of all that stands out lies in the box: 0…1."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape of a subject."""
        return {"box": [round(edge, 4) for edge in self.box], "score": round(self.score, 4)}


@dataclass(frozen=True, slots=True)
class Query:
    """Weighted terms, and which of the answers to show.

    The unit vectors of pictures are summed with their weights and made unit length again, and so
    are those of words; of pictures, words and colours, each has to fit (see
    `visavis.flows.query.sides`). A negative weight means "less like this"; a single term of weight
    -1 asks for the opposite.
    """

    terms: tuple[Term, ...]
    where: Filter | None = None
    limit: int = 10
    offset: int = 0
    min_score: float | Literal["auto"] | None = None
    """Leave out matches below this score; "auto": those that are not even similar."""
    by: By = "both"
    """What answers a query of words alone; all others are answered by looks."""
    without: str | None = None
    """The id of a record to leave out of an answer by looks, such as the one that is asked with."""
    count: bool = False
    """Whether to count all that match as well (`SearchResult.total_matching`): a full scan."""
    relation: Relation | None = None
    """Leave out matches that are less than this to the picture."""
    false_match: float = FALSE_MATCH
    """Of questions with nothing alike, how many may get an answer called similar: 0…0.5."""
    group_by: str | None = None
    """A field: of the records with one value, only the best match is shown."""
    unique: bool = False
    """Whether copies of a match stand behind it (`Match.copies`)."""
    anywhere: bool = False
    """Whether the picture, or a part of it, is looked for in parts of the records' pictures."""


@dataclass(frozen=True, slots=True)
class Match:
    """One answer: a record and its score (cosine similarity, -1…1, higher is closer).

    Where the text alone answers words, the score is the share of the words that it has.
    """

    record: ImageRecord
    score: float
    why: tuple[str, ...] = ()
    """Of words: where they stand ("title", "file name"), and "looks" where the picture fits."""
    relation: Relation | None = None
    """What it is to the picture that was asked with; None: no picture was."""
    verified: bool = False
    """Whether the pictures themselves were compared, not their embeddings alone; of `similar` and
    `other`, also by local features, which find crops and writing laid over."""
    views: int | None = None
    """How many more records have its value of the field that matches are grouped by."""
    copies: tuple[str, ...] = ()
    """Ids of matches that show the same, edited, where the query wants each picture once."""
    box: Box | None = None
    """Where in the record's picture that lies which was found; None: nobody looked, or nowhere."""
    query_box: Box | None = None
    """Where in the picture asked with it lies, where that is a part; None: all of it was found."""

    @property
    def more(self) -> str:
        """How many stand behind it, in words: "+3 views"; nothing where none does."""
        views, copies = self.views or 0, len(self.copies)
        words = (
            f"+{views} view{'s' * (views != 1)}" if views else "",
            f"+{copies} cop{'y' if copies == 1 else 'ies'}" if copies else "",
        )
        return ", ".join(filter(None, words))

    @property
    def lies(self) -> str:
        """Where it was found, in words: "at 0.25,0,0.75,0.5"; nothing where nobody looked."""
        words = [] if self.box is None else [f"at {_shown(self.box)}"]
        words += [] if self.query_box is None else [f"of the query's {_shown(self.query_box)}"]
        return ", ".join(words)

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape of a match: its record's, `score`, and what the question asked for.

        That is `relation` and `verified` of pictures, `why` of words, `views` of groups, `copies`,
        `box` and `query_box` where parts were looked for.
        """
        shape = self.record.to_dict() | {"score": round(self.score, 6)}
        if self.relation is not None:
            shape |= {"relation": self.relation, "verified": self.verified}
        if self.views is not None:
            shape["views"] = self.views
        if self.copies:
            shape["copies"] = list(self.copies)
        for name, box in (("box", self.box), ("query_box", self.query_box)):
            if box is not None:
                shape[name] = [round(edge, 4) for edge in box]
        return shape | {"why": list(self.why)} if self.why else shape


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The matches of a query, best first, with what was searched and how long it took."""

    matches: tuple[Match, ...]
    total_searched: int
    """Records that passed the filter: the number the answer was chosen from."""
    model: str
    took_ms: float
    reason: str | None = None
    """Why there are no matches, or none that is similar; None when there are some."""
    notes: tuple[str, ...] = ()
    """What was ignored in the question, such as a word that the model does not know."""
    total_matching: int | None = None
    """How many records match in all, on every page, where the query asked to count them."""
    verdict: Relation | Literal["none"] | None = None
    """The best relation in the index to the picture asked with; None: no picture was."""
    similar_from: float | None = None
    """The score from which on matches are similar, for this index, filter and rate."""
    turned: int | None = None
    """Degrees clockwise by which the picture was turned, because it was found so; None: it was not.
    All scores are those of the turned picture."""
    anywhere: bool = False
    """Whether parts of pictures were looked for, be it that nothing else was found."""

    as_html: ClassVar[Callable[["SearchResult"], str] | None] = None
    """Draws a result for notebooks. `visavis` sets it, as nothing here reads pictures."""

    as_arrow: ClassVar[Callable[["SearchResult"], Any] | None] = None
    """Makes a table of a result. `visavis` sets it, as nothing here knows Arrow."""

    def to_arrow(self) -> Any:
        """The matches as a `pyarrow.Table`, best first; needs the extra `parquet`."""
        make = type(self).as_arrow
        assert make is not None  # results come from an ImageIndex
        return make(self)

    def _repr_html_(self) -> str | None:
        """A small contact sheet: what notebooks show of a result."""
        draw = type(self).as_html
        return None if draw is None else draw(self)

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape of an answer, the same in the CLI, the library and, with links, HTTP."""
        shape: dict[str, Any] = {
            "results": [match.to_dict() for match in self.matches],
            "total_searched": self.total_searched,
            "model": self.model,
            "took_ms": round(self.took_ms, 3),
        }
        if self.verdict is not None:
            shape["verdict"] = self.verdict
        if self.similar_from is not None:
            shape["similar_from"] = round(self.similar_from, 6)
        if self.turned is not None:
            shape["turned"] = self.turned
        if self.anywhere:
            shape["anywhere"] = True
        if self.reason is not None:
            shape["reason"] = self.reason
        if self.notes:
            shape["notes"] = list(self.notes)
        if self.total_matching is not None:
            shape["total_matching"] = self.total_matching
        return shape


def _shown(box: Box) -> str:
    return ",".join(f"{round(edge, 3):g}" for edge in box)


def only_known(options: Mapping[str, object], kind: type) -> None:
    """Raise TypeError for a keyword that a TypedDict of options does not have.

    Type checkers see it; without this, running code would pass it over in silence.
    """
    for name in options:
        if name not in kind.__annotations__:
            raise TypeError(f"{name!r} is no option; there are {', '.join(kind.__annotations__)}")
