"""Bringing a store up to date with a source: what is new, changed, moved or gone."""

import os
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from asking import ask
from listed import Listed
from PIL import Image
from taking_in import BLUE, RED, Draw, Run, catalogue, counts, generation, numbers, png, records
from visavis_fake import FakeEmbedder

from visavis.embedders.classic import ClassicEmbedder
from visavis.flows.ingest import IngestOptions, ingest
from visavis.sources.catalogue import CatalogueSource
from visavis.sources.folder import FolderSource
from visavis.store.base import ModelFacts
from visavis.store.sqlite.store import SqliteStore

# -- a first run -----------------------------------------------------------------------------------


def test_a_folder_is_taken_in_with_ids_below_it(store: SqliteStore, run: Run, photos: Path) -> None:
    assert counts(run(FolderSource(photos))) == (3, 0, 0, 0, 0)
    held = records(store)
    assert set(held) == {"red.png", "green.png", "sub/blue.png"}
    red = held["red.png"]
    status = (photos / "red.png").stat()
    assert (red.width, red.height, red.uri) == (24, 24, str(photos / "red.png"))
    assert (red.size, red.modified) == (status.st_size, status.st_mtime)
    assert held["sub/blue.png"].fields == {"folder": "sub"}


def test_each_record_has_the_vector_of_its_own_picture(
    store: SqliteStore, run: Run, draw: Draw
) -> None:
    random = np.random.default_rng(3)
    colours = {f"{at:03}.png": random.integers(20, 255, 3) for at in range(60)}
    for name, colour in colours.items():
        draw(f"photos/{name}", tuple(colour.tolist()))
    run(FolderSource(draw("photos/999.png", RED).parent), jobs=4)
    for name, colour in colours.items():
        expected = colour / np.linalg.norm(colour)
        assert store.vector(name) == pytest.approx(expected, abs=0.002)


def test_the_order_of_a_source_does_not_matter(tmp_path: Path, fake: FakeEmbedder) -> None:
    images = [(f"{at}.png", png((at * 3, 200 - at, at), at)) for at in range(50)]
    images[20] = ("twin.png", images[4][1])
    answers = []
    for turn, order in enumerate((images, images[::-1], sorted(images, key=lambda i: i[1]))):
        store = SqliteStore.create(tmp_path / f"{turn}.index", ModelFacts("fake", "fake", "f", 3))
        ingest(Listed(order), store, fake, IngestOptions(3))
        found = ask(store, store.vector("7.png"), 50).matches
        answers.append([(match.record, match.score) for match in found])
        store.close()
    assert answers[0] == answers[1] == answers[2]


def test_a_broken_file_is_one_line_and_the_rest_goes_on(
    store: SqliteStore, run: Run, photos: Path
) -> None:
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 nothing more")
    (photos / "empty.png").write_bytes(b"")
    report = run(FolderSource(photos))
    assert counts(report) == (3, 0, 0, 0, 2)
    assert {failure.uri for failure in report.failed} == {
        str(photos / "broken.jpg"),
        str(photos / "empty.png"),
    }
    assert all(failure.reason for failure in report.failed)


def test_only_the_broken_of_a_batch_are_left_out(store: SqliteStore, run: Run) -> None:
    images = [(f"{at:02}", png(RED, at) if at % 3 else b"no picture") for at in range(40)]
    report = run(Listed(images))
    assert counts(report) == (26, 0, 0, 0, 14)
    assert set(records(store)) == {f"{at:02}" for at in range(40) if at % 3}


def test_a_photo_turned_by_its_flag_equals_its_upright_copy(tmp_path: Path, gallery: Path) -> None:
    picture = Image.open(next((gallery.parent / "images").iterdir()))
    (tmp_path / "photos").mkdir()
    picture.save(tmp_path / "photos" / "upright.png")
    flag = Image.Exif()
    flag[0x0112] = 6  # "turn by 90° clockwise to show"
    picture.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "photos" / "turned.png", exif=flag)
    classic = ClassicEmbedder()
    store = SqliteStore.create(tmp_path / "i", ModelFacts("classic", "classic", "x", classic.dim))
    ingest(FolderSource(tmp_path / "photos"), store, classic, IngestOptions(1))
    found = ask(store, store.vector("upright.png"), 2).matches
    assert {match.record.id for match in found} == {"upright.png", "turned.png"}
    assert found[1].score > 0.99999
    assert found[0].record.width == found[1].record.width
    store.close()


# -- a second run ----------------------------------------------------------------------------------


def test_a_second_run_changes_nothing(
    store: SqliteStore, run: Run, photos: Path, fake: FakeEmbedder
) -> None:
    run(FolderSource(photos))
    before, held, numbered = generation(store), records(store), numbers(store)
    assert counts(run(FolderSource(photos))) == (0, 3, 0, 0, 0)
    assert generation(store) == before
    assert (records(store), numbers(store), fake.embedded) == (held, numbered, 3)


def test_unchanged_files_are_not_opened(store: SqliteStore, run: Run) -> None:
    images = [(f"{at}", png(RED, at)) for at in range(20)]
    run(Listed(images))
    again = Listed(images)
    assert counts(run(again)) == (0, 20, 0, 0, 0)
    assert again.reads == 0


def test_a_touched_file_is_unchanged_and_told_so_once(
    store: SqliteStore, run: Run, photos: Path, fake: FakeEmbedder
) -> None:
    run(FolderSource(photos))
    numbered = numbers(store)
    os.utime(photos / "red.png", (1_000_000, 1_000_000))
    assert counts(run(FolderSource(photos))) == (0, 3, 0, 0, 0)
    assert (fake.embedded, numbers(store)) == (3, numbered)
    assert store.get("red.png").modified == 1_000_000
    before = generation(store)
    run(FolderSource(photos))
    assert generation(store) == before


def test_a_changed_file_is_embedded_anew(
    store: SqliteStore, run: Run, photos: Path, draw: Draw, fake: FakeEmbedder
) -> None:
    run(FolderSource(photos))
    draw("photos/red.png", BLUE, mark=3)
    os.utime(photos / "red.png", (1_000_000, 1_000_000))
    assert counts(run(FolderSource(photos))) == (1, 2, 0, 0, 0)
    assert fake.embedded == 4
    assert store.vector("red.png").argmax() == 2
    assert store.info().records == 3


def test_a_moved_file_keeps_its_vector(
    store: SqliteStore, run: Run, photos: Path, fake: FakeEmbedder
) -> None:
    run(FolderSource(photos))
    before = store.vector("red.png")
    (photos / "new home").mkdir()
    (photos / "red.png").rename(photos / "new home" / "crimson.png")
    assert counts(run(FolderSource(photos))) == (0, 2, 1, 0, 0)
    assert fake.embedded == 3
    assert set(records(store)) == {"new home/crimson.png", "green.png", "sub/blue.png"}
    assert store.vector("new home/crimson.png").tolist() == before.tolist()


def test_a_copied_file_is_added_without_a_second_embedding(
    store: SqliteStore, run: Run, photos: Path, fake: FakeEmbedder
) -> None:
    run(FolderSource(photos))
    shutil.copy(photos / "red.png", photos / "copy.png")
    assert counts(run(FolderSource(photos))) == (1, 3, 0, 0, 0)
    assert fake.embedded == 3
    found = ask(store, store.vector("red.png"), 2).matches
    assert [(m.record.id, m.score) for m in found] == [("copy.png", 1.0), ("red.png", 1.0)]


def test_two_copies_that_became_one_file_are_one_move_and_one_removal(
    store: SqliteStore, run: Run, photos: Path
) -> None:
    shutil.copy(photos / "red.png", photos / "copy.png")
    run(FolderSource(photos))
    (photos / "red.png").rename(photos / "only.png")
    (photos / "copy.png").unlink()
    assert counts(run(FolderSource(photos))) == (0, 2, 1, 1, 0)


def test_refreshing_finds_what_size_and_time_do_not_tell(
    store: SqliteStore, run: Run, photos: Path, draw: Draw
) -> None:
    path = draw("photos/red.bmp", RED)  # any two pictures have the same size
    run(FolderSource(photos))
    before, held = path.stat(), store.get("red.bmp")
    draw("photos/red.bmp", BLUE)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert counts(run(FolderSource(photos))) == (0, 4, 0, 0, 0)
    assert store.get("red.bmp") == held
    assert counts(run(FolderSource(photos), refresh=True)) == (1, 3, 0, 0, 0)
    assert store.get("red.bmp").sha256 != held.sha256


def test_refreshing_looks_again_at_what_an_older_version_kept_no_signatures_of(
    store: SqliteStore, run: Run, photos: Path
) -> None:
    run(FolderSource(photos))
    digest = store.get("red.png").sha256
    kept = store.evidence.signatures([digest])
    with sqlite3.connect(Path(store.facts.place) / "index.sqlite") as older:
        older.execute("DELETE FROM signatures")
    run(FolderSource(photos))
    assert not store.evidence.signatures([digest])
    run(FolderSource(photos), refresh=True)
    assert store.evidence.signatures([digest]) == kept
    assert len(records(store)) == 3


def test_a_deleted_file_leaves_the_store(store: SqliteStore, run: Run, photos: Path) -> None:
    run(FolderSource(photos))
    shutil.rmtree(photos / "sub")
    assert counts(run(FolderSource(photos))) == (0, 2, 0, 1, 0)
    assert set(records(store)) == {"red.png", "green.png"}


def test_a_file_that_became_broken_keeps_its_record(
    store: SqliteStore, run: Run, photos: Path
) -> None:
    run(FolderSource(photos))
    before = store.get("red.png")
    (photos / "red.png").write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    for _ in range(2):
        assert counts(run(FolderSource(photos))) == (0, 2, 0, 0, 1)
        assert store.get("red.png") == before


def test_a_file_that_cannot_be_read_now_keeps_its_record(store: SqliteStore, run: Run) -> None:
    images: list[tuple[str, bytes | None]] = [("a", png(RED)), ("b", png(BLUE))]
    run(Listed(images))
    away = Listed([images[0], ("b", None)])
    report = run(away)
    assert counts(report) == (0, 1, 0, 0, 1)
    assert set(records(store)) == {"a", "b"}


# -- fields ----------------------------------------------------------------------------------------


def test_fields_changed_in_the_catalogue_need_no_new_vector(
    store: SqliteStore, run: Run, photos: Path, fake: FakeEmbedder
) -> None:
    rows: list[dict[str, object]] = [
        {"id": "r", "image": "red.png", "price": 5},
        {"id": "g", "image": "green.png", "price": 7},
    ]
    run(CatalogueSource(catalogue(photos, rows)))
    rows[1]["price"] = 8
    source = CatalogueSource(catalogue(photos, rows))
    assert counts(run(source)) == (0, 2, 0, 0, 0)
    assert (store.get("g").fields, store.get("r").fields) == ({"price": 8}, {"price": 5})
    assert fake.embedded == 2
    before = generation(store)
    run(source)
    assert generation(store) == before


def test_a_picture_changed_in_the_catalogue_is_embedded_anew(
    store: SqliteStore, run: Run, photos: Path
) -> None:
    run(CatalogueSource(catalogue(photos, [{"id": "r", "image": "red.png"}])))
    report = run(CatalogueSource(catalogue(photos, [{"id": "r", "image": "sub/blue.png"}])))
    assert counts(report) == (1, 0, 0, 0, 0)
    assert store.vector("r").argmax() == 2
    assert store.get("r").uri == str(photos / "sub" / "blue.png")
