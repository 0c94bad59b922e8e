"""The data of a site in parts, each a script: a page that was opened from a file may load scripts.

    site        what the page has to know at once (`manifest`)
    r0, r1, …   of SIZE neighbouring pictures: keys, captions, shapes
    n0, n1, …   of the same: fields, and the numbers and scores of the nearest pictures
    f0, f1, …   of one field: the code of each picture's value, or those of its list (facets.py)
    titles      all captions, to look for words in

Numbers stand in base64, little-endian, as they are a third of what they are in JSON. A part is
packed, as half of it would be repetition; in base64 again, as a script is text.
"""

import json
import zlib
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis.filters import values_of
from visavis.pages.site.entries import Entry, Near
from visavis.pages.site.facets import Facet, text_of

SIZE = 32
"""Pictures in a part: a page of any two dozen pictures is to load little."""

_LONGEST = 500  # letters of a value
_COMPRESSION = 9
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
            {
                "name": facet.name,
                "values": [list(value) for value in facet.values],
                "lists": facet.lists,
            }
            for facet in contents.facets
        ],
        "search": contents.search,
    }


def as_script(name: str, value: Any) -> str:
    """A part as the page loads it."""
    packed = zlib.compress(as_json(value).encode("utf-8", "replace"), _COMPRESSION)
    return f'part("{name}","{b64encode(packed).decode("ascii")}");\n'


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
    percents = np.rint(100 * near.scores[place]).clip(0, 100).astype(np.int16)
    falls = np.abs(np.diff(percents, axis=1, prepend=0))  # the first is a score itself
    chosen = enumerate(contents.entries[place], place.start)
    return {
        "fields": [
            [_value(entry, facet, number) for facet in contents.facets] for number, entry in chosen
        ],
        "near": _base64(near.numbers[place].astype(kind)),
        "falls": _base64(falls.astype(np.uint8)),
    }


def _value(entry: Entry, facet: Facet, number: int) -> str | int | None:
    """A text, or the code of a value that the manifest has word by word."""
    value = entry.record.fields.get(facet.name)
    if value is None:
        return None
    if facet.lists:
        return ", ".join(map(text_of, values_of(facet.name, value)))[:_LONGEST] or None
    text, code = text_of(value), int(facet.codes[number])
    return code if code and facet.values[code - 1][0] == text else text[:_LONGEST]


def _base64(numbers: NDArray[Any]) -> str:
    return b64encode(numbers.astype(numbers.dtype.newbyteorder("<")).tobytes()).decode("ascii")
