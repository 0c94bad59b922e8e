"""The table of docs/scale.md follows from measured costs; its simulation agrees with theory."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from benchmarks.bench_growth import line
from benchmarks.scale import (
    BEGIN,
    Costs,
    Machine,
    Milvus,
    asking,
    filled,
    in_milvus,
    indexing,
    plans,
    through,
)

PAGE = Path(__file__).parents[1] / "docs" / "scale.md"


def test_the_tables_on_the_page_are_the_measured_and_the_simulated_ones() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert all(BEGIN.format(name) in page for name in ("plan", "growth"))
    assert page == filled(page), "run: python -m benchmarks.scale"


def test_jobs_of_a_queue_are_done_first_come_first_served() -> None:
    arrivals, work = np.array([0.0, 0.0, 1.0, 9.0]), np.array([2.0, 3.0, 4.0, 1.0])
    assert through(arrivals, 1, work).tolist() == [2.0, 5.0, 9.0, 10.0]
    assert through(arrivals, 2, work).tolist() == [2.0, 3.0, 6.0, 10.0]


def test_indexing_takes_what_its_slowest_stage_takes() -> None:
    took, busiest = indexing(1e7, [("read", 1, 1e-3), ("model", 4, 1e-2), ("write", 1, 2e-4)])
    assert busiest == "model"
    assert took == pytest.approx(1e7 * 1e-2 / 4, rel=0.01)


def test_few_pictures_pass_all_stages_one_after_the_other() -> None:
    took, _ = indexing(1, [("read", 1, 1.0), ("model", 4, 3.0)])
    assert took == pytest.approx(4.0, rel=0.5)


def test_an_answer_of_an_idle_machine_takes_its_own_time_and_of_many_that_of_the_slowest() -> None:
    median, late = asking(1, 1, 8, 0.010)
    assert median == pytest.approx(0.010, rel=0.1)
    assert median < late < 0.025
    assert asking(1, 20, 8, 0.010)[0] > 1.5 * median


def test_answers_wait_where_questions_come_faster_than_they_are_answered() -> None:
    # M/D/1 (Pollaczek and Khinchine): a mean wait of rho * s / (2 * (1 - rho)); here rho = .9.
    busy, idle = asking(90, 1, 1, 0.010)[0], asking(1, 1, 1, 0.010)[0]
    assert 0.5 < (busy - idle) / (0.9 * 0.010 / 0.2) < 1.3


def test_twice_the_vectors_need_twice_the_machines_where_memory_is_short() -> None:
    one, two = (
        in_milvus(pictures, "HNSW", COSTS, Machine(), 1, Milvus()) for pictures in (1e9, 2e9)
    )
    assert one.busiest[1] == "memory"
    assert two.holders in (2 * one.holders - 1, 2 * one.holders)
    assert two.memory == 2 * one.memory


def test_workers_finish_within_a_day() -> None:
    for row in plans(COSTS):
        assert row.workers == 1 or row.hours <= 24


def test_a_picture_that_costs_more_needs_more_workers() -> None:
    dear = replace(COSTS, picture=10 * COSTS.picture)
    assert plans(dear)[-1].workers > 8 * plans(COSTS)[-1].workers


def test_a_line_through_points_of_a_line_is_that_line() -> None:
    counts = (10, 100, 1_000)
    assert line(counts, [5 + 2 * n for n in counts]) == pytest.approx((5, 2, 1))
    fixed, share, off = line(counts, [30.0, 200.0, 2_000.0])
    assert fixed >= 0
    assert 1 < off < 1.5
    assert share == pytest.approx(2, rel=0.3)
    assert line(counts, [3.0, 2.0, 1.0])[1] == 0  # nothing gets cheaper by growing


COSTS = Costs(0.015, 183_000, 120e-6, 1_700, (1e8, 500), (2e-3, 1e-9), (0.1e-3, 0.02e-3), 0.5e-3)
