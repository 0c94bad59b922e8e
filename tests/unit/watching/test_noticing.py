"""Events are gathered, their end is told, and more than can be kept is known to be lost."""

from pathlib import Path

from visavis.watching.noticing import MOST, Events, Noticed


def test_what_happens_in_a_folder_is_noticed(tmp_path: Path) -> None:
    noticed, troubles = Noticed(), list[str]()
    events = Events(noticed, troubles.append)
    events.start([str(tmp_path)])
    (tmp_path / "a.jpg").write_bytes(b"a picture")
    noticed.wait(20)
    events.stop()
    paths, lost = noticed.take()
    assert str(tmp_path / "a.jpg") in paths
    assert not lost
    assert troubles == []


def test_the_end_of_events_is_told(tmp_path: Path) -> None:
    troubles = list[str]()
    events = Events(Noticed(), troubles.append)
    events.start([str(tmp_path / "nowhere")])
    events.stop()
    assert len(troubles) == 1


def test_more_than_can_be_kept_is_lost_and_said_so() -> None:
    noticed = Noticed()
    noticed.add([str(number) for number in range(MOST + 1)])
    noticed.add(["later"])
    assert noticed.take() == ({"later"}, True)
    assert noticed.take() == (set(), False)
