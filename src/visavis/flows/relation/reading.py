"""How much one question may read of the records' files.

Who asks for an answer may allow less than is read otherwise, as a server does that anyone may ask:

```python
with reading_at_most(24_000_000):
    index.search(picture)
```
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

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


def to_decode(record: ImageRecord) -> int:
    """The pixels of a record's file; those of a JPEG count an eighth, as it is decoded smaller."""
    jpeg = record.uri.lower().endswith((".jpg", ".jpeg"))
    return record.width * record.height // (8 if jpeg else 1)
