"""Where a collection is: `milvus://host:19530/shoes`, as an index is named everywhere."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self, TypedDict
from urllib.parse import parse_qsl, unquote, urlsplit

from visavis.errors import UsageError
from visavis.store.milvus.layout import HNSW, Layout

SCHEME = "milvus"
TOKEN = "VISAVIS_MILVUS_TOKEN"
"""The environment variable for the token (`user:password`, or a key), which no URL should hold."""

_BEGINNING = re.compile(f"{SCHEME}://?")  # pathlib makes one stroke of two
_PORT = 19_530
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,239}")  # what Milvus takes, and room for an end
_FORM = f"{SCHEME}://HOST:{_PORT}/[DATABASE/]COLLECTION"
_IN_TOKENS = (
    f"a token with / ? # or @ in it belongs into ${TOKEN}, or is written with %2F %3F %23 %40"
)
_DEADLINE = 10.0


@dataclass(frozen=True, slots=True)
class Address:
    """A collection of a server, and how to talk to it."""

    host: str
    port: int
    collection: str
    database: str = "default"
    tls: bool = False
    deadline: float = _DEADLINE
    """Seconds that a call may take."""
    layout: Layout = field(default_factory=Layout)
    """Of the collection, where it is made."""
    token: str = field(default="", repr=False)

    def __str__(self) -> str:
        database = "" if self.database == "default" else f"{self.database}/"
        return f"{SCHEME}://{self.host}:{self.port}/{database}{self.collection}"

    @property
    def uri(self) -> str:
        """As the client takes it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http{'s' * self.tls}://{host}:{self.port}"

    @classmethod
    def parse(
        cls, place: str | os.PathLike[str], environment: Mapping[str, str] = os.environ
    ) -> Self:
        """Read `milvus://[TOKEN@]HOST[:PORT]/[DATABASE/]COLLECTION[?tls=1&timeout=10&…]`.

        The options that say how a collection is made are those of `Layout.parse`. Raises UsageError
        when it is none.
        """
        place = _BEGINNING.sub(f"{SCHEME}://", os.fspath(place))
        try:
            parts = urlsplit(place)
            port = parts.port or _PORT
        except ValueError:  # whose text may quote a part of the token
            raise UsageError(
                f"{_without_token(place)}: no valid host and port; write {_FORM}; {_IN_TOKENS}"
            ) from None
        if "@" in f"{parts.path}{parts.query}{parts.fragment}":  # a token that ended too early
            raise UsageError(
                f"{_without_token(place)}: an @ belongs before the host alone; {_IN_TOKENS}"
            )
        *database, collection = parts.path.strip("/").split("/")
        if not parts.hostname or len(database) > 1:
            raise UsageError(f"{_without_token(place)} names no collection; write {_FORM}")
        for name in (*database, collection):
            if not _NAME.fullmatch(name):
                raise UsageError(
                    f"{_without_token(place)}: {name!r} cannot be the name of a collection or a "
                    "database in Milvus, which takes letters, digits and _"
                )
        given = unquote(parts.netloc.rpartition("@")[0])
        return cls(
            parts.hostname,
            port,
            collection,
            database[0] if database else "default",
            token=given or environment.get(TOKEN, ""),
            **_options(_without_token(place), dict(parse_qsl(parts.query))),
        )


def is_milvus(place: str | os.PathLike[str]) -> bool:
    """Whether a place is the URL of a collection, and no folder that is called so."""
    return _BEGINNING.match(os.fspath(place)) is not None and not Path(place).exists()


class _Options(TypedDict):
    tls: bool
    deadline: float
    layout: Layout


def _options(place: str, given: Mapping[str, str]) -> _Options:
    unknown = given.keys() - {"tls", "timeout", "index", "declare", "checks"}
    if unknown:
        raise UsageError(f"{place}: no option is called {min(unknown)!r}")
    try:
        deadline = float(given.get("timeout", _DEADLINE))
    except ValueError:
        deadline = 0
    if not 0 < deadline <= 3600:
        raise UsageError(f"{place}: timeout takes seconds, up to 3600")
    tls = given.get("tls", "0")
    if tls not in ("0", "1"):
        raise UsageError(f"{place}: tls takes 0 or 1")
    options = (("index", HNSW), ("declare", ""), ("checks", "1"))
    try:
        layout = Layout.parse(*(given.get(name, usual) for name, usual in options))
    except UsageError as error:
        raise UsageError(f"{place}: {error}") from error
    return {"tls": tls == "1", "deadline": deadline, "layout": layout}


def _without_token(place: str) -> str:
    """The place for a message: nobody wants a token in a log."""
    return re.sub(r"//.*@", "//", place, count=1, flags=re.DOTALL)
