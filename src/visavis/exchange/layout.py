"""What an export holds: its columns with their kinds, and the model of its vectors."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from visavis.errors import StoreError, UsageError
from visavis.exchange.projection import NEIGHBORS, Projection, X, Y
from visavis.filters import as_number, described
from visavis.flows.query.hints import hint
from visavis.sources.cells import EXACT, LARGEST
from visavis.store.base import ModelFacts, Rows, VectorStore
from visavis.types import Fields, FieldValue, Filter, ImageRecord

ID, VECTOR = "id", "vector"
IMAGE_IDS, FEATURES, LABELS = "image_ids", "features", "labels"
"""What ids, vectors and labels are called in HDF5 and npz, as papers do."""
NOTE = "visavis"
"""Where a file says by which model its vectors are, and what its columns were."""

ColumnKind = Literal["text", "whole", "number", "truth", "mixed"]

FACTS: dict[str, ColumnKind] = {
    "uri": "text",
    "width": "whole",
    "height": "whole",
    "size": "whole",
    "modified": "number",
    "sha256": "text",
}
"""What every record has besides its id and its fields."""

SIGNATURE, THUMBNAIL, LISTED, FIELDS = "signature", "thumbnail", "listed", "fields_json"
"""What shards have besides: see `visavis.exchange.shards.shard`."""

_TAKEN = {ID, VECTOR, IMAGE_IDS, FEATURES, LABELS, NOTE, *FACTS, X, Y, NEIGHBORS}
_TAKEN |= {SIGNATURE, THUMBNAIL, LISTED, FIELDS}
_USUAL = ("label", "labels", "class", "category")
DIGEST = 64
"""Letters of a SHA-256; an imported record whose file nobody read has fewer."""

Put = Callable[[Rows], None]
"""Writes some rows to a file that is being made."""


class Origin(NamedTuple):
    """The source that all records of a file come from, as an index registers it."""

    kind: str
    uri: str
    apart: bool
    """Whether its ids are kept apart from those of other sources by a prefix."""


@dataclass(slots=True)
class Column:
    """One column of an export: a fact of the records, or one of their fields."""

    name: str
    kind: ColumnKind
    field: str | None = None
    gaps: bool = False
    """Whether some record has no value."""
    longest: int = 1
    """Letters of the longest value as text."""
    large: bool = False
    """Whether some whole number is too large for a float, which would round it."""

    def of(self, records: Iterable[ImageRecord]) -> list[FieldValue | None]:
        """The values of some records. Raises StoreError for one that came since the survey."""
        if self.field is None:
            values = [getattr(record, self.name) for record in records]
            if self.name == "sha256":
                return [value if len(value) == DIGEST else "" for value in values]
            return values
        return [self._typed(record.fields.get(self.field)) for record in records]

    def _typed(self, value: FieldValue | None) -> FieldValue | None:
        if value is None or self.kind == "mixed":
            return None if value is None else str(value)
        if isinstance(value, str) != (self.kind == "text"):
            raise changed()
        if self.kind == "whole":
            return int(value)  # of a truth among numbers, too
        return float(value) if self.kind == "number" else value


@dataclass(frozen=True, slots=True)
class Layout:
    """What a file will hold."""

    count: int
    columns: tuple[Column, ...]
    """The ids first."""
    model: ModelFacts
    dtype: type[np.floating[Any]] | None
    """Of the vectors; None: there are none."""
    label: str | None = None
    """The name of the column with the labels."""
    projection: Projection | None = None
    """Where the records lie on the map, for formats that have columns for it."""
    origin: Origin | None = None
    """None: the records are of any sources."""
    made: float = 0.0
    """When; seconds since the epoch. 0: nobody asks."""

    def note(self) -> str:
        """What a file says of itself, for the way back."""
        facts: dict[str, Any] = {**self.model._asdict()}
        facts["columns"] = {column.name: [column.kind, column.field] for column in self.columns}
        if self.origin is not None:
            facts |= {"origin": list(self.origin), "made": self.made}
        return json.dumps(facts, ensure_ascii=False)

    def without_gaps(self) -> "Layout":
        """The same for a format in which a number that is missing makes a column one of floats."""
        columns = [
            replace(column, kind="mixed") if column.gaps and column.large else column
            for column in self.columns
        ]
        return replace(self, columns=tuple(columns))

    def vectors(self, rows: Rows) -> NDArray[Any]:
        """The vectors as the file has them."""
        return rows.vectors.astype(self.dtype)


class Note(NamedTuple):
    """What a file that visavis wrote says of itself."""

    model: ModelFacts
    columns: dict[str, tuple[ColumnKind, str | None]]
    origin: Origin | None = None
    made: float = 0.0


def read_note(text: str | bytes | None) -> Note | None:
    """The note of a file; None for files of other tools, and for notes that cannot be read."""
    try:
        found = json.loads(text or "{}")
        model = ModelFacts(*(found[name] for name in ModelFacts._fields))
        columns = {name: tuple(said) for name, said in found["columns"].items()}
        if "origin" not in found:
            return Note(model, columns)
        kind, uri, apart = found["origin"]
        return Note(model, columns, Origin(str(kind), str(uri), bool(apart)), float(found["made"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def changed() -> StoreError:
    """The error for an index that is not as it was when its export began."""
    return StoreError("the index was written while it was exported; export it again")


def rounded_as_float(value: object) -> bool:
    """Whether a value is a whole number that is too large to be kept as a float."""
    return isinstance(value, int) and abs(value) > EXACT


class _Seen:
    """What the values of one field have in common."""

    def __init__(self) -> None:
        self.kinds: set[type] = set()
        self.count = 0
        self.longest = 1
        self.large = False

    def add(self, value: FieldValue) -> None:
        self.count += 1
        self.longest = max(self.longest, len(str(value)))
        self.large |= rounded_as_float(value)
        kind: type = type(value)
        self.kinds.add(float if kind is int and not -LARGEST <= value < LARGEST else kind)  # type: ignore[operator]

    def kind(self) -> ColumnKind:
        if str in self.kinds:
            return "text" if len(self.kinds) == 1 else "mixed"
        if float in self.kinds:  # which would round large whole numbers: those stay texts
            return "mixed" if self.large else "number"
        return "truth" if self.kinds == {bool} else "whole"


def survey(
    store: VectorStore,
    where: Filter | None,
    dtype: type[np.floating[Any]] | None,
    label: str | None = None,
) -> Layout:
    """Look through the records for what their columns have to hold.

    Raises UsageError where there are no records, or none of them has the field of the labels.
    """
    layout = layout_of(store.records(where), store.model(), dtype)
    if not layout.count:
        passing = "the index is empty"
        if where is not None:
            passing = f"no record passes the filter {described(where)}{hint(where, store)}"
        raise UsageError(f"{store.facts.place}: {passing}; nothing was written")
    found = {column.field: column.name for column in layout.columns if column.field is not None}
    if label is not None and label not in found:
        known = ", ".join(sorted(found)) or "no fields at all"
        raise UsageError(f"no record has a field {label!r} to be the label; they have {known}")
    chosen = label or next((name for name in _USUAL if name in found), None)
    return replace(layout, label=found.get(chosen) if chosen else None)


def layout_of(
    records: Iterable[ImageRecord], model: ModelFacts, dtype: type[np.floating[Any]] | None
) -> Layout:
    """What the columns of some records have to hold."""
    count = 0
    facts: defaultdict[str, _Seen] = defaultdict(_Seen)
    found: defaultdict[str, _Seen] = defaultdict(_Seen)
    for record in records:
        count += 1
        facts[ID].add(record.id)
        facts["uri"].add(record.uri)
        for name, value in record.fields.items():
            found[name].add(value)
    columns = [Column(ID, "text", longest=facts[ID].longest)]
    columns += [Column(name, kind) for name, kind in FACTS.items()]
    columns[1].longest, columns[-1].longest = facts["uri"].longest, DIGEST
    names = {column.name for column in columns}
    for name, seen in found.items():
        free = _free(name, names)
        names.add(free)
        kind, gaps = seen.kind(), seen.count < count
        large = seen.large and kind == "whole"
        columns.append(Column(free, kind, name, gaps, seen.longest, large))
    return Layout(count, tuple(columns), model, dtype)


def _free(name: str, names: set[str]) -> str:
    """A column's name that HDF5 takes as well, and that no other column has."""
    free = name.replace("/", "∕").replace("\0", "")
    while free in names | _TAKEN or free.strip(".") == "":
        free = f"field_{free}"
    return free


def as_fields(values: Fields, note: Note) -> dict[str, FieldValue]:
    """The fields that an export's columns came from, as near as these can say.

    Where a field had both, texts that look as its numbers were written are numbers then, and truths
    are texts; whole numbers among others are floats.
    """
    fields: dict[str, FieldValue] = {}
    for name, value in values.items():
        kind, field = note.columns.get(name, ("text", None))
        if field is None:
            continue
        if kind == "mixed":
            number = as_number(value)
            # 007 and 1e3 are no numbers that were written as texts.
            if number is not None and str(value) in (str(number), str(float(number))):
                value = number
        elif kind in ("whole", "truth") and not isinstance(value, str):
            value = bool(value) if kind == "truth" else int(value)
        fields[field] = value
    return fields
