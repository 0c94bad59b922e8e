"""Work that is stopped halfway: inside a filter, between steps, and while it waits for a lock."""

import threading
from pathlib import Path

import numpy as np
import pytest
from brute import clustered, some_record

from visavis.filters import parse_all
from visavis.store.base import ModelFacts
from visavis.store.sqlite.store import SqliteStore
from visavis.store.stopping import go_on, held, stoppable, unstoppable

DIM, COUNT = 8, 400


class Over(Exception):
    """Nobody waits any more."""


class Patience:
    """Goes on for some looks."""

    def __init__(self, looks: int) -> None:
        self.left = looks

    def check(self) -> None:
        if self.left <= 0:
            raise Over
        self.left -= 1


def test_nothing_stops_what_nobody_limits() -> None:
    go_on()
    with stoppable(Patience(0).check), pytest.raises(Over):
        go_on()
    with stoppable(Patience(0).check), unstoppable():
        go_on()
    go_on()


def test_a_thread_of_its_own_is_not_stopped() -> None:
    seen: list[str] = []

    def other() -> None:
        go_on()
        seen.append("went on")

    with stoppable(Patience(0).check):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert seen == ["went on"]


def test_a_filter_is_stopped_in_the_middle_and_the_store_is_as_it_was(tmp_path: Path) -> None:
    store = SqliteStore.create(tmp_path / "an.index", ModelFacts("fake", "fake", "fake", DIM))
    source = store.source("catalogue", "/all.csv").number
    records = [some_record(f"r{at:03}", {"note": f"note {at}"}) for at in range(COUNT)]
    store.upsert(source, records, clustered(COUNT, DIM))
    where = parse_all([f"note~é{number}" for number in range(400)])
    other = parse_all(["note!=é"])
    slow = parse_all([f"note!=note {number}x" for number in range(400)])
    for looks in (0, 1):
        with stoppable(Patience(looks).check), pytest.raises(Over):
            store.count(slow)
        with stoppable(Patience(looks).check):
            store.upsert(source, records[:3], clustered(3, DIM))  # what is written is written
    assert store.count(other) == store.count(slow) == COUNT
    assert store.count(where) == 0
    with stoppable(Patience(10**6).check):
        assert store.count(parse_all([f"note!=note {number}" for number in range(400)])) == 0
    assert np.isclose(np.linalg.norm(store.vector("r001")), 1)
    store.close()


def test_who_waits_for_a_lock_is_stopped_too() -> None:
    lock = threading.Lock()
    with lock, stoppable(Patience(2).check), pytest.raises(Over), held(lock):
        raise AssertionError("it is held by somebody else")
    with held(lock):
        assert lock.locked()
    assert not lock.locked()
