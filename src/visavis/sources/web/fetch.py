"""Pictures from http(s) URLs: politely, within limits, and never twice."""

import math
import random
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urljoin

from visavis.disk import cache_home
from visavis.errors import FetchError
from visavis.images.sniff import sniff
from visavis.sources.web.deadline import Deadline, StoppedError, TooLateError
from visavis.sources.web.downloads import Downloads
from visavis.sources.web.hosts import Hosts, SilentHostError
from visavis.sources.web.unpacking import unpacked

if TYPE_CHECKING:
    import httpx

MAX_BYTES = 50_000_000
MAX_REDIRECTS = 5
TIMEOUT = 10.0  # seconds to connect, and between two pieces of an answer
DEADLINE = 120.0  # seconds for connecting, redirects and the whole answer: some send byte by byte
LONGEST_WAIT = 60.0  # seconds; a server that wants more is reported instead of waited for

_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_HEADERS = {
    "User-Agent": "visavis (image indexing)",
    "Accept": "image/*,*/*;q=0.5",
    "Accept-Encoding": "identity",  # pictures are packed already
}


def is_url(text: str) -> bool:
    """Whether a text is an http(s) URL rather than a path."""
    return text[:8].lower().startswith(("http://", "https://"))


def default_cache() -> Path:
    """Where downloads are kept: $XDG_CACHE_HOME/visavis/downloads, or the same in ~/.cache."""
    return cache_home("downloads")


class _Busy(Exception):
    """The URL may work later: a transport error, 408, 429 or 5xx."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


class _OutOfReachError(FetchError):
    """The server could not be reached, or was too busy or too slow."""


class _Answer(NamedTuple):
    data: bytes
    headers: Mapping[str, str]
    location: str | None = None
    unchanged: bool = False


@dataclass(slots=True)
class _Time:
    """What is left of the time for a download."""

    end: float
    """When the caller needs an answer, by `time.monotonic`."""
    network: float = 0.0
    """Seconds with the network; waiting for a turn is not the server's fault."""


class Fetcher:
    """Downloads pictures; one object for all threads of a run.

    Tries again (`retries` times, with growing pauses that respect Retry-After) on 408, 429, 5xx
    and broken connections; asks one host `per_host` things at once; stops at `max_bytes`; follows
    five redirects; takes at most two minutes for all of that, each time. A host that has answered
    nothing for `patience` seconds is left alone but for one try in so many. Only the public
    internet is reached unless `allow_private`; proxies from the environment are not used, as they
    would hide where a connection ends.

    What turned out to be a picture is kept in `cache` as long as its server says (max-age), and
    then asked for only if it is another one (ETag, Last-Modified); while the server is out of
    reach, what is kept will do. With `refresh` servers are always asked, and have to answer. With
    `keep` off nothing is kept or looked for there. With `for_strangers` on errors do not tell where
    a name leads, nor what to change.
    """

    def __init__(
        self,
        *,
        cache: Path | None = None,
        allow_private: bool = False,
        max_bytes: int = MAX_BYTES,
        per_host: int = 4,
        retries: int = 3,
        backoff: float = 0.5,
        patience: float = 60.0,
        keep: bool = True,
        refresh: bool = False,
        for_strangers: bool = False,
    ) -> None:
        self._cache = cache
        self._allow_private = allow_private
        self._max_bytes = max_bytes
        self._retries = retries
        self._backoff = backoff
        self._keeps = keep
        self._refreshes = refresh
        self._for_strangers = for_strangers
        self._deadline = Deadline()
        self._patience = patience
        self._hosts = Hosts(per_host, self._deadline, patience)
        self._lock = threading.Lock()
        self._active = 0  # requests that use the client
        self._made: httpx.Client | None = None

    def fetch(self, url: str, seconds: float = math.inf) -> bytes:
        """The bytes at a URL, from the cache or the network; raises FetchError.

        Args:
            url: The URL.
            seconds: When the caller needs an answer: all tries and waits end by then.
        """
        if not self._keeps:
            return self._download(url, seconds, {}).data
        kept = self._downloads.get(url)
        if kept is not None and kept[1].fresh and not self._refreshes:
            return kept[0]
        try:
            answer = self._download(url, seconds, {} if kept is None else kept[1].conditions)
        except _OutOfReachError:
            if kept is None or self._refreshes:
                raise
            return kept[0]  # better than none
        data = kept[0] if kept is not None and answer.unchanged else answer.data
        if sniff(data[:32]) is not None:  # a login page must not stay for ever
            self._downloads.put(url, data, answer.headers)
        return data

    def kept(self, url: str) -> bytes | None:
        """The bytes at a URL as far as they are in the cache; the network is not asked."""
        found = self._downloads.get(url)
        return None if found is None else found[0]

    def keeps(self, url: str) -> bool:
        """Whether what is at a URL is in the cache."""
        return self._downloads.path(url).is_file()

    @property
    def _downloads(self) -> Downloads:
        return Downloads(self._cache or default_cache())

    def close(self) -> None:
        """Stop what is under way, in a fraction of a second, and close connections.

        Returns at once: the last thread that is on its way out closes them.
        """
        self._deadline.stop()
        with self._lock:
            self._close_if_idle()

    def _close_if_idle(self) -> None:
        if self._deadline.stopped and not self._active and self._made is not None:
            self._made.close()
            self._made = None

    def _download(self, url: str, seconds: float, conditions: Mapping[str, str]) -> _Answer:
        time_left = _Time(time.monotonic() + seconds)
        try:
            with self._deadline.until(time_left.end):
                return self._try(url, time_left, conditions)
        except StoppedError as error:
            raise FetchError(url, "the download was stopped: its fetcher is closed") from error
        except TooLateError as error:
            limit = min(seconds, DEADLINE)
            raise _OutOfReachError(url, f"it did not arrive within {limit:g} seconds") from error

    def _try(self, url: str, time_left: _Time, conditions: Mapping[str, str]) -> _Answer:
        attempt = 0
        while True:
            time_left.network = DEADLINE
            try:
                return self._follow(url, time_left, conditions)
            except _Busy as error:
                # Half of the pause is random, so that many readers do not come back in step.
                pause = self._backoff * 2**attempt * random.uniform(0.5, 1.0)
                pause = max(pause, error.wait or 0.0)
                if attempt == self._retries or pause > LONGEST_WAIT:
                    raise _OutOfReachError(url, f"{error}; tried {_times(attempt + 1)}") from error
                self._deadline.sleep(pause)
            attempt += 1

    def _follow(self, url: str, time_left: _Time, conditions: Mapping[str, str]) -> _Answer:
        here = url
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._get(here, url, time_left, conditions)
            if answer.location is None:
                return answer
            try:
                here = urljoin(here, answer.location)
            except ValueError as error:
                raise FetchError(url, f"it leads to an invalid URL ({error})") from error
            if not is_url(here):
                raise FetchError(url, f"it leads to {here}, which is no http(s) URL")
        raise FetchError(url, f"it was redirected more than {MAX_REDIRECTS} times")

    def _get(self, here: str, url: str, time_left: _Time, conditions: Mapping[str, str]) -> _Answer:
        """One request and its whole answer; `url` is the URL that was asked for first."""
        import httpcore
        import httpx

        from visavis.sources.web.addresses import PrivateAddressError

        try:
            parsed = httpx.URL(here)
            host, server = parsed.host, parsed.netloc.decode()
            with (
                self._turn(host, server, time_left),
                self._client() as client,
                client.stream("GET", here, headers=dict(conditions)) as response,
            ):
                body = self._body(response, url) if response.status_code == 200 else b""
                self._hosts.answered(server)
                return self._answer(response, body, url)
        except SilentHostError as error:
            raise _OutOfReachError(url, self._told_silent(server)) from error
        except PrivateAddressError as error:
            raise FetchError(url, self._told_private(host, error)) from error
        except httpcore.TimeoutException as error:
            self._hosts.was_silent(server)
            raise _Busy(f"the server did not answer within {TIMEOUT:g} seconds") from error
        except (httpcore.NetworkError, httpcore.RemoteProtocolError) as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise FetchError(url, f"its certificate is not trusted ({error})") from error
            self._hosts.was_silent(server)
            raise _Busy(f"the connection failed ({error})") from error
        except (
            httpx.HTTPError,  # only httpx itself: our transport raises httpcore's errors
            httpx.InvalidURL,
            httpcore.LocalProtocolError,
            httpcore.UnsupportedProtocol,
            ValueError,  # odd URLs
        ) as error:
            raise FetchError(url, f"it cannot be downloaded ({error})") from error

    def _answer(self, response: "httpx.Response", body: bytes, url: str) -> _Answer:
        status = response.status_code
        if status in _REDIRECTS and "location" in response.headers:
            return _Answer(b"", response.headers, location=response.headers["location"])
        if status == 304 and {"if-none-match", "if-modified-since"} & set(response.request.headers):
            return _Answer(b"", response.headers, unchanged=True)
        reason = f"the server answered {status} {response.reason_phrase}".rstrip()
        if status in (408, 429) or status >= 500:
            raise _Busy(reason, _retry_after(response.headers.get("retry-after")))
        if status != 200:
            raise FetchError(url, reason)
        return _Answer(body, response.headers)

    def _body(self, response: "httpx.Response", url: str) -> bytes:
        too_large = FetchError(url, f"it is larger than {self._max_bytes / 1e6:g} MB")
        announced = response.headers.get("content-length", "")
        if announced.isdigit() and int(announced) > self._max_bytes:
            raise too_large
        body = bytearray()
        packed = response.headers.get("content-encoding", "")
        for piece in unpacked(response.iter_raw(), packed):
            body += piece
            if len(body) > self._max_bytes:
                raise too_large
        return bytes(body)

    def _told_silent(self, server: str) -> str:
        return (
            f"{server} has answered nothing for {self._patience:g} seconds, so the rest of what is "
            "there is left alone; run this again when it is back"
        )

    def _told_private(self, host: str, error: Exception) -> str:
        reason = f"{host} is not on the public internet"
        if self._for_strangers:  # where names of this network lead is not for them
            return f"{reason}, and this server fetches from nowhere else"
        return f"{reason} ({error}); use --allow-private if that is meant"

    @contextmanager
    def _turn(self, host: str, server: str, time_left: _Time) -> Iterator[None]:
        """Take a turn at a host, and then the time for it."""
        with self._hosts.turn(host, server):
            started = time.monotonic()
            try:
                with self._deadline.until(min(time_left.end, started + time_left.network)):
                    yield
            finally:
                time_left.network -= time.monotonic() - started

    @contextmanager
    def _client(self) -> Iterator["httpx.Client"]:
        from visavis.sources.web.transport import make_client

        with self._lock:
            if self._deadline.stopped:
                raise StoppedError
            if self._made is None:
                self._made = make_client(self._allow_private, self._deadline, TIMEOUT, _HEADERS)
            self._active += 1
            client = self._made
        try:
            yield client
        finally:
            with self._lock:
                self._active -= 1
                self._close_if_idle()


def fetched(url: str, allow_private: bool) -> bytes:
    """The bytes at one URL, with a fetcher of its own; raises ImageError."""
    fetcher = Fetcher(allow_private=allow_private, keep=False)
    try:
        return fetcher.fetch(url)
    finally:
        fetcher.close()


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _retry_after(header: str | None) -> float | None:
    """Seconds that a Retry-After header asks for: a number or a date (RFC 9110, 10.2.3)."""
    from email.utils import parsedate_to_datetime

    if header is None:
        return None
    if header.strip().isdigit():
        return float(header)
    with suppress(ValueError, TypeError, OverflowError):
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    return None
