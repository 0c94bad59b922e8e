"""The pictures below a prefix in object storage, as its listing names them, page by page."""

from collections.abc import Iterator, Sequence
from itertools import islice

from visavis.buckets.address import Address
from visavis.buckets.client import READERS, Buckets, Listed
from visavis.errors import ImageUnreadableError, SourceError
from visavis.images.files import IMAGE_SUFFIXES
from visavis.images.sniff import HEAD_BYTES, sniff
from visavis.sources.endings import LeftOut, may_be_picture
from visavis.sources.excluding import Exclusion
from visavis.sources.folder import SYSTEM_FOLDERS
from visavis.sources.objects.reading import read_object
from visavis.types import Entry, Failure

_SMALL = 64_000  # bytes: reading so many costs no more than looking at the first


class BucketSource:
    """Every picture whose key begins with a prefix and a slash, in the order of the keys.

    What is taken, skipped and excluded is as in a folder (see FolderSource), but that an object
    without a picture's suffix is looked at as it is read, and not while they are listed. What is
    unchanged by size and time is not read. The id is what follows the prefix in the key.

    Raises SourceError when nothing is there, ObjectStorageError when that cannot be found out, and
    ExtraMissingError.
    """

    kind = "bucket"
    prunes = True
    owns_ids = False
    has_fields = False
    lists_missing = False
    readers = READERS

    def __init__(
        self,
        place: str,
        exclude: Sequence[str] = (),
        *,
        within: str | None = None,
        buckets: Buckets | None = None,
    ) -> None:
        self._place = Address.of_folder(place)
        self.uri = str(self._place)
        self._exclude = tuple(exclude)
        self._buckets = buckets or Buckets()
        self._below = self.uri.removeprefix(f"{within}/") + "/" if within else ""
        self._check()
        self._begin()

    def within(self, uri: str) -> "BucketSource":
        """The same pictures, with ids and fields as a walk over a prefix above gives them."""
        return BucketSource(self.uri, self._exclude, within=uri, buckets=self._buckets)

    def entries(self) -> Iterator[Entry | Failure]:
        """All pictures below the prefix; none is read."""
        self._begin()
        start = len(self._place.folder)
        for found in self._listed():
            name = found.key[start:]
            if name and self._takes(name):
                yield self._entry(name, found)

    def notes(self) -> list[str]:
        """What the last walk has left out by its kind, and globs that nothing was left out for."""
        return [*self._left_out.notes(self.uri), *self._excluded.notes(self.uri)]

    def read(self, entry: Entry) -> bytes:
        """The bytes of a picture. Raises ImageUnreadableError, ObjectStorageError."""
        if not entry.uri.lower().endswith(IMAGE_SUFFIXES) and entry.size > _SMALL:
            head = read_object(entry.uri, self._buckets, first=HEAD_BYTES)
            if sniff(head) is None:
                raise ImageUnreadableError(
                    entry.uri, "neither its name nor its bytes are a picture's"
                )
        return read_object(entry.uri, self._buckets)

    def close(self) -> None:
        """End what is being read."""
        self._buckets.close()

    def _begin(self) -> None:
        self._left_out = LeftOut()
        self._excluded = Exclusion(self.uri, self._exclude, self._below.rstrip("/"))
        self._folders: dict[str, bool] = {}

    def _listed(self) -> Iterator[Listed]:
        return self._buckets.listed(
            Address(self._place.scheme, self._place.bucket, self._place.folder)
        )

    def _check(self) -> None:
        if not list(islice(self._listed(), 1)):
            raise SourceError(
                f"{self.uri}: nothing is there; check the name (records already in the index stay "
                "as they are)"
            )

    def _takes(self, name: str) -> bool:
        """Whether an object is offered; a key with a slash at its end stands for a folder."""
        folder, _, last = name.rpartition("/")
        if not last or _is_hidden(last) or not self._enters(folder):
            return False
        if self._excluded and self._excluded(last, self._below + name):
            return False
        if last.lower().endswith(IMAGE_SUFFIXES) or may_be_picture(last):
            return True
        self._left_out.add(last)
        return False

    def _enters(self, folder: str) -> bool:
        """Whether a walk over folders would come here."""
        if not folder:
            return True
        if folder not in self._folders:
            if len(self._folders) > 10_000:  # they come in order, and are not met again
                self._folders.clear()
            above, _, name = folder.rpartition("/")
            self._folders[folder] = (
                self._enters(above)
                and not _is_hidden(name)
                and name.lower() not in SYSTEM_FOLDERS
                and not (self._excluded and self._excluded(name, self._below + folder))
            )
        return self._folders[folder]

    def _entry(self, name: str, found: Listed) -> Entry:
        id = self._below + name
        folder = id.rpartition("/")[0]
        uri = f"{self._place.top}/{found.key}"
        return Entry(id, uri, found.size, found.modified, {"folder": folder} if folder else {})


def _is_hidden(name: str) -> bool:
    return name.startswith(".") and name not in (".", "..")  # these are names like others there
