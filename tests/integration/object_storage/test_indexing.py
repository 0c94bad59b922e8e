"""Pictures in a bucket are indexed as those of a folder are, and no trouble loses any."""

import pickle
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep

import odd_s3
import pytest
from object_server import READER, ObjectServer
from taking_in import BLUE, GREEN, RED, catalogue, counts, png

from visavis.buckets.client import Buckets
from visavis.buckets.folders import Folder
from visavis.errors import ImageUnreadableError, ObjectStorageError, SourceError
from visavis.image_index import ImageIndex
from visavis.sources.base import open_source
from visavis.sources.objects.source import BucketSource
from visavis.types import Entry, Failure

Cli = Callable[..., tuple[int, str, str]]


class Counted(BucketSource):
    """A source that says what was read."""

    def __init__(self, place: str) -> None:
        super().__init__(place)
        self.was_read: list[str] = []

    def read(self, entry: Entry) -> bytes:
        self.was_read.append(entry.id)
        return super().read(entry)


@pytest.fixture
def shop(bucket: Folder) -> Folder:
    """Three pictures."""
    for name, colour in (("a.png", RED), ("b.png", GREEN), ("sub/c.png", BLUE)):
        bucket.write(f"shop/{name}", png(colour))
    return bucket


def test_it_is_brought_up_to_date_and_reads_only_what_is_new(
    index: ImageIndex, shop: Folder, place: str
) -> None:
    first = Counted(f"{place}/shop")
    assert counts(index.add(first)) == (3, 0, 0, 0, 0)
    record = index.get("sub/c.png")
    assert record.uri == f"{place}/shop/sub/c.png"
    assert record.fields == {"folder": "sub"}
    again = Counted(f"{place}/shop/")
    assert counts(index.add(again)) == (0, 3, 0, 0, 0)
    assert again.was_read == []
    shop.write("shop/a.png", png(BLUE, mark=7, side=20))
    shop.write("shop/elsewhere/b.png", png(GREEN))
    shop.remove("shop/b.png")
    third = Counted(f"{place}/shop")
    assert counts(index.add(third)) == (1, 1, 1, 0, 0)
    assert sorted(third.was_read) == ["a.png", "elsewhere/b.png"]
    assert sorted(record.id for record in index.records()) == [
        "a.png",
        "elsewhere/b.png",
        "sub/c.png",
    ]


def test_it_is_searched_by_an_object_of_the_bucket(
    index: ImageIndex, shop: Folder, place: str
) -> None:
    index.add(f"{place}/shop")
    assert index.search(f"{place}/shop/b.png", limit=1).matches[0].record.id == "b.png"


def test_odd_keys_are_pictures_like_others(index: ImageIndex, bucket: Folder, place: str) -> None:
    names = ["a b.png", "é.png", "q\"uo'te.png", "new\nline.png", "pct%20.png", "no suffix"]
    names += ["q?x=1#2.png", "photo.png?w=9", "a..b.png", "x" * 200 + ".png"]
    for mark, name in enumerate(names):
        bucket.write(name, png(RED, mark=mark))
    bucket.write("a folder/", b"")
    bucket.write(".hidden.png", png(RED))
    bucket.write("@eaDir/thumb.png", png(RED))
    bucket.write("film.mp4", b"film")
    bucket.write("notes.txt", b"text")
    bucket.write("empty.png", b"")
    bucket.write("no picture", b"text")
    report = index.add(place)
    assert sorted(record.id for record in index.records()) == sorted(names)
    assert {failure.uri for failure in report.failed} == {
        f"{place}/empty.png",
        f"{place}/no picture",
    }
    assert any("1 .mp4" in note for note in report.notes)


def test_a_large_object_without_a_pictures_name_is_looked_at_first(
    index: ImageIndex, bucket: Folder, place: str
) -> None:
    bucket.write("backup", bytes(300_000))
    bucket.write("a.png", png(RED))
    [failure] = index.add(place).failed
    assert failure.reason == "neither its name nor its bytes are a picture's"


def test_it_can_be_sent_to_another_process(shop: Folder, place: str) -> None:
    source = pickle.loads(pickle.dumps(open_source(f"{place}/shop")))
    entries = [entry for entry in source.entries() if isinstance(entry, Entry)]
    assert [source.read(entry) for entry in entries] == [png(RED), png(GREEN), png(BLUE)]


def test_exclude_is_as_in_a_folder(shop: Folder, place: str) -> None:
    source = open_source(f"{place}/shop", exclude=["sub", "b.*"])
    assert [entry.id for entry in source.entries() if isinstance(entry, Entry)] == ["a.png"]


@pytest.mark.parametrize("order", [("", "/shop"), ("/shop", "")])
def test_a_prefix_inside_another_is_a_part_of_it(
    index: ImageIndex, shop: Folder, place: str, order: tuple[str, str]
) -> None:
    for below in order:
        index.add(place + below)
    assert sorted(record.id for record in index.records()) == [
        "shop/a.png",
        "shop/b.png",
        "shop/sub/c.png",
    ]
    shop.remove("shop/sub/c.png")
    assert index.add(f"{place}/shop").removed == 1
    assert [row.uri for row in index.store.sources()] == [place]


def test_google_is_asked_by_the_same_calls(
    index: ImageIndex,
    shop: Folder,
    place: str,
    server: ObjectServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("VISAVIS_GS_ENDPOINT", server.endpoint)
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    there = place.replace("s3://", "gs://")
    assert index.add(f"{there}/shop").added == 3
    assert index.get("a.png").uri == f"{there}/shop/a.png"


def test_a_catalogue_and_a_list_may_name_objects(
    index: ImageIndex, shop: Folder, place: str, tmp_path: Path
) -> None:
    rows: list[dict[str, object]] = [
        {"image": f"{place}/shop/a.png", "id": "one", "price": 3},
        {"image": f"{place}/shop/gone.png", "id": "two", "price": 4},
        {"image": "s3://AKIA:secret@x/y.png", "id": "three", "price": 5},
    ]
    report = index.add(catalogue(tmp_path, rows))
    assert report.added == 1
    assert index.get("one").fields["price"] == 3
    assert {failure.reason for failure in report.failed} >= {"there is no such object"}
    assert not any("secret" in failure.reason for failure in report.failed)
    assert index.add([f"{place}/shop/b.png"]).added == 1
    report = index.add(f"{place}/shop")  # takes the list's in
    assert sorted(record.id for record in index.records()) == ["a.png", "b.png", "one", "sub/c.png"]


WRONG = {
    "no such bucket": ("s3://never-made/x", {}, "there is no such bucket"),
    "nothing there": ("{place}/nothing", {}, "nothing is there; check the name"),
    "wrong secret": ("{place}/shop", {"AWS_SECRET_ACCESS_KEY": "no"}, "credentials are refused"),
    "no keys": (
        "{place}/shop",
        {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""},
        "no credentials were found",
    ),
    "no rights": (
        "{place}/shop",
        {"AWS_ACCESS_KEY_ID": READER[0], "AWS_SECRET_ACCESS_KEY": READER[1]},
        "may not do this",
    ),
    "dead": ("{place}/shop", {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "nothing answers there"),
    "secret in the URL": ("s3://k:s3cret@b/x", {}, "credentials have no place"),
    "a catalogue": ("{place}/all.csv", {}, "copy it here first"),
}


@pytest.mark.parametrize("trouble", WRONG)
def test_a_place_that_cannot_be_read_is_one_sentence_and_no_index(
    trouble: str, cli: Cli, shop: Folder, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    named, environ, told = WRONG[trouble]
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    code, out, err = cli("index", named.format(place=place), "--index", "new.index")
    assert (code, out) == (2, "")
    assert told in err
    assert "s3cret" not in err
    assert len(err.strip().splitlines()) == 1
    assert not Path("new.index").exists()


def test_without_botocore_the_extra_is_named(
    cli: Cli, shop: Folder, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "botocore.session", None)
    monkeypatch.setenv("AWS_REGION", "nowhere-1")  # another environment, another client
    code, _, err = cli("index", place, "--index", "new.index")
    assert code == 5
    assert "visavis[s3]" in err


def patiently(ask: Callable[[], object]) -> None:
    """Wait until a server that was just started answers all of it."""
    for _ in range(300):
        with suppress(OSError, ObjectStorageError):
            ask()
            return
        sleep(0.1)
    ask()


def test_a_server_that_dies_half_way_loses_nothing(
    index: ImageIndex, bucket: Folder, place: str, server: ObjectServer
) -> None:
    names = [f"{number:03}.png" for number in range(120)]
    for mark, name in enumerate(names):
        bucket.write(name, png(RED, mark=mark))

    class Dying(BucketSource):
        left = 110  # some are embedded by then

        def read(self, entry: Entry) -> bytes:
            self.left -= 1
            if self.left == 0:
                server.kill()
            return super().read(entry)

    try:
        with pytest.raises(ObjectStorageError, match=r"nothing answers there|broke off"):
            index.add(Dying(place, buckets=Buckets(retries=0)))
    finally:
        server.start()
    had = len(index)
    assert 0 < had < 120
    patiently(lambda: [bucket.read(name) for name in names])
    report = index.add(place)
    assert (report.added, report.unchanged) == (120 - had, had)
    assert sorted(record.id for record in index.records()) == names


def test_a_stopped_server_ends_the_run_and_keeps_the_records(
    index: ImageIndex, shop: Folder, place: str, server: ObjectServer
) -> None:
    index.add(f"{place}/shop")
    source = BucketSource(f"{place}/shop", buckets=Buckets(timeout=0.5, retries=0))
    began = monotonic()
    with server.stopped(), pytest.raises(ObjectStorageError, match="did not answer in time"):
        index.add(source)
    assert monotonic() - began < 20
    assert len(index) == 3


def test_an_emptied_bucket_keeps_the_records(index: ImageIndex, shop: Folder, place: str) -> None:
    index.add(f"{place}/shop")
    for name in list(shop.names()):
        shop.remove(name)
    with pytest.raises(SourceError, match="nothing is there"):
        index.add(f"{place}/shop")
    assert len(index) == 3
    assert index.remove(source=f"{place}/shop/") == 3


@pytest.fixture
def odd_environment(monkeypatch: pytest.MonkeyPatch) -> Callable[[odd_s3.OddServer], None]:
    def chosen(odd: odd_s3.OddServer) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", odd.endpoint)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "k")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")

    return chosen


def test_keys_that_look_like_ways_out_stay_keys(
    index: ImageIndex, odd_environment: Callable[[odd_s3.OddServer], None]
) -> None:
    keys = ["../up.png", "x/../y.png", "./dot.png", "a//b.png", "/lead.png", "win\\..\\x.png"]
    with odd_s3.running({key: png(RED, mark=at) for at, key in enumerate(keys)}) as odd:
        odd_environment(odd)
        report = index.add("s3://odd-bucket")
        assert {failure.uri: failure.reason for failure in report.failed} == {}
        assert "/odd-bucket/../up.png" in odd.asked
    assert sorted(record.id for record in index.records()) == sorted(keys)
    assert index.get("../up.png").uri == "s3://odd-bucket/../up.png"


def test_an_object_that_never_comes_stops_no_run(
    index: ImageIndex, odd_environment: Callable[[odd_s3.OddServer], None]
) -> None:
    with odd_s3.running({"a.png": png(RED), "b.png": 500, "c.png": 403, "d.png": png(BLUE)}) as odd:
        odd_environment(odd)
        report = index.add(BucketSource("s3://odd-bucket", buckets=Buckets(retries=1)))
    assert report.added == 2
    told = {Path(failure.uri).name: failure.reason for failure in report.failed}
    assert told["c.png"] == "the credentials may not read it"
    assert told["b.png"] == "the server is too busy (InternalError) (of this object alone)"


def test_bytes_that_trickle_end_at_the_deadline(
    odd_environment: Callable[[odd_s3.OddServer], None],
) -> None:
    with odd_s3.running({"a.png": bytes(3_000_000)}, seconds_a_byte=0.0001) as odd:
        odd_environment(odd)
        source = BucketSource("s3://odd-bucket", buckets=Buckets(deadline=0.5))
        [entry] = source.entries()
        assert not isinstance(entry, Failure)
        with pytest.raises(ImageUnreadableError, match="did not arrive in time"):
            source.read(entry)
