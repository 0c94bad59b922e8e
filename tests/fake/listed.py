"""A source that a test holds in its hand."""

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence

from visavis.errors import ImageUnreadableError
from visavis.types import Entry, Failure, Fields


def address(id: str, data: bytes | None) -> str:
    """Where `Listed` says that an image is."""
    return f"/pictures/{id}#" + hashlib.sha256(data or b"").hexdigest()[:12]


class Listed:
    """Images by id in memory; it notes how many of them are in flight at once."""

    prunes = True

    def __init__(
        self,
        images: Sequence[tuple[str, bytes | None] | tuple[str, bytes | None, Fields]],
        uri: str = "/pictures/all.csv",
        kind: str = "catalogue",
        readers: int = 4,
    ) -> None:
        self.kind = kind
        self.owns_ids = kind != "folder"
        self.has_fields = self.lists_missing = kind == "catalogue"
        self.uri = uri
        self.readers = readers
        self._images = images
        self.reads = 0
        self.failures: list[Failure] = []
        self._guard = threading.Lock()
        self.told: Callable[[int], None] = lambda count: None

    def entries(self) -> Iterator[Entry | Failure]:
        for at, (id, data, *fields) in enumerate(self._images):
            size = -1 if data is None else len(data)
            yield Entry(id, address(id, data), size, 5.0, fields[0] if fields else {})
            self.told(at)
        yield from self.failures

    def read(self, entry: Entry) -> bytes:
        with self._guard:
            self.reads += 1
        for id, data, *_ in self._images:
            if data is not None and address(id, data) == entry.uri:
                return data
        raise ImageUnreadableError(entry.uri, "there is no such file")

    def close(self) -> None:
        pass
