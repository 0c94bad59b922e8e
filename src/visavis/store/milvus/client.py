"""Calls to a Milvus server: each with a deadline, and with one sentence for each trouble."""

import contextlib
import importlib
import json
import logging
import socket
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from visavis.errors import (
    ExtraMissingError,
    IndexMissingError,
    StoreError,
    StoreUnreachableError,
)
from visavis.store.milvus.address import TOKEN, Address
from visavis.types import Vectors

LARGEST = 16_384
"""What one call of Milvus returns, offset and limit together."""

Row = dict[str, Any]

_ABSENT = ("collection not found", "can't find collection", "code=100,")
_STARTING = ("not loaded", "code=101", "no available", "not ready")
_WAIT = "Milvus is still starting, or has more to do than it can; try again soon"
_CONNECTING = 5.0
"""Seconds."""

_WRITES: Counter[str] = Counter()
"""Where this process has written, and how often: there it waits for its own writes as it reads."""
_REMOVED: dict[str, int] = {}
"""Where it has removed something (how often) and not read since: 2.3 does not say when it was."""


class Client:
    """A collection, spoken to by pymilvus. Safe to use from threads."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._guard = threading.Lock()
        self._connected: Any = None
        self._closed = False

    def close(self) -> None:
        """Let the connection go."""
        with self._guard:
            self._closed = True
            if self._connected is not None:
                with contextlib.suppress(Exception):  # it may be gone already
                    self._connected.close()
            self._connected = None

    @property
    def name(self) -> str:
        """Of the collection, or of the alias that leads to it."""
        return self.address.collection

    # -- the collection ----------------------------------------------------------------------------

    @property
    def writes(self) -> int:
        """How often this process has changed rows of the collection."""
        return _WRITES[str(self.address)]

    def exists(self) -> bool:
        """Whether there is such a collection, or an alias of that name."""
        return bool(self._call("has_collection", self.name))

    def describe(self) -> Row:
        """What Milvus says of the collection. Raises IndexMissingError."""
        return dict(self._call("describe_collection", self.name))

    def create(self, dim: int, properties: dict[str, str]) -> None:
        """Make the collection for vectors of so many dimensions."""
        kinds = _pymilvus().DataType
        schema = self._client().create_schema(auto_id=False, enable_dynamic_field=False)
        longest = 65_535  # bytes
        schema.add_field("id", kinds.VARCHAR, is_primary=True, max_length=longest)
        schema.add_field("vector", kinds.FLOAT_VECTOR, dim=dim)
        schema.add_field("sha256", kinds.VARCHAR, max_length=64)
        schema.add_field("source", kinds.INT64)
        schema.add_field("uri", kinds.VARCHAR, max_length=longest)
        for name in ("width", "height", "size", "modified"):  # integers would refuse < 1.5
            schema.add_field(name, kinds.DOUBLE)
        schema.add_field("fields", kinds.JSON)
        index = self._client().prepare_index_params()
        made = {"M": 16, "efConstruction": 200} if self.address.kind == "HNSW" else {}
        index.add_index("vector", index_type=self.address.kind, metric_type="COSINE", params=made)
        self._call(
            "create_collection",
            self.name,
            schema=schema,
            index_params=index,
            consistency_level="Bounded",
            properties=properties,
        )

    def note(self, properties: dict[str, str]) -> None:
        """Add to the collection's properties."""
        self._call("alter_collection_properties", self.name, properties=properties)

    def settle(self) -> None:
        """Have what was written sealed, so that Milvus builds its index over it."""
        self._call("flush", self.name)

    # -- rows --------------------------------------------------------------------------------------

    def upsert(self, rows: Sequence[Row]) -> None:
        """Add or replace rows; when it returns, Milvus has them for good."""
        self._call("upsert", self.name, data=list(rows))
        _WRITES[str(self.address)] += 1

    def delete(self, expression: str) -> None:
        """Remove the rows that pass."""
        assert expression  # nothing would be everything
        self._call("delete", self.name, filter=expression)
        place = str(self.address)
        _WRITES[place] += 1
        _REMOVED[place] = _REMOVED.get(place, 0) + 1

    def query(
        self,
        expression: str,
        columns: Sequence[str],
        limit: int | None = None,
        strong: bool = False,
    ) -> list[Row]:
        """Rows that pass, in order of id where a limit is given."""
        more = {} if limit is None else {"limit": limit}
        found = self._read("query", strong, filter=expression, output_fields=list(columns), **more)
        return [dict(row) for row in found]

    def count(self, expression: str = "", strong: bool = False) -> int:
        """How many rows pass."""
        [row] = self.query(expression, ["count(*)"], strong=strong)
        return int(row["count(*)"])

    def walk(self, expression: str, columns: Sequence[str], block: int) -> Iterator[list[Row]]:
        """All rows that pass, in order of id, some at a time; rows written meanwhile may be there.

        It goes on from the last id and holds nothing on the server, so it may take its time.
        """
        after = ""
        while True:
            parts = [f"({part})" for part in (expression, after) if part]
            rows = self.query(" and ".join(parts) or 'id >= ""', ["id", *columns], block)
            if rows:
                yield rows
            if len(rows) < block:
                return
            after = f"id > {quoted(rows[-1]['id'])}"

    def nearest(self, vectors: Vectors, expression: str, limit: int) -> list[list[Row]]:
        """For each vector: ids and cosines (`distance`) of the nearest rows, best first."""
        wide = max(64, 2 * limit)  # Milvus refuses to look for more than `ef`
        return [
            [{"id": row["id"], "distance": row["distance"]} for row in found]
            for found in self._read(
                "search",
                data=vectors.tolist(),
                anns_field="vector",
                filter=expression,
                limit=limit,
                output_fields=["id"],
                search_params={"metric_type": "COSINE", "params": {"ef": wide, "nprobe": 64}},
            )
        ]

    def _read(self, method: str, strong: bool = False, **named: Any) -> Any:
        """Own writes are read at once; those of others within seconds, which costs no waiting."""
        place = str(self.address)
        removed = _REMOVED.get(place, 0)
        level = "Session" if _WRITES[place] else "Bounded"
        level = "Strong" if strong or removed else level
        found = self._call(method, self.name, consistency_level=level, **named)
        if removed and _REMOVED.get(place) == removed:
            del _REMOVED[place]
        return found

    # -- talking -----------------------------------------------------------------------------------

    def _client(self) -> Any:
        with self._guard:
            if self._closed:
                raise StoreError(f"{self.address}: the index was closed")
            if self._connected is None:
                self._connected = _connected(self.address)
            return self._connected

    def _call(self, method: str, *arguments: Any, **named: Any) -> Any:
        client = self._client()
        try:
            return getattr(client, method)(*arguments, timeout=self.address.deadline, **named)
        except Exception as error:
            raise _explained(error, self.address) from error


def quoted(text: str) -> str:
    """Text within an expression; nothing in it can end the expression."""
    return json.dumps(text, ensure_ascii=False)


def _connected(address: Address) -> Any:
    library = _pymilvus()
    try:  # to a dead port and with a wrong token, pymilvus says the same
        socket.create_connection((address.host, address.port), _CONNECTING).close()
    except OSError as error:
        raise StoreUnreachableError(
            f"{address}: no server answers there ({error}); start Milvus, or name another host"
        ) from error
    try:
        return library.MilvusClient(
            uri=address.uri,
            token=address.token,
            db_name=address.database,
            timeout=min(address.deadline, _CONNECTING),
        )
    except Exception as error:
        if any(sign in str(error) for sign in _STARTING):
            raise StoreUnreachableError(f"{address}: {_WAIT}") from error
        raise StoreUnreachableError(
            f"{address}: a server is there, and refuses to talk as Milvus does; check the token "
            f"(${TOKEN}), the database, and whether the port is that of Milvus"
        ) from error


def _explained(error: Exception, address: Address) -> Exception:
    """What went wrong in one sentence; our own errors as they are."""
    if isinstance(error, StoreError):
        return error
    text = str(error)
    if any(sign in text for sign in _ABSENT):
        return IndexMissingError(
            f"no index at {address}; make one with: visavis index FOLDER --index {address}"
        )
    if "DEADLINE_EXCEEDED" in text or "Deadline" in text:
        return StoreUnreachableError(
            f"{address}: Milvus did not answer within {address.deadline:g} s; try again, or allow "
            "more with ?timeout=60"
        )
    if "UNAVAILABLE" in text or "Fail connecting" in text or "code=2," in text:
        return StoreUnreachableError(f"{address}: the connection to Milvus broke; is it running?")
    if any(sign in text for sign in _STARTING):
        return StoreUnreachableError(f"{address}: {_WAIT}")
    return StoreError(f"{address}: Milvus refused: {text.splitlines()[0][:300]}")


def _pymilvus() -> Any:
    try:
        library = importlib.import_module("pymilvus")
    except ImportError as error:
        raise ExtraMissingError("an index in Milvus", "cluster") from error
    logging.getLogger("pymilvus").setLevel(logging.CRITICAL)  # else whole tracebacks on stderr
    return library
