"""API keys: kept as hashes, compared in constant time.

A key file has a line for each key; blank lines and lines that begin with # are skipped:

    shop  read,write  sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae
    guest read  sha256:fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9 2027-01-31

The day is the last one (UTC) on which a key opens anything.

Keys are 32 random bytes, so a plain SHA-256 cannot be turned back; scrypt's slowness is for
passwords, which people choose.
"""

import hashlib
import hmac
import logging
import os
import re
import secrets
import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import BinaryIO

from visavis.disk import reason
from visavis.errors import UsageError

_LOG = logging.getLogger("visavis.server")

SCOPES = ("read", "write")

_LINE = re.compile(
    r"(?P<name>\S+)\s+(?P<scopes>\S+)\s+sha256:(?P<digest>[0-9a-f]{64})(\s+(?P<until>\S+))?"
)
_LOOK_EVERY = 1.0  # seconds between two looks at whether the file has changed
_PREFIX = "vv_"  # so that scanners for leaked secrets can know one


@dataclass(frozen=True, slots=True)
class Key:
    """One line of a key file."""

    name: str
    scopes: frozenset[str]
    digest: bytes
    until: date = date.max


class Keys:
    """The keys of a server."""

    def __init__(self, keys: Collection[Key]) -> None:
        self._keys = tuple(keys)

    @classmethod
    def read(cls, path: Path) -> "Keys":
        """The keys of a file; there may be none. UsageError names a line that is not understood."""
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{path}: the key file cannot be read ({reason(error)})") from error
        named = [(n, line.strip()) for n, line in enumerate(lines, 1)]
        keys = [
            _parsed(line, f"{path}, line {n}")
            for n, line in named
            if line and not line.startswith("#")
        ]
        return cls(keys)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._keys)

    def scopes(self, given: str) -> frozenset[str]:
        """What a key allows; nothing when it is unknown. Takes as long whichever key it is."""
        digest = hashlib.sha256(given.encode("utf-8", "surrogatepass")).digest()
        found: frozenset[str] = frozenset()
        for key in self._keys:
            if hmac.compare_digest(key.digest, digest):
                found = key.scopes if datetime.now(UTC).date() <= key.until else frozenset()
        return found


def check_keys(path: Path) -> None:
    """Raise UsageError for a file of keys that cannot be read, or holds none: nobody could ask."""
    if not len(Keys.read(path)):
        raise UsageError(
            f"{path}: there is no key in it; make one with: visavis serve --new-key NAME "
            f"--api-key-file {path}"
        )


class KeyFile:
    """The keys of a file, read again when it has changed. Used from the event loop alone.

    A file without keys is none to complain of: all may be taken back before a worker is replaced.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._keys = Keys(())
        self._mark = self._marked()
        self._read()
        self._looked = time.monotonic()

    def scopes(self, given: str) -> frozenset[str]:
        """What a key allows."""
        if time.monotonic() - self._looked > _LOOK_EVERY:
            self.look()
        return self._keys.scopes(given)

    def look(self) -> None:
        """Read the file again if it has changed.

        Also to be called while nobody asks: else a worker that nobody asked between two changes
        would keep what the first took back, where the second broke the file.
        """
        self._looked = time.monotonic()
        if (mark := self._marked()) != self._mark:
            self._mark = mark
            self._read()

    def _read(self) -> None:
        try:
            self._keys = Keys.read(self._path)
        except UsageError as error:  # it may just be written: the keys of before hold
            _LOG.error("the keys stay as they were: %s", error)
        else:
            none = "" if len(self._keys) else "; there is no key in it, and none is taken"
            _LOG.info("%s: read%s", self._path, none)

    def _marked(self) -> tuple[int, int, int]:
        try:
            found = self._path.stat()
        except OSError:
            return 0, 0, 0
        return found.st_mtime_ns, found.st_size, found.st_ino


def _parsed(line: str, where: str) -> Key:
    found = _LINE.fullmatch(line)
    if found is None:
        raise UsageError(
            f"{where}: write NAME SCOPES sha256:HEX and perhaps the last day, as visavis serve "
            "--new-key does"
        )
    scopes = frozenset(found["scopes"].split(","))
    if not scopes <= set(SCOPES):
        raise UsageError(f"{where}: the scopes are {' and '.join(SCOPES)}, not {found['scopes']!r}")
    return Key(found["name"], scopes, bytes.fromhex(found["digest"]), _day(found["until"], where))


def _day(text: str | None, where: str) -> date:
    try:
        return date.max if text is None else date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{where}: {text!r} is no day; write it as 2027-01-31") from error


def new_key(path: Path, name: str, scopes: Collection[str], until: str | None = None) -> str:
    """Add a key to a file, which is made if need be, readable by its owner alone.

    Returns the key, which is written nowhere. Raises UsageError for a bad name, scope or day, and
    for a file that holds anything but keys.
    """
    _check_new(name, scopes, until)
    key = _PREFIX + secrets.token_urlsafe(32)
    digest = hashlib.sha256(key.encode()).hexdigest()
    line = f"{name} {','.join(scope for scope in SCOPES if scope in scopes)} sha256:{digest}"
    line += f" {until}" if until else ""
    if path.exists():
        Keys.read(path)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "a+b") as file:
            file.write(_line_end(file) + line.encode() + b"\n")
    except OSError as error:
        raise UsageError(f"{path}: the key file cannot be written ({error.strerror})") from error
    return key


def _check_new(name: str, scopes: Collection[str], until: str | None) -> None:
    if not re.fullmatch(r"[\w.@-]+", name):
        raise UsageError(f"--new-key {name!r}: a name has letters, digits and . _ - @ alone")
    for scope in scopes:
        if scope not in SCOPES:
            raise UsageError(
                f"--scope {scope!r}: the scopes are {' and '.join(SCOPES)}; a key has both where "
                "the option is repeated"
            )
    if _day(until, "--until") < datetime.now(UTC).date():
        raise UsageError(f"--until {until}: that day is over (UTC); the key would open nothing")


def _line_end(file: BinaryIO) -> bytes:
    """What a file of lines lacks before another one: editors may leave the last without its end."""
    if not file.seek(0, os.SEEK_END):
        return b""
    file.seek(-1, os.SEEK_END)
    return b"" if file.read(1) == b"\n" else b"\n"
