"""Folders and catalogues that change while they are watched: real files, real events."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from visavis.errors import IndexLockedError, IndexMissingError, SourceError, UsageError
from visavis.image_index import ImageIndex
from visavis.types import IndexReport
from visavis.watching.watcher import Watcher, WatchOptions

pytestmark = pytest.mark.usefixtures("plug_in")

EVENTS, POLLED = WatchOptions(), WatchOptions(poll=0.3)
DEADLINE = 60.0


def draw(path: Path, mark: int) -> Path:
    """A picture whose 24 pixels are the bits of a number."""
    bits = [255 * (mark >> bit & 1) for bit in range(24)]
    pixels = np.array(bits, np.uint8).reshape(4, 6).repeat(2, 0).repeat(2, 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, compress_level=1)
    return path


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + DEADLINE
    while not holds():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


class Watched:
    """A watcher at work on a thread, and what it told."""

    def __init__(self, index: Path, model: str = "fake") -> None:
        self.index = index
        self.model = model
        self.reports: list[IndexReport] = []
        self.said: list[str] = []
        self.stop = threading.Event()

    def run(
        self,
        locations: list[Path],
        options: WatchOptions,
        exclude: list[str],
        allow_private: bool = False,
    ) -> None:
        with ImageIndex.create(self.index, self.model, lock_seconds=1) as index:
            Watcher(
                index,
                [str(location) for location in locations],
                options,
                report=self.reports.append,
                say=self.said.append,
                exclude=exclude,
                allow_private=allow_private,
            ).run(self.stop)

    def ids(self) -> set[str]:
        with ImageIndex.open(self.index) as index:
            return {record.id for record in index.records()}

    def has(self, *ids: str) -> None:
        until(lambda: self.ids() == set(ids))

    def says(self, text: str) -> None:
        until(lambda: any(text in sentence for sentence in self.said))

    def has_said(self, text: str, times: int) -> bool:
        return sum(text in sentence for sentence in self.said) == times

    def total(self, name: str) -> int:
        return sum(getattr(report, name) for report in self.reports)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for mark in range(1, 4):
        draw(tmp_path / "photos" / f"{mark}.png", mark)
    return tmp_path / "photos"


@contextlib.contextmanager
def watching(
    *locations: Path,
    options: WatchOptions = EVENTS,
    exclude: tuple[str, ...] = (),
    model: str = "fake",
    allow_private: bool = False,
) -> Iterator[Watched]:
    """A watcher that has brought its index up to date."""
    seen = Watched(locations[0].parent / "seen.index", model)
    trouble: list[BaseException] = []

    def run() -> None:
        try:
            seen.run(list(locations), options, list(exclude), allow_private)
        except BaseException as error:
            trouble.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        until(lambda: bool(seen.reports or trouble))
        yield seen
    finally:
        seen.stop.set()
        thread.join()
        assert not trouble, (trouble, seen.said)


@pytest.mark.parametrize("options", [EVENTS, POLLED], ids=["events", "polling"])
def test_an_index_follows_what_happens_in_a_folder(photos: Path, options: WatchOptions) -> None:
    with watching(photos, options=options, exclude=("private",)) as seen:
        seen.has("1.png", "2.png", "3.png")
        draw(photos / "new" / "deep" / "4.png", 4)
        draw(photos / "private" / "5.png", 5)
        draw(photos / ".hidden.png", 6)
        seen.has("1.png", "2.png", "3.png", "new/deep/4.png")
        (photos / "new").rename(photos / "renamed")
        seen.has("1.png", "2.png", "3.png", "renamed/deep/4.png")
        until(lambda: seen.total("moved") == 1)
        before = ImageIndex.open(seen.index).get("2.png").sha256
        draw(photos / "2.png", 77)
        until(lambda: ImageIndex.open(seen.index).get("2.png").sha256 != before)
        (photos / "1.png").unlink()
        seen.has("2.png", "3.png", "renamed/deep/4.png")
    assert seen.total("removed") == 1
    assert ("every 0.3 s" if options is POLLED else "the system's events") in seen.said[0]


def test_two_thousand_renames_keep_their_vectors(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    drawn = [draw(tmp_path / "drawn.png", mark).read_bytes() for mark in range(100)]
    for folder in range(7):
        (photos / f"{folder}").mkdir(parents=True)
    for mark in range(2000):
        (photos / f"{mark % 7}" / f"{mark:04}.png").write_bytes(drawn[mark % 100])
    with watching(photos, model="classic") as seen:
        with ImageIndex.open(seen.index) as index:
            before = {r.id: index.store.vector(r.id).tobytes() for r in index.records()}
        assert len(before) == 2000
        for folder in range(6):
            for path in sorted((photos / f"{folder}").iterdir()):
                path.rename(photos / f"{folder}" / f"renamed {path.name}")
        (photos / "6").rename(photos / "six")
        until(lambda: seen.total("moved") == 2000)
        with ImageIndex.open(seen.index) as index:
            after = {r.id: index.store.vector(r.id).tobytes() for r in index.records()}
    renamed = {_renamed(id): vector for id, vector in before.items()}
    assert after == renamed
    assert (seen.total("added"), seen.total("removed")) == (2000, 0)  # added when it began


def _renamed(id: str) -> str:
    folder, name = id.split("/")
    return f"six/{name}" if folder == "6" else f"{folder}/renamed {name}"


def test_a_file_is_read_once_it_is_whole(photos: Path) -> None:
    whole = draw(photos.parent / "whole.png", 9).read_bytes()
    with watching(photos) as seen:
        with (photos / "slow.png").open("wb") as file:
            for at in range(0, len(whole), 20):
                file.write(whole[at : at + 20])
                file.flush()
                time.sleep(0.2)
            assert "slow.png" not in seen.ids()
        (photos / "4.png.part").write_bytes(whole)
        (photos / "5.jpg.crdownload").write_bytes(whole)
        (photos / ".4.png.swp").write_bytes(whole)
        seen.has("1.png", "2.png", "3.png", "slow.png")
        (photos / "4.png.part").rename(photos / "4.png")
        seen.has("1.png", "2.png", "3.png", "4.png", "slow.png")
    assert [failure for report in seen.reports for failure in report.failed] == []


def test_a_file_that_stays_broken_is_told_once(photos: Path) -> None:
    (photos / "broken.png").write_bytes(b"no picture")
    with watching(photos, options=POLLED) as seen:
        time.sleep(1.5)  # some looks
        draw(photos / "broken.png", 8)
        seen.has("1.png", "2.png", "3.png", "broken.png")
    assert sum(len(report.failed) for report in seen.reports) == 1


@pytest.mark.parametrize("options", [EVENTS, POLLED], ids=["events", "polling"])
def test_an_unplugged_folder_keeps_its_records(photos: Path, options: WatchOptions) -> None:
    away = photos.parent / "away"
    with watching(photos, options=options) as seen:
        for turn in (1, 2):
            photos.rename(away)
            if turn == 2:
                photos.mkdir()  # where a disk was mounted
            until(partial(seen.has_said, "an unplugged disk", turn))
            time.sleep(1)
            assert len(seen.ids()) == 2 + turn
            if turn == 2:
                photos.rmdir()
            draw(away / f"{turn + 10}.png", turn + 10)
            away.rename(photos)
            seen.has("1.png", "2.png", "3.png", *(f"{t + 10}.png" for t in range(1, turn + 1)))
            draw(photos / "after.png", 20)
            seen.has("1.png", "2.png", "3.png", "after.png", *seen.ids())
            (photos / "after.png").unlink()
            until(lambda: "after.png" not in seen.ids())
    assert seen.has_said("an unplugged disk", 2)


def test_a_folder_that_is_away_when_it_begins_is_waited_for(photos: Path) -> None:
    with watching(photos):
        pass
    photos.rename(photos.parent / "away")
    stop = threading.Event()
    seen = Watched(photos.parent / "seen.index")
    seen.stop = stop
    thread = threading.Thread(target=seen.run, args=([photos], EVENTS, []))
    thread.start()
    try:
        seen.says("an unplugged disk")
        (photos.parent / "away").rename(photos)
        seen.says("it is back")
        draw(photos / "4.png", 4)
        seen.has("1.png", "2.png", "3.png", "4.png")
    finally:
        stop.set()
        thread.join()


def test_files_that_are_renamed_again_and_again_leave_no_record_behind(tmp_path: Path) -> None:
    """A batch is made meanwhile, for which they are gone, and more than a tenth."""
    photos = tmp_path / "photos"
    for mark in range(12):
        draw(photos / f"{mark}.png", mark)
    with watching(photos) as seen:
        draw(photos / "new.png", 99)
        names, turn = ["0.png", "1.png", "2.png"], 0
        while "new.png" not in seen.ids():
            turn += 1
            later = [f"{turn} {mark}.png" for mark in range(3)]
            for name, new in zip(names, later, strict=True):
                (photos / name).rename(photos / new)
            names = later
            time.sleep(0.1)
        seen.has("new.png", *names, *(f"{mark}.png" for mark in range(3, 12)))
    assert not seen.has_said("more than a tenth", 1)


def test_more_than_a_tenth_stays_unless_told_otherwise(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    for mark in range(20):
        draw(photos / f"{mark}.png", mark)
    with watching(photos, options=POLLED) as seen:
        for mark in range(10):
            (photos / f"{mark}.png").unlink()
        seen.says("more than a tenth")
        time.sleep(1)
        assert len(seen.ids()) == 20
    assert seen.has_said("more than a tenth", 1)
    with watching(photos, options=WatchOptions(remove_many=True)) as seen:
        until(lambda: len(seen.ids()) == 10)
        for mark in range(10, 15):
            (photos / f"{mark}.png").unlink()
        until(lambda: len(seen.ids()) == 5)


def test_a_catalogue_is_watched_as_a_file(photos: Path) -> None:
    table = photos.parent / "all.csv"
    rows = ["image,price", "photos/1.png,5", "photos/2.png,7"]
    table.write_text("\n".join(rows))
    with watching(table) as seen:
        seen.has("photos/1.png", "photos/2.png")
        table.write_text("\n".join([*rows[:2], "photos/2.png,9", "photos/3.png,1"]))
        seen.has("photos/1.png", "photos/2.png", "photos/3.png")
        until(lambda: ImageIndex.open(seen.index).get("photos/2.png").fields["price"] == 9)
        table.write_text("a table without pictures\n1\n")
        seen.says("which column")
        table.unlink()
        time.sleep(0.6)
        assert len(seen.ids()) == 3
        other = photos.parent / "other.csv"
        other.write_text("\n".join(rows))
        other.rename(table)  # as editors save
        until(lambda: ImageIndex.open(seen.index).get("photos/2.png").fields["price"] == 7)


def price_is(seen: Watched, id: str, price: int) -> bool:
    with ImageIndex.open(seen.index) as index:
        return id in index and index.get(id).fields["price"] == price


def test_a_catalogue_that_is_gone_or_refused_is_told_of_each_time(photos: Path) -> None:
    table = photos.parent / "all.csv"
    rows = "image,price\nphotos/1.png,5\nphotos/2.png,7\n"
    table.write_text(rows)
    with watching(table) as seen:
        for turn in (1, 2):
            table.write_text("image,price\n")
            until(partial(seen.has_said, "nothing is there now", turn))
            table.write_text(f"{rows}photos/3.png,{turn}\n")
            until(partial(price_is, seen, "photos/3.png", turn))
        table.unlink()
        seen.says("it is gone")
        assert len(seen.ids()) == 3


class Shop:
    """A server of pictures that has, at first, none, or does not answer."""

    def __init__(self, picture: bytes) -> None:
        self.picture = picture
        self.asked = 0
        self.status = 404
        self.silent = threading.Event()
        self.over = threading.Event()
        shop = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                shop.asked += 1
                if shop.silent.is_set():
                    shop.over.wait()
                    return
                self.send_response(shop.status)
                self.send_header("Content-Length", str(len(shop.picture)))
                self.end_headers()
                self.wfile.write(shop.picture)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    opened = Shop(draw(tmp_path / "sold.png", 99).read_bytes())
    thread = threading.Thread(target=opened.server.serve_forever)
    thread.start()
    try:
        yield opened
    finally:
        opened.over.set()
        opened.server.shutdown()
        opened.server.server_close()
        thread.join()


def test_what_a_server_did_not_have_is_asked_for_again(
    photos: Path, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("visavis.watching.places.RESCAN", 0.2)
    monkeypatch.setattr("visavis.watching.places._TIMES", 1)
    table = photos.parent / "all.csv"
    table.write_text(f"id,image\nhere,photos/1.png\nthere,{shop.url}/a.png\n")
    with watching(table, allow_private=True) as seen:
        seen.has("here")
        until(lambda: shop.asked > 2)
        assert seen.total("added") == 1
        shop.status = 200
        seen.has("here", "there")
    assert sum(len(report.failed) for report in seen.reports) == 1  # told of once


def test_a_watch_ends_at_once_while_a_server_does_not_answer(photos: Path, shop: Shop) -> None:
    table = photos.parent / "all.csv"
    table.write_text("id,image\nhere,photos/1.png\n")
    with watching(table, allow_private=True) as seen:
        shop.silent.set()
        rows = "".join(f"{at},{shop.url}/{at}.png\n" for at in range(9))
        table.write_text(f"id,image\nhere,photos/1.png\n{rows}")
        until(lambda: shop.asked > 0)
        began = time.monotonic()
    assert time.monotonic() - began < 8  # a server has ten seconds to answer, four times
    assert [failure for report in seen.reports for failure in report.failed] == []


def test_other_runs_get_in_between_batches(photos: Path, tmp_path: Path) -> None:
    more = draw(tmp_path / "more" / "9.png", 9).parent
    with watching(photos) as seen:
        for mark in range(100, 200):
            draw(photos / f"{mark}.png", mark)
            if mark == 180:
                with ImageIndex.open(seen.index) as index:
                    index.add(more)
        until(lambda: len(seen.ids()) == 104)
        with ImageIndex.open(seen.index) as index, index.writing():
            draw(photos / "late.png", 999)
            seen.says("is writing to this index")
        until(lambda: len(seen.ids()) == 105)


def test_a_folder_of_a_hundred_thousand_files(photos: Path) -> None:
    for part in range(3):  # a file has 65,000 names at most, on some file systems
        (photos / f"{part}.txt").write_text("no picture")
        for number in range(33_333):
            os.link(photos / f"{part}.txt", photos / f"{part} {number}.txt")
    with watching(photos) as seen:
        draw(photos / "4.png", 4)
        seen.has("1.png", "2.png", "3.png", "4.png")
        (photos / "4.png").rename(photos / "5.png")
        seen.has("1.png", "2.png", "3.png", "5.png")
    shutil.rmtree(photos)


def test_an_index_inside_what_is_watched_is_left_alone(photos: Path) -> None:
    seen = Watched(photos / "own.index")
    thread = threading.Thread(target=seen.run, args=([photos], EVENTS, []))
    thread.start()
    try:
        until(lambda: bool(seen.reports))
        draw(photos / "4.png", 4)
        seen.has("1.png", "2.png", "3.png", "4.png")
        time.sleep(1.5)
    finally:
        seen.stop.set()
        thread.join()
    assert len(seen.reports) == 2  # it does not follow its own writing


def test_an_index_that_was_replaced_ends_the_watch(photos: Path) -> None:
    seen = Watched(photos.parent / "seen.index")
    ended: list[BaseException] = []

    def run() -> None:
        try:
            seen.run([photos], EVENTS, [])
        except BaseException as error:
            ended.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        until(lambda: bool(seen.reports))
        seen.index.rename(photos.parent / "old.index")
        with ImageIndex.create(seen.index, "fake"):
            until(lambda: bool(ended))
            draw(photos / "4.png", 4)
        assert seen.ids() == set()
    finally:
        seen.stop.set()
        thread.join()
    assert isinstance(ended[0], IndexMissingError), ended


@pytest.mark.parametrize("what", ["1.png", "https://example.com/a.jpg", "-"])
def test_what_cannot_be_watched_is_refused(photos: Path, what: str) -> None:
    location = str(photos / what) if what == "1.png" else what
    with (
        ImageIndex.create(photos.parent / "an.index", "fake") as index,
        pytest.raises(UsageError, match="only folders and catalogues"),
    ):
        Watcher(index, [location], EVENTS, report=print, say=print)


def test_a_wrong_name_is_refused(photos: Path) -> None:
    with (
        ImageIndex.create(photos.parent / "an.index", "fake") as index,
        pytest.raises(SourceError, match="no such file or folder"),
    ):
        Watcher(index, [str(photos / "nowhere")], EVENTS, report=print, say=print)


def test_a_second_watcher_of_the_same_folder_is_refused(photos: Path, tmp_path: Path) -> None:
    other = draw(tmp_path / "other" / "9.png", 9).parent
    with watching(photos) as seen, ImageIndex.open(seen.index) as index:
        second = Watcher(index, [str(photos)], EVENTS, report=print, say=print)
        with pytest.raises(IndexLockedError, match=r"photos already; stop it first"):
            second.run(threading.Event())
        third = Watched(seen.index)
        thread = threading.Thread(target=third.run, args=([other], EVENTS, []))
        thread.start()
        try:
            seen.has("1.png", "2.png", "3.png", "other/9.png")
        finally:
            third.stop.set()
            thread.join()


# -- the command ---------------------------------------------------------------------------------


@contextlib.contextmanager
def command(*arguments: object) -> Iterator["subprocess.Popen[str]"]:
    line = [sys.executable, "-m", "visavis", "watch", *map(str, arguments)]
    with subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        try:
            yield running
        finally:
            running.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_prints_a_line_a_batch_and_ends_cleanly(
    photos: Path, tmp_path: Path, number: signal.Signals
) -> None:
    with command(photos, "--index", tmp_path / "an.index", "--model", "classic") as running:
        assert running.stdout is not None
        assert running.stderr is not None
        assert "3 added in" in running.stdout.readline()
        draw(photos / "4.png", 4)
        assert "1 added in" in running.stdout.readline()
        running.send_signal(number)
        assert running.wait(DEADLINE) == 0
        said = running.stderr.read()
    assert "photos: watched by the system's events" in said
    assert "stopped; what was taken in is kept" in said


def test_a_watcher_that_is_killed_begins_where_it_was(photos: Path, tmp_path: Path) -> None:
    place = tmp_path / "an.index"
    for turn in range(3):
        with command(photos, "--index", place, "--model", "classic", "--json") as running:
            assert running.stdout is not None
            running.stdout.readline()
            for mark in range(100):
                draw(photos / f"{turn} {mark}.png", 1000 * (turn + 1) + mark)
            time.sleep(0.3 + 0.5 * turn)
            running.send_signal(signal.SIGKILL)
    with command(photos, "--index", place) as running:
        assert running.stdout is not None
        running.stdout.readline()
        with ImageIndex.open(place) as index:
            assert len(index) == 303
            index.compact()
        (photos / "1.png").unlink()
        assert "1 removed" in running.stdout.readline()


def test_globs_may_be_given_for_a_folder_that_is_away(photos: Path, tmp_path: Path) -> None:
    with ImageIndex.create(tmp_path / "i", "fake") as index:
        index.add(photos)
    photos.rename(tmp_path / "away")
    given = photos, "--index", tmp_path / "i", "--exclude", "private", "--poll", "0.3"
    with command(*given) as running:
        assert running.stderr is not None
        assert "an unplugged disk" in running.stderr.readline()


def test_names_that_are_no_text_are_taken_in_and_leave(photos: Path) -> None:
    odd = Path(os.fsdecode(bytes(photos) + b"/\xff.png"))
    with watching(photos, options=POLLED) as seen:
        draw(photos / "4.png", 4).rename(odd)
        seen.has("1.png", "2.png", "3.png", "\\xff.png")
        odd.unlink()
        seen.has("1.png", "2.png", "3.png")


def test_a_file_that_never_rests_does_not_keep_folders_from_being_looked_at(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("visavis.watching.watcher._OVERDUE", 0.2)
    written = threading.Event()

    def write_on() -> None:
        while not written.wait(0.05):
            with (photos / "camera.log").open("a") as log:
                log.write("still here\n")

    with watching(photos) as seen:
        writer = threading.Thread(target=write_on)
        writer.start()
        try:
            time.sleep(0.5)  # the log is waited for by now
            draw(photos / "4.png", 4).rename(os.fsdecode(bytes(photos) + b"/\xff.png"))
            until(lambda: len(seen.ids()) == 4)  # by a look: events damage such names
        finally:
            written.set()
            writer.join()
