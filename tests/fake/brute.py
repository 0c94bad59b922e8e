"""A store that cannot be wrong: a dict, and one numpy product. Stores are compared with it."""

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis.filters import Circle, Span, TypedCondition, TypedFilter
from visavis.types import Fields, FieldValue, ImageRecord, Match, Vectors

TOLERANCE = 3e-6  # stores round scores to six decimals


def unit(rows: Vectors) -> Vectors:
    """Rows at unit length."""
    return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True), np.float32)


def kept(vectors: Vectors) -> Vectors:
    """Vectors as a store that keeps float16 gives them back."""
    return unit(vectors.astype(np.float16).astype(np.float32))


def clustered(count: int, dim: int, seed: int = 0, clusters: int = 40) -> Vectors:
    """Unit vectors in clusters, as pictures of the same kinds of things give them."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(clusters, dim))
    noise = random.normal(size=(count, dim)) * 0.6
    return unit((centres[random.integers(0, clusters, count)] + noise).astype(np.float32))


def some_record(id: str, fields: Fields | None = None, uri: str | None = None) -> ImageRecord:
    """A record whose content follows from its id."""
    digest = hashlib.sha256(id.encode()).hexdigest()
    return ImageRecord(id, uri or f"/pictures/{id}", 10, 20.5, digest, 30, 40, fields or {})


class Brute:
    """id → (vector, record), searched by computing every score."""

    def __init__(self) -> None:
        self.vectors: dict[str, Vectors] = {}
        self.records: dict[str, ImageRecord] = {}

    def upsert(self, records: Sequence[ImageRecord], vectors: Vectors) -> None:
        for record, vector in zip(records, kept(vectors), strict=True):
            self.vectors[record.id] = vector
            self.records[record.id] = record

    def remove(self, ids: Sequence[str]) -> None:
        for id in ids:
            self.vectors.pop(id, None)
            self.records.pop(id, None)

    def scores(self, vector: Vectors, ids: Sequence[str] | None = None) -> dict[str, float]:
        """The score of each record (of those named)."""
        chosen = list(self.vectors) if ids is None else list(ids)
        if not chosen:
            return {}
        matrix = np.stack([self.vectors[id] for id in chosen]).astype(np.float64)
        return dict(zip(chosen, (matrix @ vector.astype(np.float64)).tolist(), strict=True))

    def assert_best(
        self,
        matches: Sequence[Match],
        vector: Vectors,
        start: int,
        end: int,
        ids: Sequence[str] | None = None,
    ) -> None:
        """The matches are the ranks start…end of the exact answer."""
        scores = self.scores(vector, ids)
        expected = sorted(scores.values(), reverse=True)[start:end]
        assert len(matches) == len(expected)
        assert len({match.record.id for match in matches}) == len(matches)
        for match, score in zip(matches, expected, strict=True):
            assert abs(match.score - score) <= TOLERANCE
            assert abs(scores[match.record.id] - score) <= TOLERANCE
            assert match.record == self.records[match.record.id]


def recall(matches: Sequence[Match], scores: Mapping[str, float]) -> float:
    """The share of the true best that is among as many matches."""
    best = sorted(scores, key=lambda id: -scores[id])[: len(matches)]
    return len({match.record.id for match in matches} & set(best)) / len(best)


# ----- filters


def passes(where: TypedFilter, fields: Fields) -> bool:
    """Whether a record with these fields (and attributes, under their names) passes a filter."""
    return all(
        _holds(condition, fields.get(condition.field))
        if condition.around is None
        else _near(condition.around, fields)
        for condition in where.conditions
    )


def _near(place: Circle, fields: Fields) -> bool:
    """By the angle between two points of a ball: not as the store reckons."""
    if not {"latitude", "longitude"} <= fields.keys():
        return False
    one = _point(place.latitude, place.longitude)
    other = _point(float(fields["latitude"]), float(fields["longitude"]))
    return bool(
        6371.0088 * np.arctan2(np.linalg.norm(np.cross(one, other)), one @ other) <= place.km
    )


def _point(latitude: float, longitude: float) -> NDArray[np.float64]:
    up, along = np.radians(latitude), np.radians(longitude)
    return np.array([np.cos(up) * np.cos(along), np.cos(up) * np.sin(along), np.sin(up)])


def _holds(condition: TypedCondition, held: FieldValue | None) -> bool:
    if held is None:
        return condition.empty != condition.negated
    if condition.containing is not None:
        return _contains(held, condition.containing)
    each = [held, *_items(condition.field, held)] if condition.several else [held]
    return condition.negated != any(_is(one, condition) for one in each)


def _is(held: FieldValue, condition: TypedCondition) -> bool:
    equal = any(isinstance(v, str) == isinstance(held, str) and v == held for v in condition.any_of)
    return equal or any(_within(held, span) for span in condition.spans)


def _items(name: str, held: FieldValue) -> list[FieldValue]:
    """The items of a JSON list, or what stands between the commas of tags."""
    if not isinstance(held, str):
        return []
    found = None
    with suppress(ValueError):
        found = json.loads(held) if re.fullmatch(r"\[.*\]", held, re.DOTALL) else None
    if found is not None and not any(isinstance(one, list | dict) for one in found):
        texts = [one for one in found if isinstance(one, str) and one]
        others = [one for one in found if isinstance(one, int | float)]
        return [*(unicodedata.normalize("NFC", one) for one in texts), *others]
    return [part.strip() for part in held.split(",") if part.strip()] if name == "tags" else []


def _within(held: Any, span: Span) -> bool:
    ends = [end for end in span[:2] if end is not None]
    if isinstance(held, str) != isinstance(ends[0], str):
        return False
    if span.dates and not re.match("[0-9]{4}-[0-9]{2}", held):
        return False
    if span.times is not None:
        held = _when(held, span.times)
    low: Any = span.low
    high: Any = span.high
    above = low is None or held > low or (span.with_low and held == low)
    below = high is None or held < high or (span.with_high and held == high)
    return bool(above and below)


def _when(held: str, reading: str) -> str:
    """By Python's own reading of ISO 8601: what the clock says, or what it says in UTC."""
    if not re.match(r"[0-9]{4}-..-..[T ]..:", held):
        return held
    read = datetime.fromisoformat(held)
    if reading == "instant" and read.tzinfo is not None:
        read = read.astimezone(UTC)
    written = read.replace(tzinfo=None).isoformat()
    return written.rstrip("0") if "." in written else written


def _contains(held: FieldValue, needle: str) -> bool:
    text = str(int(held)) if isinstance(held, bool) else str(held)
    return _bare(needle) in _bare(text)


def _bare(text: str) -> str:
    """Without case and marks."""
    apart = unicodedata.normalize("NFD", text.casefold())
    return "".join(letter for letter in apart if not unicodedata.combining(letter))
