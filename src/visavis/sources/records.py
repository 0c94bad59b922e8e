"""What an index has as a source for another one, or for a training."""

from collections.abc import Iterable, Iterator

from visavis.sources.base import read_anywhere
from visavis.sources.web.fetch import Fetcher
from visavis.types import Entry, Failure, ImageRecord


class RecordsSource:
    """Records, such as those of an index, by the ids that they have. Pictures are read anew.

    Args:
        records: An index, or any other records that can be gone through again.
    """

    kind = "records"
    uri = "records"
    prunes = False
    owns_ids = True
    has_fields = True
    lists_missing = False
    readers = 4

    def __init__(self, records: Iterable[ImageRecord]) -> None:
        self._records = records
        self._fetcher = Fetcher()

    def entries(self) -> Iterator[Entry | Failure]:
        """The records."""
        for one in self._records:
            yield Entry(one.id, one.uri, one.size, one.modified, one.fields)

    def read(self, entry: Entry) -> bytes:
        """The bytes of a picture. Raises ImageError."""
        return read_anywhere(entry.uri, self._fetcher)

    def close(self) -> None:
        """Close connections that are still open."""
        self._fetcher.close()
