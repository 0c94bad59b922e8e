"""Looking over a collection without a query, as far as that is cheap.

Milvus 2.3 neither orders, groups nor picks by chance. What asks for all values of a field reads the
fields of the records, up to as many as one call returns, and refuses more. Records are picked by
their digests, which are spread evenly: those within a span of them are a fair sample.
"""

import hashlib
import random
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from visavis.errors import StoreUnsupportedError
from visavis.filters import check_field, holds, moment
from visavis.filters.typed import ATTRIBUTES
from visavis.store.capabilities import Facet
from visavis.store.milvus import searching
from visavis.store.milvus.client import LARGEST, Client
from visavis.store.milvus.counting import counted
from visavis.store.milvus.facts import KeptFacts
from visavis.store.milvus.rows import RECORD, record_of
from visavis.store.milvus.where import Expression, both, named
from visavis.types import Condition, FieldValue, Filter, ImageRecord, Vectors

Compile = Callable[[Filter | None], Expression]

_FRESH = 1.0  # seconds that the generation is taken for the same
_KEPT = 16  # facets that are remembered
_FIELDS = ("fields", *(name for name in RECORD if name not in ("id", "fields")))
_DIGESTS = 16**8  # how many beginnings of a digest there are


class MilvusBrowse:
    """What can be asked without a query. Safe to use from threads."""

    def __init__(self, kept: KeptFacts, compiled: Compile) -> None:
        self._kept = kept
        self._compiled = compiled
        self._guard = threading.Lock()
        self._state: Any = None
        self._looked = 0.0
        self._generation = 0
        self._facets: OrderedDict[Filter | None, tuple[int, tuple[Facet, ...]]] = OrderedDict()

    def generation(self) -> int:
        """A number that grows with every change of the records, as far as this process sees it.

        It sees its own, every run of others over a source, and another count of records.
        """
        with self._guard:
            facts, client = self._kept.now(), self._kept.client()
            mine = client.name, client.writes, facts
            known = self._state is not None and self._state[0] == mine
            if not known or time.monotonic() - self._looked > _FRESH:
                state = mine, client.count()
                self._looked = time.monotonic()
                self._generation += state != self._state
                self._state = state
            return self._generation

    # -- records -----------------------------------------------------------------------------------

    def page(
        self, limit: int, offset: int = 0, where: Filter | None = None, sort: str = ""
    ) -> tuple[list[ImageRecord], int]:
        """Some records in order of their ids, and how many there are in all.

        Ordered by a field only where no more pass than one call returns, as they are all read.
        """
        client, expression = self._kept.client(), self._compiled(where)
        if sort or expression.rest is not None:
            records = self._all(expression, "order" if sort else "page through")
            if sort:
                records = self._ordered(records, sort)
            return records[offset : offset + limit], len(records)
        total = client.count(expression.text)
        if offset >= total or not limit:
            return [], total
        if offset + limit <= LARGEST:
            rows = client.query(expression.text, RECORD, limit, offset=offset)
            return [record_of(row) for row in rows], total
        ids = self._ids(client, expression.text, offset, limit)
        return self._named(client, ids), total

    def _ids(self, client: Client, expression: str, offset: int, limit: int) -> list[str]:
        """Ids past as many as one call returns: walked to."""
        walked = (row["id"] for rows in client.walk(expression, [], LARGEST) for row in rows)
        return list(islice(walked, offset, offset + limit))

    def _named(self, client: Client, ids: Sequence[str]) -> list[ImageRecord]:
        rows = client.query(named("id", ids), RECORD) if ids else []
        found = {row["id"]: record_of(row) for row in rows}
        return [found[id] for id in ids if id in found]

    def _all(self, expression: Expression, what: str) -> list[ImageRecord]:
        """The records that pass, if no more than one call returns. Raises StoreUnsupportedError."""
        client = self._kept.client()
        count = client.count(expression.text)
        if count > LARGEST:
            raise StoreUnsupportedError(
                str(client.address),
                f"{what} {count:,} records, as that reads them all; narrow them to {LARGEST:,} "
                "with a filter",
            )
        rows = client.query(expression.text, RECORD, LARGEST) if count else []
        records = map(record_of, rows)
        rest = expression.rest
        return [one for one in records if rest is None or holds(rest, one)]

    def _ordered(self, records: Sequence[ImageRecord], sort: str) -> list[ImageRecord]:
        """By a field: numbers before texts without case, those without it last; ties by id."""
        name, descending = sort.removeprefix("-"), sort.startswith("-")
        kinds = self._kept.now().kinds
        check_field(name, kinds)
        own = name in kinds or name not in ATTRIBUTES

        def value(record: ImageRecord) -> Any:
            return record.fields.get(name) if own else getattr(record, name)

        having = [one for one in records if value(one) is not None]
        having.sort(key=lambda one: _order(value(one)), reverse=descending)
        return [*having, *(one for one in records if value(one) is None)]

    def sample(self, limit: int, seed: int, where: Filter | None = None) -> list[ImageRecord]:
        """Records picked by chance; the same seed picks the same ones of the same records."""
        client, expression = self._kept.client(), self._compiled(where)
        total, picked = client.count(expression.text), list[ImageRecord]()
        for wanted in (8 * limit + 64, LARGEST // 2, total):
            rows = self._span(client, expression.text, seed, wanted, total)
            found = map(record_of, rows)
            rest = expression.rest
            picked = [one for one in found if rest is None or holds(rest, one)]
            if len(picked) >= limit or wanted >= total or len(rows) >= LARGEST:
                break
        picked.sort(key=lambda one: hashlib.sha256(f"{seed} {one.id}".encode(*_ANY)).digest())
        return picked[:limit]

    @staticmethod
    def _span(
        client: Client, expression: str, seed: int, wanted: int, total: int
    ) -> list[dict[str, Any]]:
        """About so many of the rows, by a span of their digests that begins anywhere."""
        chosen = expression
        if wanted < total:
            start = random.Random(seed).randrange(_DIGESTS)
            end = start + max(1, _DIGESTS * wanted // total)
            low, high = f'sha256 >= "{start:08x}"', f'sha256 < "{end % _DIGESTS:08x}"'
            chosen = both(expression, f"{low} {'and' if end < _DIGESTS else 'or'} {high}")
        return client.query(chosen, RECORD, LARGEST)

    # -- values ------------------------------------------------------------------------------------

    def facets(self, where: Filter | None = None) -> tuple[Facet, ...]:
        """The records' fields, in the order in which they came, of at most 16,384 records.

        Under a filter, each field counts the records that pass the conditions on the others.
        """
        generation = self.generation()
        with self._guard:
            known = self._facets.get(where)
        if known is None or known[0] != generation:
            known = generation, tuple(self._counted(where))
            with self._guard:
                self._facets[where] = known
                self._facets.move_to_end(where)
                while len(self._facets) > _KEPT:
                    self._facets.popitem(last=False)
        return known[1]

    def _counted(self, where: Filter | None) -> Iterator[Facet]:
        conditions = where.conditions if where is not None else ()
        read: dict[tuple[Condition, ...], list[ImageRecord]] = {}
        whole: dict[str, Facet] = {}
        if where is not None and self._kept.client().count() <= LARGEST:
            whole = {facet.name: facet for facet in self.facets()}
        for name, kind in self._kept.now().kinds.items():
            others = tuple(one for one in conditions if one.field != name)
            if others not in read:
                chosen = self._compiled(Filter(others) if others else None)
                read[others] = self._all(chosen, "count the values of")
            facet = counted(name, kind, _values(read[others], name), whole.get(name))
            if facet.count or name in {one.field for one in conditions}:
                yield facet

    def values(self, name: str, limit: int) -> list[tuple[FieldValue, int]]:
        """The commonest values of a field with their counts, of at most 16,384 records."""
        records = self._all(self._compiled(None), "count the values of")
        counts = Counter(_values(records, name))
        ordered = sorted(counts.items(), key=lambda one: (-one[1], _order(one[0])))
        return ordered[:limit]

    def counts(
        self, name: str, values: Sequence[FieldValue], where: Filter | None = None
    ) -> Mapping[FieldValue, int]:
        """How many records (that pass the filter) have each of some values of a field.

        One count of the server each, a hundredth of a second.
        """
        check_field(name, self._kept.now().kinds)
        conditions = where.conditions if where is not None else ()
        client, found = self._kept.client(), {}
        if self._kept.now().kinds.get(name) == "list":  # whose items equal a value as well
            same = Condition(name, "=", tuple(values))
            passing = searching.passing(client, self._compiled(Filter((*conditions, same))), ())
            counts = Counter(_values([record_of(row) for rows in passing for row in rows], name))
            return {value: counts[value] for value in values if counts[value]}
        for value in values:
            same = Condition(name, "=", (value,), quoted=isinstance(value, str))
            expression = self._compiled(Filter((*conditions, same)))
            if expression.rest is None:
                found[value] = client.count(expression.text)
            else:
                passing = searching.passing(client, expression, ())
                found[value] = sum(len(rows) for rows in passing)
        return {value: count for value, count in found.items() if count}

    def reaching(self, vector: Vectors, min_score: float, where: Filter | None = None) -> int:
        """How many of at most 16,384 records have at least a score against a unit vector."""
        expression, client = self._compiled(where), self._kept.client()
        count = client.count(expression.text)
        if count > LARGEST:
            raise StoreUnsupportedError(
                str(client.address),
                f"count what is similar among {count:,} records, as that scores them all; narrow "
                f"them to {LARGEST:,} with a filter",
            )
        scores = searching.scores_of_all(client, vector[None], expression)
        return int((scores >= min_score).sum())


_ANY = ("utf-8", "surrogatepass")


def _values(records: Sequence[ImageRecord], name: str) -> list[FieldValue]:
    """The values of a field; true and false as the numbers that filters take them for."""
    found = (record.fields.get(name) for record in records)
    return [int(one) if isinstance(one, bool) else one for one in found if one is not None]


def _order(value: FieldValue) -> tuple[int, float, str]:
    if isinstance(value, str):
        return 1, 0.0, moment(value, "instant").casefold()
    return 0, float(value), ""
