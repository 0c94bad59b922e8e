"""Who goes when there is no room for another connection."""

import pytest

from visavis.server.edge.connections import Connections


class Line:
    """A connection that notes whether it was dropped."""

    def __init__(self, peer: str = "9.9.9.9", waiting: bool = True) -> None:
        self.peer = peer
        self.waiting = waiting
        self.dropped = False

    def drop(self) -> None:
        self.dropped = True


def _entered(room: Connections, *lines: Line) -> list[bool]:
    return [room.enter(line) for line in lines]


def test_the_one_that_has_waited_longest_makes_room() -> None:
    room = Connections(3, 3)
    lines = [Line(), Line(), Line()]
    assert all(_entered(room, *lines))
    room.note_active(lines[0])  # asked something a moment ago
    assert room.enter(Line())
    assert [line.dropped for line in lines] == [False, True, False]
    assert len(room) == 3


def test_those_that_are_being_answered_stay_and_the_new_one_is_refused() -> None:
    room = Connections(2, 2)
    busy = [Line(waiting=False), Line(waiting=False)]
    assert all(_entered(room, *busy))
    assert not room.enter(Line())
    assert not any(line.dropped for line in busy)
    busy[1].waiting = True
    assert room.enter(Line())
    assert busy[1].dropped


def test_a_client_with_many_loses_its_own_and_nobody_elses() -> None:
    room = Connections(100, 2)
    other = Line("8.8.8.8")
    mine = [Line() for _ in range(5)]
    assert all(_entered(room, other, *mine))
    assert [line.dropped for line in mine] == [True, True, True, False, False]
    assert not other.dropped


@pytest.mark.parametrize(
    ("proxies", "peer"),
    [
        (["127.0.0.1"], "127.0.0.1"),
        (["10.0.0.0/8"], "10.1.2.3"),
        (["::1"], "::1"),
        (["*"], "9.9.9.9"),
    ],
)
def test_a_trusted_proxy_may_open_as_many_as_there_is_room_for(
    proxies: list[str], peer: str
) -> None:
    room = Connections(10, 2, proxies)
    lines = [Line(peer) for _ in range(12)]
    assert all(_entered(room, *lines))
    assert sum(line.dropped for line in lines) == 2


def test_an_ipv6_client_is_its_network() -> None:
    room = Connections(100, 2, ["not an address", "127.0.0.1"])
    lines = [Line(f"2001:db8::{n}") for n in range(4)]
    assert all(_entered(room, *lines))
    assert sum(line.dropped for line in lines) == 2


def test_those_that_left_leave_nothing_behind() -> None:
    room = Connections(2, 2)
    for _ in range(1000):
        line = Line()
        assert room.enter(line)
        room.leave(line)
        room.leave(line)
    assert len(room) == 0
    room.note_active(Line())  # one that is not counted


def test_only_so_many_are_told_that_there_is_no_room() -> None:
    room = Connections(0, 0)
    lines = [Line() for _ in range(500)]
    told = [room.may_refuse(line) for line in lines if not room.enter(line)]
    assert sum(told) == 64
    room.leave(lines[0])
    assert room.may_refuse(Line())
