"""How a server starts the process that watches again."""

from visavis.server.beside.watching import Pauses


def test_one_that_dies_at_once_is_waited_for_longer_and_longer() -> None:
    pauses = Pauses()
    waited = [pauses.after(0.5) for _ in range(6)]
    assert waited == sorted(waited)
    assert waited[0] <= 1 < 30 <= waited[-1] == waited[-2]


def test_one_that_dies_now_and_then_begins_again_at_once() -> None:
    pauses = Pauses()
    assert [pauses.after(24 * 3600) for _ in range(9)] == [1] * 9
    for _ in range(5):
        pauses.after(0.5)
    assert pauses.after(3600) == 1
