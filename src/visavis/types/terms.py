"""What a query is made of: pictures, records, words, classes, colours, vectors."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from visavis.types.arrays import RGB, Box, Vectors

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True, slots=True, eq=False)
class ImageTerm:
    """A picture to look like: a path, the bytes of an image file, decoded pixels, or of Pillow."""

    image: "str | Path | bytes | RGB | Image.Image"
    box: Box | None = None
    weight: float = 1.0
    sha256: str | None = None
    """Of the file (hex), where decoded pixels are all that it shows."""


@dataclass(frozen=True, slots=True)
class RecordTerm:
    """A record that the index already has."""

    id: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class TextTerm:
    """Words, for models with a text side."""

    text: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class ClassTerm:
    """A class that the model's classifier knows, such as "Siamese cat": more of it, or less."""

    name: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class ConceptTerm:
    """What somebody has taught the index by marks, by its name; see `ImageIndex.concept`."""

    name: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class VectorTerm:
    """An embedding by the index's model that was made elsewhere."""

    vector: Vectors
    """(dim,), of any length but 0."""
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class ColourTerm:
    """A colour that the subject is to have: a side of its own, beside what pictures look like."""

    colour: str | ImageTerm | RecordTerm
    """A name such as "red", a hex value such as "#c01f2a", or what has the colours meant."""
    weight: float = 1.0
    """Of the colour's share in a subject, beside the other sides; negative: less of it."""


Term = ImageTerm | RecordTerm | TextTerm | ClassTerm | ConceptTerm | VectorTerm | ColourTerm
