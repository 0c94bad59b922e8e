"""How much of a core making pictures small may take at a time."""

import time

from visavis.server.mapping.budget import Budget


def _work(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def test_the_first_piece_is_done_and_others_as_far_as_they_fit() -> None:
    budget = Budget(0.05)
    assert budget.allows(9.0)
    with budget.one() as allowed:
        assert allowed
        _work(0.02)
    assert budget.allows(0.01)
    assert not budget.allows(0.04)
    with budget.one():
        _work(0.04)
    assert not budget.allows()
    with budget.one() as allowed:
        assert not allowed
