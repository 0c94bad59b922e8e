"""Pictures read to be looked at."""

from collections.abc import Callable

import numpy as np
from PIL import Image

from visavis.errors import ImageError, ObjectStorageError
from visavis.images.decode import decode, from_pillow
from visavis.matching.colour.names import shades_of
from visavis.sources.base import read_to_show
from visavis.sources.web.fetch import Fetcher
from visavis.types import RGB, ColourTerm, ImageRecord, ImageTerm, RecordTerm, Term

_SWATCH = 200  # pixels a side


def read_picture(uri: str, *, allow_private: bool = False) -> RGB | None:
    """The picture of a file or a URL (for which it is downloaded); None when it is gone."""
    fetcher = Fetcher(allow_private=allow_private)
    try:
        return decode(read_to_show(uri, fetcher), uri, min_side=400).pixels
    except (ImageError, ObjectStorageError):
        return None
    finally:
        fetcher.close()


def read_term(
    term: Term, get: Callable[[str], ImageRecord], *, allow_private: bool = False
) -> RGB | None:
    """The picture that a term asks with, by path, URL or id; None where it asks in words.

    Of a colour by its name: an even picture of it.
    """
    match term:
        case ColourTerm(colour=str(name)):
            return np.full((_SWATCH, _SWATCH, 3), shades_of(name)[0], np.uint8)
        case ColourTerm(colour=ImageTerm() | RecordTerm() as shown):
            return read_term(shown, get, allow_private=allow_private)
        case RecordTerm():
            return read_picture(get(term.id).uri, allow_private=allow_private)
        case ImageTerm(image=bytes(data)):
            return decode(data, "the query picture").pixels
        case ImageTerm(image=np.ndarray() as pixels):
            return pixels
        case ImageTerm(image=Image.Image() as picture):
            return from_pillow(picture)
        case ImageTerm():
            return read_picture(str(term.image), allow_private=allow_private)
        case _:
            return None
