"""Threads that help: their order, their time, and what stops them."""

import threading
import time

import pytest

from visavis.store.helping import counting, helping
from visavis.store.stopping import stoppable


def spin(seconds: float) -> float:
    """Takes so much of a processor's time."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass
    return seconds


def test_results_come_in_the_order_of_what_was_asked() -> None:
    def late(n: int) -> int:
        time.sleep(n / 100)
        return n

    with helping(3, "t") as helpers:
        assert list(helpers.map(late, [3, 1, 2])) == [3, 1, 2]


def test_the_time_of_helpers_is_counted_once_and_that_of_who_asks_is_not() -> None:
    spent: list[float] = []
    with counting(spent.append), helping(3, "t") as helpers:
        spin(0.05)
        list(helpers.map(spin, [0.02] * 5))
    assert 0.1 <= sum(spent) < 0.14
    with helping(2, "t") as helpers:  # nobody counts
        list(helpers.map(spin, [0.01]))
    assert len(spent) == 5


def test_what_stops_the_work_stops_its_helpers() -> None:
    over = threading.Event()
    begun: list[int] = []

    def check() -> None:
        if over.is_set():
            raise TimeoutError

    def work(n: int) -> None:
        begun.append(n)
        over.set()

    with stoppable(check), pytest.raises(TimeoutError), helping(1, "t") as helpers:
        list(helpers.map(work, range(50)))
    assert begun == [0]


def test_an_error_of_a_helper_is_that_of_the_work_and_ends_it() -> None:
    begun: list[int] = []

    def work(n: int) -> float:
        begun.append(n)
        return 1 / n + spin(0.01)

    with pytest.raises(ZeroDivisionError), helping(1, "t") as helpers:
        list(helpers.map(work, range(100)))
    assert len(begun) < 10
