"""Every error that visavis raises on purpose.

    VisavisError
    ├── UsageError                 a question or an option that makes no sense
    │   ├── FilterError            a filter that cannot be read, or a field the index lacks
    │   ├── RecordNotFoundError    an id that the index does not have
    │   ├── ConceptNotFoundError   a concept that the index does not have
    │   ├── UnknownWordError       words, or a class, that the model does not know
    │   └── StoreUnsupportedError  what this kind of store cannot do
    ├── SourceError                a folder, list or catalogue that cannot be taken in
    │   ├── LargeRemovalError      more than a tenth of its records would leave the index
    │   └── ObjectStorageError     s3:// or gs:// does not answer, or lets nobody in
    ├── ImageError                 one picture
    │   ├── ImageUnreadableError   missing, empty, truncated, or no picture at all
    │   ├── ImageFormatError       a format that this installation cannot decode
    │   ├── ImageTooLargeError     more pixels than the cap, seen in the header
    │   └── FetchError             a URL that could not be downloaded
    ├── StoreError                 the index on disk
    │   ├── IndexMissingError      there is none
    │   ├── IndexIncompatibleError made by another model or a newer version
    │   ├── IndexDamagedError      the SQLite file is not sound
    │   ├── IndexLockedError       another process is writing
    │   ├── StorageFullError       no space left
    │   └── StoreUnreachableError  a server of vectors that does not answer, or refuses to
    ├── ModelError                 a model that cannot be found, read or trusted
    │   ├── ModelNotFoundError
    │   ├── ModelSpecError         model.json: unknown key, missing key, bad value
    │   ├── ModelChecksumError     the file is not the one that model.json names
    │   ├── ModelDownloadError     the hub cannot be reached, or lacks the file
    │   ├── TextUnsupportedError   words for a model that only sees
    │   ├── ClassesUnsupportedError a class, or tags, of a model without them
    │   ├── ModelUnknownError      pictures, of an index whose vectors were computed elsewhere
    │   └── WordVectorsError       a file of word vectors that cannot be read
    ├── ClusterError               machines that were to index together, and cannot
    └── ExtraMissingError          an optional part is not installed

A message says what happened, to which file, and what to do. Each class carries the exit code of
the command line and the status of the HTTP answer.
"""

from collections.abc import Sequence
from typing import ClassVar


class VisavisError(Exception):
    """Base of all; catch this to catch everything that visavis raises on purpose."""

    exit_code: ClassVar[int] = 2
    http_status: ClassVar[int] = 500


class UsageError(VisavisError):
    """A question or an option that makes no sense."""

    http_status = 422


class FilterError(UsageError):
    """A filter that cannot be read, or a field that the index does not have."""


class RecordNotFoundError(UsageError):
    """An id that the index does not have."""

    http_status = 404

    def __init__(self, id: str) -> None:
        super().__init__(
            f"no record has the id {id!r}; `visavis search` shows ids as it finds them"
        )
        self.id = id


class ConceptNotFoundError(UsageError):
    """A concept that the index does not have; the message names those spelled nearly so."""

    http_status = 404

    def __init__(self, name: str, near: Sequence[str] = ()) -> None:
        meant = " or ".join(repr(one) for one in near)
        super().__init__(
            f"no concept is called {name!r}; "
            + (f"did you mean {meant}?" if near else "`visavis concept list` shows them all")
        )
        self.name = name


class UnknownWordError(UsageError):
    """Words of which the model knows none, or that say nothing; or a class it does not know."""


class StoreUnsupportedError(UsageError):
    """Something that the store at a place cannot do."""

    def __init__(self, place: str, what: str) -> None:
        super().__init__(f"{place}: the store of this index cannot {what}")


class SourceError(VisavisError):
    """A folder, list or catalogue that cannot be taken in."""

    http_status = 422


class LargeRemovalError(SourceError):
    """More than a tenth of a source's records would have left the index; all of them stayed."""


class ObjectStorageError(SourceError):
    """An object storage that does not answer, refuses the credentials, or has no such bucket."""

    http_status = 503


_LONGEST = 1000  # letters of a name in a message


class ImageError(VisavisError):
    """A picture that cannot be used; `uri` says which, `reason` why."""

    http_status = 422

    def __init__(self, uri: str, reason: str) -> None:
        long = len(uri) > _LONGEST  # such as a picture in base64, which is no name
        shown = f"{uri[: _LONGEST // 2]}…{uri[-_LONGEST // 2 :]}" if long else uri
        super().__init__(f"{shown}: {reason}")
        self.uri = uri
        self.reason = reason


class ImageUnreadableError(ImageError):
    """Missing, empty, truncated, or no picture at all."""


class ImageFormatError(ImageError):
    """A format that this installation cannot decode."""

    http_status = 415


class ImageTooLargeError(ImageError):
    """More pixels than the cap; found in the header, before anything was decoded."""

    http_status = 413

    def __init__(self, uri: str, width: int, height: int, limit: int) -> None:
        super().__init__(
            uri,
            f"it is too large to decode ({width} x {height} = {width * height / 1e6:.0f} "
            f"megapixels; the limit is {limit / 1e6:g}); raise it with --max-megapixels",
        )
        self.width = width
        self.height = height
        self.limit = limit


class FetchError(ImageError):
    """A URL that could not be downloaded, or must not be."""


class StoreError(VisavisError):
    """The index on disk."""

    exit_code = 3
    http_status = 503


class IndexMissingError(StoreError):
    """There is no index where one was expected."""


class IndexIncompatibleError(StoreError):
    """The index was made by another model, or by a newer visavis."""

    http_status = 409


class IndexDamagedError(StoreError):
    """The SQLite file is damaged."""


class IndexLockedError(StoreError):
    """Another process is writing to the index."""


class StorageFullError(StoreError):
    """No space is left for the index."""

    http_status = 507


class StoreUnreachableError(StoreError):
    """The server that keeps the index does not answer in time, or refuses the token."""


class ModelError(VisavisError):
    """A model that cannot be found, read or trusted."""

    exit_code = 5


class ModelNotFoundError(ModelError):
    """No model has that name, and no folder is there."""


class ModelSpecError(ModelError):
    """A model.json with an unknown key, a missing key or a bad value; it names the file and key."""


class ModelChecksumError(ModelError):
    """The weights are not the file that model.json (or the preset) names."""


class ModelDownloadError(ModelError):
    """The hub cannot be reached, or does not have the file."""


class TextUnsupportedError(ModelError):
    """Words were asked of a model that only sees pictures."""

    http_status = 422


class ClassesUnsupportedError(ModelError):
    """A class, or tags, were asked of a model that has no classifier and reads no words."""

    http_status = 422


class ModelUnknownError(ModelError):
    """Something asked of the model of an index whose vectors were computed elsewhere."""

    http_status = 422


class WordVectorsError(ModelError):
    """A file of word vectors, or a table of words, that cannot be read."""

    http_status = 422


class ClusterError(VisavisError):
    """Machines that were to index together: none answers, none goes on, or they are not alike."""

    exit_code = 6
    http_status = 503


class ExtraMissingError(VisavisError):
    """An optional part of visavis is needed and not installed."""

    exit_code = 5

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs an optional part: pip install 'visavis[{extra}]'")
        self.extra = extra
