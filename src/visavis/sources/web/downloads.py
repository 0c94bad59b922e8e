"""Downloads kept on disk, with what their servers said about how long they hold (RFC 9111)."""

import hashlib
import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from visavis.disk import write_whole

_DAY = 86_400.0
_SHARE = 0.1  # of its age: how long a picture holds whose server says nothing else


@dataclass(frozen=True, slots=True)
class Validity:
    """Until when a download holds, and how its server is asked whether it still does."""

    until: float = 0.0
    """Seconds since the epoch."""
    etag: str = ""
    modified: str = ""
    sha256: str = ""
    """Of the bytes that this is about."""

    @property
    def fresh(self) -> bool:
        """Whether the server need not be asked."""
        return time.time() < self.until

    @property
    def conditions(self) -> dict[str, str]:
        """Headers with which the server sends the bytes only if they are others now."""
        asked = {"If-None-Match": self.etag, "If-Modified-Since": self.modified}
        return {name: value for name, value in asked.items() if value}


class Downloads:
    """A folder of them: for each URL a file, and one beside it that says how long it holds.

    The folder may be deleted at any time. One that cannot be written is no reason to fail.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, url: str) -> tuple[bytes, Validity] | None:
        """What is kept of a URL."""
        path = self.path(url)
        try:
            data = path.read_bytes()
        except OSError:
            return None
        try:
            validity = Validity(**json.loads(_beside(path).read_text()))
        except (OSError, ValueError, TypeError, RecursionError):  # none, or not whole
            return data, Validity()
        same = validity.sha256 == hashlib.sha256(data).hexdigest()
        return data, validity if same else Validity()

    def put(self, url: str, data: bytes, headers: Mapping[str, str]) -> None:
        """Keep bytes; also again, when the server says that they still hold."""
        path = self.path(url)
        validity = _validity(headers, hashlib.sha256(data).hexdigest())
        with suppress(OSError):
            write_whole(path, data)
            write_whole(_beside(path), json.dumps(asdict(validity)).encode())

    def path(self, url: str) -> Path:
        """Where the bytes of a URL are kept."""
        name = hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()
        return self._folder / name[:2] / name


def _beside(path: Path) -> Path:
    return path.with_name(path.name + ".json")


def _validity(headers: Mapping[str, str], sha256: str) -> Validity:
    etag, modified = headers.get("etag", ""), headers.get("last-modified", "")
    return Validity(time.time() + _lifetime(headers), etag, modified, sha256)


def _lifetime(headers: Mapping[str, str]) -> float:
    """Seconds for which an answer may be used without asking again."""
    stated = [part.strip().lower() for part in headers.get("cache-control", "").split(",")]
    if "no-store" in stated or "no-cache" in stated:
        return 0.0
    for part in stated:
        name, _, value = part.partition("=")
        if name == "max-age" and value.strip('"').isdigit():
            age = headers.get("age", "0")
            return float(value.strip('"')) - (float(age) if age.isdigit() else 0.0)
    if "expires" in headers:
        return _seconds_until(headers["expires"], 0.0)
    return min(_DAY, -_SHARE * _seconds_until(headers.get("last-modified", ""), -10 * _DAY))


def _seconds_until(date: str, unknown: float) -> float:
    from email.utils import parsedate_to_datetime  # searching starts without

    try:
        return parsedate_to_datetime(date).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return unknown
