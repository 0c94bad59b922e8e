"""Work ahead of the one in hand: in order, bounded, and stopped when nobody wants it."""

import threading
import time
from collections.abc import Iterator

import pytest

from visavis.flows.ahead import BATCH, ahead


def test_results_come_in_order_whatever_takes_long() -> None:
    def work(batch: list[int]) -> list[int]:
        time.sleep(0.01 if batch[0] == 0 else 0)
        return [2 * one for one in batch]

    found = list(ahead(range(50), work, 3, "test"))
    assert [one for batch in found for one in batch] == [2 * n for n in range(50)]
    assert {len(batch) for batch in found[:-1]} == {BATCH}
    assert list(ahead([], work, 3, "test")) == []


def test_no_more_is_read_than_is_worked_on() -> None:
    read = []

    def items() -> Iterator[int]:
        for number in range(10_000):
            read.append(number)
            yield number

    results = ahead(items(), len, 2, "test")
    next(results)
    assert len(read) <= BATCH * 5
    results.close()


def test_what_has_not_begun_never_begins_after_a_stop() -> None:
    begun, held = [], threading.Event()

    def work(batch: list[int]) -> int:
        begun.append(batch[0])
        if batch[0]:
            held.wait(5)
        return batch[0]

    results = ahead(range(1000), work, 1, "test")
    assert next(results) == 0
    held.set()
    results.close()
    assert len(begun) <= 4


def test_an_error_comes_where_its_result_would_have_come() -> None:
    def work(batch: list[int]) -> int:
        if 2 * BATCH in batch:
            raise ValueError("bad")
        return batch[0]

    results = ahead(range(10 * BATCH), work, 2, "test")
    assert [next(results), next(results)] == [0, BATCH]
    with pytest.raises(ValueError, match="bad"):
        next(results)
