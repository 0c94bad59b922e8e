"""The data of a site in parts, each a script: a page that was opened from a file may load scripts.

    site        what the page has to know at once (`manifest`)
    r0, r1, …   of SIZE neighbouring pictures: keys, captions, shapes
    n0, n1, …   of the same: fields, and the numbers of the nearest pictures
    f0, f1, …   of one field: the code of each picture's value (facets.py)
    titles      all captions, to look for words in

Numbers stand in base64, little-endian, as they are a third of what they are in JSON.
"""

import json
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis.pages.site.entries import Entry, Near
from visavis.pages.site.facets import Facet, text_of

SIZE = 32
"""Pictures in a part: a page of any two dozen pictures is to load little."""

_LONGEST = 500  # letters of a value
PREFIX = 4
"""Letters of each part's first key that the manifest has."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a site holds besides its pictures."""

    title: str
    entries: Sequence[Entry]
    captions: Sequence[str]
    near: Near
    facets: Sequence[Facet]
    category: bool
    """Whether the first facet is what is browsed by."""
    side: int
    search: dict[str, Any] | None = None
    """What asking with a picture needs to know; None: it is not there."""


def parts(contents: Contents) -> Iterator[tuple[str, Any]]:
    """Each part's name and what it holds."""
    yield "site", manifest(contents)
    for number, start in enumerate(range(0, len(contents.entries), SIZE)):
        place = slice(start, start + SIZE)
        yield f"r{number}", _briefly(contents, place)
        yield f"n{number}", _nearest(contents, place)
    for number, facet in enumerate(contents.facets):
        if facet.values:
            yield f"f{number}", _base64(facet.codes)
    yield "titles", "\n".join(contents.captions)


def manifest(contents: Contents) -> dict[str, Any]:
    """What the page has to know at once."""
    firsts = [entry.key[:PREFIX] for entry in contents.entries[::SIZE]]
    return {
        "title": contents.title,
        "count": len(contents.entries),
        "size": SIZE,
        "firsts": "".join(firsts),
        "side": contents.side,
        "near": contents.near.numbers.shape[1],
        "category": contents.category,
        "fields": [
            {"name": facet.name, "values": [list(value) for value in facet.values]}
            for facet in contents.facets
        ],
        "search": contents.search,
    }


def as_script(name: str, value: Any) -> str:
    """A part as the page loads it."""
    return f"part({json.dumps(name)},{as_json(value)});\n"


def as_json(value: Any) -> str:
    """JSON that may stand in a page as well: nothing in it ends an element or begins a comment."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def _briefly(contents: Contents, place: slice) -> dict[str, Any]:
    chosen = contents.entries[place]
    return {
        "keys": "".join(entry.key for entry in chosen),
        "titles": list(contents.captions[place]),
        "shapes": [_shape(entry) for entry in chosen],
    }


def _shape(entry: Entry) -> int:
    """Hundred times the width by the height."""
    width, height = entry.record.width, entry.record.height
    return max(1, min(10_000, round(100 * width / height))) if width and height else 100


def _nearest(contents: Contents, place: slice) -> dict[str, Any]:
    kind = np.uint16 if len(contents.entries) < 1 << 16 else np.uint32
    near = contents.near
    percents = np.rint(100 * near.scores[place]).clip(0, 100)
    return {
        "fields": [
            [_value(entry, facet.name) for facet in contents.facets]
            for entry in contents.entries[place]
        ],
        "near": _base64(near.numbers[place].astype(kind)),
        "scores": _base64(percents.astype(np.uint8)),
    }


def _value(entry: Entry, name: str) -> str | None:
    value = entry.record.fields.get(name)
    return None if value is None else text_of(value)[:_LONGEST]


def _base64(numbers: NDArray[Any]) -> str:
    return b64encode(numbers.astype(numbers.dtype.newbyteorder("<")).tobytes()).decode("ascii")
