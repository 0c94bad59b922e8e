"""Cards: what sheets, reports and pages show of a query and of each match."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from visavis.images.files import local_path
from visavis.sources.web.fetch import is_url
from visavis.types import (
    RGB,
    Box,
    ClassTerm,
    ColourTerm,
    ConceptTerm,
    FieldValue,
    ImageTerm,
    Match,
    RecordTerm,
    Relation,
    SearchResult,
    Term,
    TextTerm,
    VectorTerm,
)

_ALL = 0.95  # of a picture: as good as all of it
_LONGEST_FIELD = 40
"""Characters of a value that is shown under a card; longer ones are prose."""

RELATION_WORDS: Mapping[Relation, str] = {
    "exact": "same picture",
    "near_duplicate": "same picture, edited",
    "variant": "other colours",
    "similar": "alike",
    "other": "less alike",
}
"""What a match is to the picture that was asked with, as people read it."""

_VERDICTS = {
    "exact": "This very picture is here.",
    "near_duplicate": "This picture is here, edited.",
    "variant": "The same is here in other colours.",
}


@dataclass(frozen=True, slots=True, eq=False)
class Card:
    """One tile: a picture (or words), its caption, and a score when it is an answer."""

    pixels: RGB | None
    """None draws a neutral tile with `words`, or with "no picture" when there are none."""
    caption: str
    detail: str = ""
    score: float | None = None
    uri: str = ""
    """Where the original is; see `link`."""
    good: bool | None = None
    """Whether the answer is a right one (in evaluations); False on a query's card: less of this."""
    box: Box | None = None
    """The part that was asked for, or found; the rest is dimmed."""
    words: str | None = None
    whole: str = ""
    """What a shortened caption stands for; shown on a page when one points at it."""
    src: str | None = None
    """Where a page finds the picture, in place of pixels."""
    relation: Relation | None = None
    """What the answer is to the picture asked with; it stands in words where the score would."""

    @property
    def link(self) -> str | None:
        """The original's URL where a page may link to it; file paths become file: URLs."""
        if is_url(self.uri) or self.uri.startswith("file://"):
            return self.uri
        path = local_path(self.uri)
        return path.as_uri() if path.is_absolute() else None

    @property
    def label(self) -> str:
        """What stands above the caption of a query's card."""
        return "Less like this" if self.good is False else "Query"

    @property
    def nearness(self) -> str:
        """What the answer is to the picture asked with, in words."""
        return RELATION_WORDS[self.relation] if self.relation else ""

    @property
    def share(self) -> float:
        """How much of the bar beside the score is filled, 0…1."""
        return min(1.0, max(0.0, self.score or 0.0))


@dataclass(frozen=True, slots=True)
class Row:
    """A query, one card a term, and its matches, best first."""

    query: Sequence[Card]
    matches: Sequence[Card]
    reason: str | None = None
    """Why there are no matches."""
    heading: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A title, a line under it, and the rows."""

    title: str
    rows: Sequence[Row]
    subtitle: str = ""


def term_card(term: Term, pixels: RGB | None) -> Card:
    """What was asked: the picture or the words, with weight and box when they matter."""
    detail = "" if term.weight == 1 else f"weight {term.weight:g}"
    good = False if term.weight < 0 else None
    match term:
        case TextTerm():
            return Card(None, "", detail, good=good, words=term.text)
        case ClassTerm() | ConceptTerm():
            return Card(None, "", detail, good=good, words=term.name)
        case RecordTerm():
            return Card(pixels, f"id:{term.id}", detail, good=good)
        case ImageTerm():
            return Card(pixels, _image_name(term), detail, good=good, box=term.box)
        case ColourTerm():
            return Card(pixels, f"in the colour {colour_name(term)}", detail, good=good)
        case VectorTerm():
            return Card(None, "", detail, good=good, words="a vector")


def match_card(
    match: Match, pixels: RGB | None, titles: Sequence[str] = (), good: bool | None = None
) -> Card:
    """An answer: its title (or id), what stands behind it, and why it is there or what it is.

    That is what found it, or its first two short fields. The title is the first of the fields
    `titles` that it has.
    """
    record = match.record
    title = next((name for name in titles if record.fields.get(name)), "")
    caption = str(record.fields[title]) if title else record.id
    shown = [
        _field_text(name, value)
        for name, value in record.fields.items()
        if name != title and len(str(value)) <= _LONGEST_FIELD and value != record.id
    ]
    details = [f"found by {', '.join(match.why)}"] if match.why else shown[:2]
    detail = " · ".join(filter(None, (match.more, *details)))
    card = Card(pixels, caption, detail, match.score, record.uri, good, relation=match.relation)
    if title:
        card = replace(card, whole=f"{caption} ({record.id})")
    return replace(card, box=match.box) if _is_part(match) else card


def _is_part(match: Match) -> bool:
    """Whether it is certain that a part of the record's picture is what was found."""
    copied = match.relation in ("exact", "near_duplicate", "variant")
    return copied and match.box is not None and _area(match.box) < _ALL


def verdict(terms: Sequence[Term], result: SearchResult) -> str:
    """What an answer says as a whole, in a sentence; nothing where it goes without saying."""
    if result.verdict == "none" and result.matches and result.reason:
        return f"{result.reason[0].upper()}{result.reason[1:]}."
    asked_with_one = len(terms) == 1 and isinstance(terms[0], ImageTerm)
    return _VERDICTS.get(result.verdict or "", "") if asked_with_one else ""


def summary(result: SearchResult) -> str:
    """What was searched, and how long it took."""
    return f"{result.total_searched:,} searched · {result.model} · {result.took_ms:.1f} ms"


def dimmed_outside(pixels: RGB, box: Box) -> RGB:
    """A copy in which all but the box is darker, with a bright line around the box."""
    height, width = pixels.shape[:2]
    left, right = (round(x * width) for x in (box[0], box[2]))
    top, bottom = (round(y * height) for y in (box[1], box[3]))
    thick = max(2, round(max(height, width) / 100))
    shown: RGB = (pixels * np.float32(0.4)).astype(np.uint8)
    edge = np.s_[max(0, top - thick) : bottom + thick, max(0, left - thick) : right + thick]
    shown[edge] = 255
    shown[top:bottom, left:right] = pixels[top:bottom, left:right]
    return shown


def colour_name(term: ColourTerm) -> str:
    """What a colour is called, or what it is taken from."""
    match term.colour:
        case str(name):
            return name
        case RecordTerm(id=id):
            return f"of id:{id}"
        case ImageTerm() as image:
            return f"of {_image_name(image)}"


def _image_name(term: ImageTerm) -> str:
    name = str(term.image) if isinstance(term.image, str | Path) else "the picture"
    return name if "://" in name else Path(name).name


def _field_text(name: str, value: FieldValue) -> str:
    """Words speak for themselves; numbers and yes/no need their name."""
    if isinstance(value, bool):
        return f"{name} {'yes' if value else 'no'}"
    return value if isinstance(value, str) else f"{name} {value}"


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
