"""What came over HTTP, as the indexing run reads it."""

from collections.abc import Callable, Iterator, Sequence

from visavis.types import Entry, Failure

SOURCE = "api"
"""What the index calls this source: `visavis remove --source api` removes all of it."""


class RequestSource:
    """What one request adds: an uploaded picture, or pictures at URLs.

    It removes nothing that it does not name. The bytes are on this machine already.
    """

    kind = "pushed"
    uri = SOURCE
    prunes = False
    owns_ids = True
    has_fields = True
    lists_missing = True
    readers = 2

    def __init__(self, entries: Sequence[Entry | Failure], read: Callable[[Entry], bytes]) -> None:
        self._entries = entries
        self._read = read

    def entries(self) -> Iterator[Entry | Failure]:
        """The pictures, and what could not be had of them, in the order of the request."""
        yield from self._entries

    def read(self, entry: Entry) -> bytes:
        """The bytes of a picture; raises ImageError."""
        return self._read(entry)

    def close(self) -> None:
        """There is nothing to let go of."""
