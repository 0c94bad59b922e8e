"""How much one question may read of the records' files.

Who asks for an answer may allow less than is read otherwise, as a server does that anyone may ask:

```python
with reading_at_most(16_000_000):
    index.search(picture)
```
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar

from visavis.buckets.address import is_object
from visavis.errors import ImageError
from visavis.images.effort import work
from visavis.images.files import open_file
from visavis.types import ImageRecord

_MOST: ContextVar[int | None] = ContextVar("visavis-reading", default=None)


@contextmanager
def reading_at_most(pixels: int | None) -> Iterator[None]:
    """Let what this thread asks within read no more for a look at wholes, and as much for parts.

    Pixels as `to_decode` counts them; None: as much as is read otherwise.
    """
    before = _MOST.set(pixels)
    try:
        yield
    finally:
        _MOST.reset(before)


def allowed(pixels: int) -> int:
    """How many of so many pixels may be read."""
    most = _MOST.get()
    return pixels if most is None else min(pixels, most)


def may_be_read(record: ImageRecord) -> bool:
    """Whether a record's file may be read at all, be it the only one."""
    most = _MOST.get()
    return most is None or to_decode(record) <= most


def to_decode(record: ImageRecord) -> int:
    """The pixels of a PNG that take as long as a record's file: of a JPEG less than it has."""
    pixels = record.width * record.height
    if record.uri.startswith(("http://", "https://")) or is_object(record.uri):
        return pixels  # a search reads none of these
    with suppress(ImageError), open_file(record.uri) as file:
        return work(file, pixels)
    return pixels
