"""Pictures read to be looked at."""

from collections.abc import Callable

import numpy as np

from visavis.errors import ImageError, ObjectStorageError
from visavis.images.decode import decode
from visavis.sources.base import read_anywhere
from visavis.sources.web.fetch import Fetcher
from visavis.types import RGB, ImageRecord, ImageTerm, RecordTerm, Term


def read_picture(uri: str) -> RGB | None:
    """The picture of a file or a URL (for which it is downloaded); None when it is gone."""
    fetcher = Fetcher()
    try:
        return decode(read_anywhere(uri, fetcher), uri, min_side=400).pixels
    except (ImageError, ObjectStorageError):
        return None
    finally:
        fetcher.close()


def read_term(term: Term, get: Callable[[str], ImageRecord]) -> RGB | None:
    """The picture that a term asks with, by path, URL or id; None where it asks in words."""
    match term:
        case RecordTerm():
            return read_picture(get(term.id).uri)
        case ImageTerm(image=bytes(data)):
            return decode(data, "the query picture").pixels
        case ImageTerm(image=np.ndarray() as pixels):
            return pixels
        case ImageTerm():
            return read_picture(str(term.image))
        case _:
            return None
