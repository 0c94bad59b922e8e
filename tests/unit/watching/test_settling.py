"""A file is read once it has not changed for a while."""

from pathlib import Path

from visavis.watching.settling import GONE_FOR, LONGEST, QUIET, Settling


def test_a_file_is_waited_for_until_it_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"half")
    settling = Settling()
    settling.note([str(path)], 10.0)
    assert settling.take(10.0 + QUIET / 2) == {}
    path.write_bytes(b"half and more")  # without an event, as on a network
    assert settling.take(10.0 + QUIET) == {}
    assert settling.unsettled() == {str(path)}
    assert settling.take(10.0 + 1.5 * QUIET) == {}
    assert list(settling.take(10.0 + 2 * QUIET)) == [str(path)]
    assert not len(settling)


def test_an_event_begins_the_wait_anew(tmp_path: Path) -> None:
    settling = Settling()
    settling.note([str(tmp_path)], 1.0)
    settling.note([str(tmp_path)], 1.0 + QUIET / 2)
    assert settling.take(1.0 + QUIET) == {}
    assert list(settling.take(1.0 + 1.5 * QUIET)) == [str(tmp_path)]


def test_what_is_gone_waits_longer_where_much_goes_on(tmp_path: Path) -> None:
    gone, new = str(tmp_path / "old.jpg"), tmp_path / "new.jpg"
    new.write_bytes(b"new")
    settling = Settling()
    settling.note([gone], 1.0)
    settling.note([str(new)], 1.0)
    for tenths in range(1, 15):  # something else happens all the time
        settling.note([str(tmp_path / "other.jpg")], 1.0 + tenths / 10)
        taken = settling.take(1.0 + tenths / 10)
        assert gone not in taken
        assert (str(new) in taken) == (tenths == 5)
    settling.note([str(tmp_path / "other.jpg")], 1.0 + GONE_FOR)
    assert settling.take(1.0 + GONE_FOR) == {gone: None}


def test_what_may_not_leave_waits_for_files_that_may_be_it_but_not_for_ever(tmp_path: Path) -> None:
    gone, new = str(tmp_path / "old.jpg"), tmp_path / "new.jpg"
    settling = Settling()
    assert not settling.wait_again([gone], 1.0)
    new.write_bytes(b"new")
    settling.note([str(new)], 1.0)
    assert settling.wait_again([gone], 1.0)
    assert settling.unsettled() == {gone, str(new)}
    settling.note([str(new)], LONGEST)
    assert not settling.wait_again([gone], 1.0 + LONGEST)
    assert str(new) in settling.take(LONGEST + 5)
    settling.take(LONGEST + 6)
    settling.note([str(new)], LONGEST + 7)
    assert settling.wait_again([gone], LONGEST + 7)


def test_what_lies_below_a_folder_is_dropped_with_it(tmp_path: Path) -> None:
    settling = Settling()
    settling.note(["/a/b/c.jpg", "/a/bc.jpg"], 1.0)
    settling.forget("/a/b")
    assert settling.unsettled() == {"/a/bc.jpg"}
