"""Asking a store with one vector."""

from visavis.store.base import Answer, Page, VectorStore
from visavis.types import Filter, Vectors


def ask(
    store: VectorStore,
    vector: Vectors,
    limit: int,
    offset: int = 0,
    where: Filter | None = None,
    min_score: float | None = None,
    without: str | None = None,
) -> Answer:
    """What the store answers, as if it were asked alone."""
    [answer] = store.search(vector[None], Page(limit, offset, min_score, without), where)
    return answer
