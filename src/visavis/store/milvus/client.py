"""A collection of a Milvus server: its rows written, read and ranked."""

import contextlib
import json
import math
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from visavis.errors import StoreError
from visavis.store.milvus.address import Address
from visavis.store.milvus.connection import Connection, pymilvus
from visavis.types import Vectors

LARGEST = 16_384
"""What one call of Milvus returns, offset and limit together."""

Row = dict[str, Any]


class Column(NamedTuple):
    """A column of a collection, as pymilvus describes it."""

    name: str
    kind: str
    options: Mapping[str, Any] = MappingProxyType({})


_quote = json.JSONEncoder(ensure_ascii=False).encode
_BYTES = 16_000_000  # of a call; gRPC refuses 64 MB

_WRITES: Counter[str] = Counter()
"""Where this process has written, and how often: there it waits for its own writes as it reads."""
_COUNTED: dict[str, tuple[int, float, int]] = {}
"""How many rows there were, by how many writes of this process and when: every query asks it."""
_ROWS: dict[tuple[str, str], tuple[int, float, Row | None]] = {}
"""The same for single rows."""
_ROWS_HELD = 256
_MOMENT = 0.5  # seconds; what others write is seen within five
_REMOVED: dict[str, int] = {}
"""Where it has removed something (how often) and not read since: 2.3 does not say when it was."""


class Client:
    """One collection. Safe to use from threads."""

    def __init__(self, address: Address, name: str = "", connection: Connection | None = None):
        """The collection of that name; of none: the one that the address names."""
        self.address = address
        self.name = name or address.collection
        self._connection = connection or Connection(address)

    def at(self, name: str) -> "Client":
        """Another collection, by the same connection."""
        return Client(self.address, name, self._connection)

    def close(self) -> None:
        """Seal what was written by this connection, and let it go."""
        with contextlib.suppress(StoreError):  # a server that is gone seals nothing
            seal_together([self.at(name) for name in sorted(self._connection.unsealed)])
        self._connection.close()

    # -- the collection ----------------------------------------------------------------------------

    @property
    def writes(self) -> int:
        """How often this process has changed rows of the collection."""
        return _WRITES[self._place]

    @property
    def _place(self) -> str:
        return f"{self.address.host}:{self.address.port}/{self.address.database}/{self.name}"

    def exists(self) -> bool:
        """Whether there is such a collection, or an alias of that name."""
        return bool(self._connection.call("has_collection", self.name))

    def describe(self) -> Row:
        """What Milvus says of the collection. Raises IndexMissingError."""
        return dict(self._connection.call("describe_collection", self.name))

    def be_named(self, alias: str, *, instead: bool = False) -> None:
        """Let an alias lead here from now on, `instead` of where it may lead already."""
        there = self.at(alias).exists()
        if instead and there:
            self._connection.call("alter_alias", self.name, alias)
        elif not there:
            try:
                self._connection.call("create_alias", self.name, alias)
            except StoreError:
                if not self.at(alias).exists():  # else somebody else was quicker
                    raise

    def create(
        self,
        columns: Sequence[Column],
        index: tuple[str, str, str, Mapping[str, int]],
        properties: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Make the collection; `index` is over which column, of what kind, by what measure."""
        client, kinds = self._connection.open(), pymilvus().DataType
        schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
        for column in columns:
            schema.add_field(column.name, kinds[column.kind], **column.options)
        over, kind, metric, made = index
        built = client.prepare_index_params()
        built.add_index(over, index_type=kind, metric_type=metric, params=dict(made))
        self._connection.call(
            "create_collection",
            self.name,
            schema=schema,
            index_params=built,
            consistency_level="Bounded",
            properties=dict(properties),
        )

    def note(self, properties: dict[str, str]) -> None:
        """Add to the collection's properties."""
        self._connection.call("alter_collection_properties", self.name, properties=properties)

    def seal(self, pause: float | None = None) -> None:
        """Have Milvus seal the rows: it then builds its index over them, and no crash takes them.

        Args:
            pause: Seconds from the last time on within which it is not done again, as Milvus is
                slow with many parts of a few rows; nor is it where nothing was written since. None:
                it is done in any case.
        """
        held, now = self._connection, time.monotonic()
        due = pause is None or now - held.sealed.get(self.name, -math.inf) >= pause
        if due and (pause is None or self.name in held.unsealed):
            held.unsealed.discard(self.name)  # what is written meanwhile is left to the next time
            try:
                held.call("flush", self.name)
            except StoreError:
                held.unsealed.add(self.name)
                raise
            held.sealed[self.name] = now

    # -- rows --------------------------------------------------------------------------------------

    def upsert(self, rows: Sequence[Row]) -> None:
        """Add or replace rows of different ids; when it returns, Milvus has them for good."""
        for part in _parts(rows):
            self._connection.unsealed.add(self.name)
            self._connection.call("upsert", self.name, data=part)
            _WRITES[self._place] += 1

    def delete(self, expression: str) -> None:
        """Remove the rows that pass."""
        assert expression  # nothing would be everything
        self._connection.unsealed.add(self.name)
        self._connection.call("delete", self.name, filter=expression)
        place = self._place
        _WRITES[place] += 1
        _REMOVED[place] = _REMOVED.get(place, 0) + 1

    def query(
        self,
        expression: str,
        columns: Sequence[str],
        limit: int | None = None,
        strong: bool = False,
        offset: int = 0,
    ) -> list[Row]:
        """Rows that pass, in order of id where a limit is given; of all, a limit is needed."""
        more: dict[str, Any] = {} if limit is None else {"limit": limit, "offset": offset}
        if "vector" in columns:
            more["strict_float32"] = True  # as arrays: lists of floats take twice as long
        found = self._read("query", strong, filter=expression, output_fields=list(columns), **more)
        return [dict(row) for row in found]

    def row(self, id: str, columns: Sequence[str]) -> Row | None:
        """The row of an id; one question asks for it several times, of which one is asked."""
        place, now = self._place, time.monotonic()
        known = _ROWS.get((place, id))
        if known is not None and known[0] == _WRITES[place] and now - known[1] < _MOMENT:
            return known[2]
        writes = _WRITES[place]
        rows = self.query(f"id == {quoted(id)}", columns)
        if len(_ROWS) >= _ROWS_HELD:
            _ROWS.clear()
        found = rows[0] if rows else None
        _ROWS[place, id] = writes, now, found
        return found

    def count(self, expression: str = "", strong: bool = False) -> int:
        """How many rows pass; of all, what was so a moment ago, but for own writes."""
        place, now = self._place, time.monotonic()
        known = None if expression or strong else _COUNTED.get(place)
        if known is not None and known[0] == _WRITES[place] and now - known[1] < _MOMENT:
            return known[2]
        writes = _WRITES[place]
        [row] = self.query(expression, ["count(*)"], strong=strong)
        count = int(row["count(*)"])
        if not expression:
            _COUNTED[place] = writes, now, count
        return count

    def walk(
        self, expression: str, columns: Sequence[str], block: int, strong: bool = False
    ) -> Iterator[list[Row]]:
        """All rows that pass, in order of id, some at a time; rows written meanwhile may be there.

        It goes on from the last id and holds nothing on the server, so it may take its time.
        """
        after = ""
        while True:
            parts = [f"({part})" for part in (expression, after) if part]
            text = " and ".join(parts) or 'id >= ""'
            rows = self.query(text, ["id", *columns], block, strong and not after)
            if rows:
                yield rows
            if len(rows) < block:
                return
            after = f"id > {quoted(rows[-1]['id'])}"

    def nearest(
        self,
        vectors: Vectors,
        expression: str,
        limit: int,
        least: int = 64,
        columns: Sequence[str] = (),
    ) -> list[list[Row]]:
        """For each vector: the nearest rows with their ids and cosines (`distance`), best first.

        Args:
            vectors: (n, dim), of unit length.
            expression: What the rows have to pass; nothing: all do.
            limit: How many rows for each.
            least: How many a graph at least looks at.
            columns: Of the rows, besides. Not the vector: Milvus would look them up again for it.
        """
        wide = max(least, 2 * limit)  # Milvus refuses to look for more than this
        params = {"ef": wide, "nprobe": 64, "search_list": wide}  # of HNSW, IVF and DISKANN
        return [
            [{**row["entity"], "id": row["id"], "distance": row["distance"]} for row in found]
            for found in self._read(
                "search",
                data=vectors.tolist(),
                anns_field="vector",
                filter=expression,
                limit=limit,
                output_fields=list(columns) or ["id"],
                search_params={"metric_type": "COSINE", "params": params},
            )
        ]

    def _read(self, method: str, strong: bool = False, **named: Any) -> Any:
        """Own writes are read at once; those of others within seconds, which costs no waiting."""
        place = self._place
        removed = _REMOVED.get(place, 0)
        level = "Session" if _WRITES[place] else "Bounded"
        level = "Strong" if strong or removed else level
        found = self._connection.call(method, self.name, consistency_level=level, **named)
        if removed and _REMOVED.get(place) == removed:
            del _REMOVED[place]
        return found


def seal_together(clients: Sequence[Client], pause: float | None = None) -> None:
    """Seal several collections at once, as each takes seconds; see `Client.seal`."""
    with ThreadPoolExecutor() as pool:
        for done in [pool.submit(client.seal, pause) for client in clients]:
            done.result()


def quoted(text: str) -> str:
    """Text within an expression; nothing in it can end the expression."""
    return _quote(text)


def _parts(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Rows in calls of a few megabytes."""
    part: list[Row] = []
    size = 0
    for row in rows:
        taken = 200 + sum(_size(value) for value in row.values())
        if part and size + taken > _BYTES:
            yield part
            part, size = [], 0
        part.append(row)
        size += taken
    if part:
        yield part


def _size(value: Any) -> int:
    """Bytes of a value, about."""
    if isinstance(value, np.ndarray):
        return int(value.nbytes)
    if isinstance(value, str):
        return 4 * len(value)
    if isinstance(value, bytes):
        return len(value)
    return 4 * len(str(value)) if isinstance(value, dict) else 8
