"""The bytes of a picture that lies in object storage."""

from visavis.buckets.address import Address
from visavis.buckets.client import Buckets
from visavis.errors import ImageUnreadableError, UsageError

MOST = 256_000_000
"""Bytes; larger objects are refused unread."""


def read_object(
    uri: str, buckets: Buckets | None = None, *, most: int = MOST, first: int | None = None
) -> bytes:
    """The bytes of an object, or only its first.

    Raises ImageUnreadableError where it is the object's trouble, ObjectStorageError where nothing
    there can be read, ExtraMissingError.
    """
    try:
        return (buckets or Buckets()).read(Address.parse(uri), most, first=first)
    except UsageError as error:
        raise ImageUnreadableError(uri, "it is no address of an object") from error
    except OSError as error:
        raise ImageUnreadableError(uri, error.strerror or str(error)) from error
