"""Requests to an object storage: each with an end, tried again where that may help."""

import importlib
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import datetime
from functools import lru_cache, partial
from operator import methodcaller
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

from visavis.buckets.address import Address
from visavis.buckets.refusals import Asked, BrokenOffError, understood
from visavis.errors import ExtraMissingError, ObjectStorageError, UsageError, VisavisError

GOOGLE = "VISAVIS_GS_ENDPOINT"
"""The environment variable for another endpoint of gs:// than Google's own."""
READERS = 16
"""How many requests at once do good."""
TIMEOUT = 10.0
"""Seconds to connect, and between two pieces of an answer."""
RETRIES = 2
DEADLINE = 120.0
"""Seconds for one object with all tries: some servers send byte by byte."""

_GOOGLES = "https://storage.googleapis.com"
_PIECE = 1 << 20  # bytes
_PAUSE = 0.5  # seconds; twice as long each time
_SLOWEST = 50_000  # bytes a second, of what is large
_LARGEST = 5 * 10**9  # bytes that one request may store

T = TypeVar("T")


class Listed(NamedTuple):
    """What a listing says of an object."""

    key: str
    size: int
    modified: float
    """Seconds since the epoch; S3 counts whole ones."""


class Stat(NamedTuple):
    """What is known of an object before it is read."""

    size: int
    etag: str
    """Another one for another content."""


class Buckets:
    """The buckets that the environment has keys for, read by botocore. Safe to use from threads.

    Endpoint, region and credentials are found as all tools of AWS find them (AWS_ENDPOINT_URL,
    AWS_REGION, AWS_ACCESS_KEY_ID, AWS_PROFILE, ~/.aws, the role of a machine). Without credentials
    it asks unsigned, for public buckets. gs:// is Google's XML API with an HMAC key.

    Methods raise OSError where one object is gone, forbidden or too large; ObjectStorageError where
    the storage does not answer, the credentials are refused, or there is no such bucket; and
    ExtraMissingError where botocore is not installed.
    """

    def __init__(
        self,
        *,
        timeout: float = TIMEOUT,
        retries: int = RETRIES,
        deadline: float = DEADLINE,
        page: int = 1000,
    ) -> None:
        self._timeout = timeout
        self._retries = retries
        self._deadline = deadline
        self._page = page
        self._stopped = threading.Event()

    def __reduce__(self) -> tuple[Callable[..., "Buckets"], tuple[()]]:
        """To another process go only the numbers; keys and connections are its own."""
        seconds = {"timeout": self._timeout, "deadline": self._deadline}
        return partial(Buckets, retries=self._retries, page=self._page, **seconds), ()

    def listed(self, place: Address) -> Iterator[Listed]:
        """All objects whose keys begin with a place's, in the order of their keys; lazily."""
        asked = {"Bucket": place.bucket, "Prefix": place.key, "MaxKeys": self._page}
        while True:
            ask = methodcaller("list_objects_v2", **asked)
            page: dict[str, Any] = self._tried(place, ask, one=False)
            for found in page.get("Contents", ()):
                yield Listed(found["Key"], found["Size"], found["LastModified"].timestamp())
            if not page.get("IsTruncated"):
                return
            asked["ContinuationToken"] = page["NextContinuationToken"]

    def read(self, place: Address, most: int, *, first: int | None = None) -> bytes:
        """The bytes of an object of at most `most`; with `first`, no more than its first."""
        end = time.monotonic() + self._deadline
        part = {} if first is None else {"Range": f"bytes=0-{first - 1}"}

        def read(client: Any) -> bytes:
            try:
                answer = client.get_object(Bucket=place.bucket, Key=place.key, **part)
            except client.exceptions.ClientError as error:
                if first and error.response["Error"]["Code"] in ("InvalidRange", "416"):
                    return b""  # nothing is in it
                raise
            with closing(answer["Body"]):
                if first is None and answer["ContentLength"] > most:
                    raise OSError(f"it is larger than {most / 1e6:g} MB")
                return b"".join(self._pieces(answer, place, end))[:first]

        return self._tried(place, read)

    def stat(self, place: Address) -> Stat:
        """How large an object is, and which one."""
        ask = methodcaller("head_object", Bucket=place.bucket, Key=place.key)
        found: dict[str, Any] = self._tried(place, ask)
        return Stat(int(found["ContentLength"]), str(found["ETag"]))

    def read_part(self, place: Address, known: Stat, start: int, stop: int) -> bytes:
        """The bytes of an object from `start` up to `stop`, as long as it is the one that is known.

        Raises OSError also where another has taken its place.
        """
        asked = {"Bucket": place.bucket, "Key": place.key, "IfMatch": known.etag}

        def read(client: Any) -> bytes:
            end = time.monotonic() + self._deadline + (stop - start) / _SLOWEST
            answer = client.get_object(Range=f"bytes={start}-{stop - 1}", **asked)
            with closing(answer["Body"]):
                return b"".join(self._pieces(answer, place, end))

        return self._tried(place, read)

    def write(self, place: Address, content: bytes | Path) -> None:
        """Put bytes, or those of a file, into a place: at once or not at all."""

        def write(client: Any) -> None:
            if isinstance(content, bytes):
                client.put_object(Bucket=place.bucket, Key=place.key, Body=content)
                return
            with content.open("rb") as file:
                client.put_object(Bucket=place.bucket, Key=place.key, Body=file)

        size = len(content) if isinstance(content, bytes) else content.stat().st_size
        if size > _LARGEST:
            raise OSError(f"{place}: it is larger than 5 GB")
        self._tried(place, write, one=False)

    def remove(self, place: Address) -> None:
        """Delete an object; one that is not there is no trouble."""
        ask = methodcaller("delete_object", Bucket=place.bucket, Key=place.key)
        self._tried(place, ask, one=False)

    def link(self, place: Address, seconds: int) -> str:
        """A URL by which anybody may read an object for some seconds; nobody is asked."""
        what = {"Bucket": place.bucket, "Key": place.key}
        ask = methodcaller("generate_presigned_url", "get_object", what, ExpiresIn=seconds)
        return str(self._tried(place, ask))

    def close(self) -> None:
        """End what is under way, soon; nothing begins any more."""
        self._stopped.set()

    def _tried(self, place: Address, step: Callable[[Any], T], *, one: bool = True) -> T:
        """What a step gives, at the latest at the last try."""
        end = time.monotonic() + self._deadline
        asked = Asked(place, f"{place.scheme}://", signed=True, one=one)
        attempt = 0
        while True:
            self._go_on(place)
            try:
                made = _made(place.scheme, _environment(), self._timeout)
                asked = asked._replace(endpoint=made.endpoint, signed=made.signed)
                return step(made.client)
            except VisavisError:
                raise
            except Exception as error:
                found = understood(error, asked)
                if found is None:
                    raise
                pause = _PAUSE * 2**attempt
                if not found.again:
                    raise found.error from error
                if attempt == self._retries or time.monotonic() + pause > end:
                    alone = one and self._answers(place)
                    raise (found.of_one(asked) if alone else found.error) from error
            self._stopped.wait(pause)
            attempt += 1

    def _answers(self, place: Address) -> bool:
        """Whether the bucket answers, be it that it refuses: then one object is the trouble."""
        asked = Asked(place, "", signed=True, one=False)
        try:
            client = _made(place.scheme, _environment(), self._timeout).client
            client.list_objects_v2(Bucket=place.bucket, MaxKeys=1)
        except Exception as error:
            found = understood(error, asked)
            return found is not None and not found.again
        return True

    def _pieces(self, answer: dict[str, Any], place: Address, end: float) -> Iterator[bytes]:
        """The body of an answer as it comes, until a moment of `time.monotonic`."""
        raw = answer["Body"]._raw_stream  # botocore's own `read` waits for all that it is asked for
        left = int(answer["ContentLength"])
        while left > 0:
            piece = raw.read1(_PIECE)
            if not piece:
                raise BrokenOffError
            left -= len(piece)
            yield piece
            self._go_on(place)
            if time.monotonic() > end:
                raise OSError("it did not arrive in time; its server sends too slowly")

    def _go_on(self, place: Address) -> None:
        if self._stopped.is_set():
            raise ObjectStorageError(f"{place}: reading was stopped")


class _Made(NamedTuple):
    client: Any
    endpoint: str
    signed: bool


def _environment() -> tuple[tuple[str, str], ...]:
    """What decides who is asked, and with whose keys."""
    return tuple(sorted(i for i in os.environ.items() if i[0].startswith(("AWS_", GOOGLE))))


def _moment(value: Any) -> datetime:
    """A time of an answer: nearly always as 2026-01-02T03:04:05.000Z."""
    if isinstance(value, str) and value[10:11] == "T":
        with suppress(ValueError):
            return datetime.fromisoformat(value)
    from botocore.utils import parse_timestamp

    moment: datetime = parse_timestamp(value)
    return moment


@lru_cache(8)  # making one takes a tenth of a second, and it has the open connections
def _made(scheme: str, environment: tuple[tuple[str, str], ...], timeout: float) -> _Made:
    try:
        session = importlib.import_module("botocore.session").Session()
        configured = importlib.import_module("botocore.config").Config
    except ModuleNotFoundError as error:
        raise ExtraMissingError(f"{scheme}://", "s3") from error
    logging.getLogger("botocore").setLevel(logging.ERROR)  # it tells where it found credentials
    # Four fifths of the time of a listing are dateutil's, which reads times of any kind.
    parsers = session.get_component("response_parser_factory")
    parsers.set_parser_defaults(timestamp_parser=_moment)
    given = dict(environment)
    endpoint = (given.get(GOOGLE) or _GOOGLES) if scheme == "gs" else None
    signed = session.get_credentials() is not None

    version = "s3v4" if signed else importlib.import_module("botocore").UNSIGNED

    def client(**s3: str) -> Any:
        config = configured(
            connect_timeout=timeout,
            read_timeout=timeout,
            retries={"total_max_attempts": 1},  # ours are others: also of what breaks off half-way
            max_pool_connections=2 * READERS,
            request_checksum_calculation="when_required",  # some servers do not know the new ones
            response_checksum_validation="when_required",
            s3=s3,
            signature_version=version,
        )
        try:
            return session.create_client("s3", endpoint_url=endpoint, config=config)
        except ValueError as error:
            if type(error) is not ValueError:  # botocore's own: the region is none
                raise UsageError(f"{scheme}://: {error}") from error
            raise UsageError(  # the text of which would quote it, with a password that is in it
                f"{scheme}://: the endpoint is no URL; write it as https://HOST:PORT"
            ) from None

    made = client()
    if not (urlsplit(made.meta.endpoint_url).hostname or "").endswith(".amazonaws.com"):
        made = client(addressing_style="path")  # few others have a host name for each bucket
    parts = urlsplit(made.meta.endpoint_url)  # shown without a password that is in it
    return _Made(made, f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", signed)
