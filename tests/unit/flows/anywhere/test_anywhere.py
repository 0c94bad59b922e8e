"""A picture looked for in parts of others, and others in parts of it."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import overlap, part, scene
from PIL import Image

from visavis import ImageIndex, ImageTerm, Query, RecordTerm
from visavis.drawn.gallery import write_gallery
from visavis.errors import UsageError
from visavis.flows.anywhere import verifying
from visavis.flows.query import elsewhere, ranking
from visavis.flows.relation.judge import WARPED
from visavis.flows.relation.reading import reading_at_most
from visavis.types import RGB, Box, ImageRecord, SearchResult

COUNT = 24
BOX: Box = (0.6, 0.1, 0.95, 0.45)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("scenes")
    for seed in range(COUNT):
        Image.fromarray(scene(seed)).save(made / f"{seed}.png")
    return made


@pytest.fixture(scope="module")
def index(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ImageIndex]:
    """Of the built-in model, as its network sees parts in one look."""
    with ImageIndex.create(tmp_path_factory.mktemp("index"), jobs=2) as made:
        made.aspects.begin("parts")
        made.add(folder)
        yield made


@pytest.fixture(scope="module")
def plain(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ImageIndex]:
    """The same without parts."""
    with ImageIndex.create(tmp_path_factory.mktemp("index"), jobs=2) as made:
        made.add(folder)
        yield made


def ids(result: SearchResult) -> list[str]:
    return [match.record.id for match in result.matches]


@pytest.mark.parametrize("box", [BOX, (0.1, 0.5, 0.43, 0.83)])
def test_a_crop_is_found_and_its_box_is_where_it_was_cut_out(index: ImageIndex, box: Box) -> None:
    result = index.search(part(scene(5), box), anywhere=True)
    [best, *others] = result.matches
    assert (best.record.id, best.relation, best.verified) == ("5.png", "near_duplicate", True)
    assert best.box is not None
    assert overlap(best.box, box) > 0.8
    assert best.query_box is None
    assert all(match.relation == "other" for match in others)
    assert (result.verdict, result.anywhere, result.notes) == ("near_duplicate", True, ())


def test_a_crop_that_was_turned_and_mirrored_is_found_as_well(index: ImageIndex) -> None:
    crop = part(scene(5), BOX)
    for changed in (np.rot90(crop), crop[:, ::-1], np.rot90(crop, 2)[:, ::-1]):
        best = index.search(np.ascontiguousarray(changed), anywhere=True).matches[0]
        assert (best.record.id, best.relation) == ("5.png", "near_duplicate")
        assert best.box is not None
        assert overlap(best.box, BOX) > 0.7


def test_all_pictures_of_a_collage_are_found_with_their_places_in_it(index: ImageIndex) -> None:
    rows = [np.hstack([scene(1), scene(2)]), np.hstack([scene(3), scene(4)])]
    result = index.search(np.vstack(rows), anywhere=True)
    assert set(ids(result)[:4]) == {"1.png", "2.png", "3.png", "4.png"}
    places = {match.record.id: match.query_box for match in result.matches[:4]}
    for name, corner in (("1", (0, 0)), ("2", (0.5, 0)), ("3", (0, 0.5)), ("4", (0.5, 0.5))):
        found = places[f"{name}.png"]
        assert found is not None
        assert overlap(found, (*corner, corner[0] + 0.5, corner[1] + 0.5)) > 0.8


def test_a_picture_within_a_picture_is_found(plain: ImageIndex) -> None:
    """Parts of the query are looked at whether the index keeps parts or not."""
    both = np.array(Image.fromarray(scene(100)).resize((640, 480)))
    both[200:440, 40:360] = scene(7)
    result = plain.search(both, anywhere=True)
    best = result.matches[0]
    assert (best.record.id, best.relation) == ("7.png", "near_duplicate")
    assert best.query_box is not None
    assert overlap(best.query_box, (40 / 640, 200 / 480, 360 / 640, 440 / 480)) > 0.8
    assert "keeps no parts" in result.notes[0]
    assert "visavis index --parts" in result.notes[0]


def test_a_picture_that_is_nowhere_is_called_so(index: ImageIndex) -> None:
    result = index.search(scene(200), anywhere=True)
    assert result.verdict == "none"
    assert result.matches
    assert result.reason is not None
    assert not any(match.relation == "near_duplicate" for match in result.matches)


def test_a_picture_too_large_to_be_read_keeps_none_of_the_others_away(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = Image.fromarray(scene(5))
    large = large.resize((4 * large.width, 4 * large.height), Image.Resampling.BICUBIC)
    large.save(tmp_path / "large.png")
    monkeypatch.setattr(verifying, "MOST_PIXELS", large.width * large.height - 1)
    with ImageIndex.create(tmp_path / "index", jobs=2) as both:
        both.aspects.begin("parts")
        both.add(tmp_path / "large.png", folder / "5.png")
        found = both.search(part(scene(5), BOX), anywhere=True).matches
    boxes = {Path(match.record.id).name: match.box for match in found}
    assert boxes["5.png"] is not None
    assert overlap(boxes["5.png"], BOX) > 0.9  # of what was read; a window is only around it


def test_a_question_that_finds_nothing_reads_few_files(
    index: ImageIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the dearest one: whole pictures, parts, and parts of it as it may hang are asked."""
    read: dict[str, list[str]] = {"whole": [], "parts": []}
    for kind, module in (("whole", ranking), ("parts", elsewhere)):

        def pixels(
            record: ImageRecord, *more: Any, kind: str = kind, real: Any = module.record_pixels
        ) -> Any:
            read[kind].append(record.id)
            return real(record, *more)

        monkeypatch.setattr(module, "record_pixels", pixels)
    largest = max(record.width * record.height for record in index.records())
    monkeypatch.setattr(verifying, "MOST_PIXELS", 5 * largest)
    result = index.search(scene(99))
    assert result.verdict == "none"
    assert len(read["whole"]) == len(set(read["whole"])) <= WARPED
    assert 0 < len(read["parts"]) <= 5 + WARPED  # of these some again, by their local features


@pytest.fixture(scope="module")
def skies(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RGB]:
    """An index, with parts, of forty; and one more, as dark above and as bright below as they."""
    place, chance = tmp_path_factory.mktemp("skies"), np.random.default_rng(1)
    for number in range(40):
        Image.fromarray(_sky(chance)).save(place / f"{number}.png")
    with ImageIndex.create(place / "index", jobs=2) as made:
        made.aspects.begin("parts")
        made.add(place)
    return place / "index", _sky(chance)


@pytest.mark.parametrize("signed", [True, False], ids=["signatures", "an older index"])
def test_of_many_that_are_alike_by_their_signatures_few_files_are_read(
    skies: tuple[Path, RGB], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signed: bool
) -> None:
    """None of the skies is the one that is asked with."""
    folder, asked = skies
    shutil.copytree(folder, tmp_path / "index")
    read: list[str] = []

    module: Any = elsewhere

    def pixels(record: ImageRecord, *more: Any, real: Any = module.record_pixels) -> Any:
        read.append(record.id)
        return real(record, *more)

    if not signed:
        with closing(sqlite3.connect(tmp_path / "index" / "index.sqlite")) as database:
            database.execute("DELETE FROM signatures")
            database.commit()
    with ImageIndex.open(tmp_path / "index") as index:
        monkeypatch.setattr(elsewhere, "record_pixels", pixels)
        result = index.search(asked, anywhere=True)
    assert not any(match.verified for match in result.matches)
    # Looks at parts, at windows, and as the picture may hang.
    few = verifying.MISSES + 2 * verifying.FURTHER_MISSES
    if signed:
        assert 0 < len(read) <= few
    else:
        assert len(read) > few, "without signatures the right one may be any of those proposed"


def test_many_copies_keep_no_picture_away_that_has_it_as_a_part(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    picture = Image.fromarray(scene(0))
    for at in range(verifying.MISSES + 2):
        smaller = picture.resize((picture.width - 4 * at, picture.height - 3 * at))
        smaller.save(pictures / f"copy {at}.jpg")
    poster = Image.fromarray(scene(50)).resize((640, 480))
    poster.paste(picture.resize((384, 288)), (30, 40))
    poster.save(pictures / "poster.png")
    with ImageIndex.create(tmp_path / "index", jobs=2) as index:
        index.aspects.begin("parts")
        index.add(pictures)
        result = index.search(scene(0), anywhere=True, limit=64)
    [found] = [match for match in result.matches if Path(match.record.id).name == "poster.png"]
    assert found.verified
    assert found.box is not None
    assert overlap(found.box, (30 / 640, 40 / 480, 414 / 640, 328 / 480)) > 0.8


def _sky(chance: np.random.Generator) -> RGB:
    light = np.linspace(60, 220, 96)[:, None, None] + chance.normal(0, 9, (96, 128, 1))
    return np.broadcast_to(light.clip(0, 255), (96, 128, 3)).astype(np.uint8)


def test_who_asks_may_allow_less_to_be_read(index: ImageIndex) -> None:
    crop = part(scene(5), BOX)
    with reading_at_most(1_000):
        assert not any(match.verified for match in index.search(crop, anywhere=True).matches)
    assert index.search(crop, anywhere=True).matches[0].verified


def test_products_of_one_shape_are_no_copies_of_one_another(tmp_path: Path) -> None:
    write_gallery(tmp_path / "shop", only=["mug"])
    drawn = tmp_path / "shop" / "images"
    with ImageIndex.create(tmp_path / "index", jobs=2) as shop:
        shop.aspects.begin("parts")
        shop.add([str(path) for path in sorted(drawn.iterdir())])
        result = shop.search(drawn / "mug-01-front.jpg", anywhere=True, limit=64)
        copies = [one for one in result.matches if one.relation in ("exact", "near_duplicate")]
        assert copies
        assert {Path(one.record.id).name[:6] for one in copies} == {"mug-01"}


def test_where_nothing_else_is_found_parts_are_asked_by_themselves_and_that_is_said(
    index: ImageIndex, plain: ImageIndex
) -> None:
    crop = part(scene(9), (0.3, 0.3, 0.6, 0.6))
    asked = index.search(crop)
    assert asked.anywhere
    assert ids(asked)[0] == "9.png"
    assert any("parts of pictures were looked for" in note for note in asked.notes)
    assert not plain.search(crop).anywhere
    assert not index.search(scene(9)).anywhere
    assert not index.search(scene(200)).anywhere


def test_pages_neither_repeat_nor_leave_out_a_record(index: ImageIndex) -> None:
    crop = part(scene(5), BOX)
    whole = ids(index.search(crop, anywhere=True, limit=20))
    pages = [
        ids(index.search(crop, anywhere=True, limit=5, offset=offset)) for offset in range(0, 20, 5)
    ]
    assert [id for page in pages for id in page] == whole
    assert len(set(whole)) == 20


def test_filters_relations_and_least_scores_hold(index: ImageIndex) -> None:
    crop = part(scene(5), BOX)
    assert ids(index.search(crop, anywhere=True, relation="near_duplicate")) == ["5.png"]
    assert ids(index.search(crop, anywhere=True, min_score="auto")) == ["5.png"]
    assert "5.png" not in ids(index.search(crop, anywhere=True, where="id!=5.png"))


def test_a_record_is_looked_for_in_others(index: ImageIndex, folder: Path) -> None:
    query = Query((RecordTerm("5.png"),), without="5.png", anywhere=True)
    assert "5.png" not in ids(index.answer(query))


def test_whole_pictures_are_answered_as_without_parts(index: ImageIndex, plain: ImageIndex) -> None:
    for seed in (1, 9, 200):
        with_parts, without = (
            [(match.record.id, match.score) for match in one.search(scene(seed)).matches]
            for one in (index, plain)
        )
        assert with_parts == without


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        (Query((ImageTerm("a.png"), ImageTerm("b.png")), anywhere=True), "only one picture"),
        (Query((ImageTerm("a.png", weight=-1),), anywhere=True), "not wanted"),
        (Query((ImageTerm("a.png"),), anywhere=True, unique=True), "cannot be grouped"),
    ],
)
def test_what_cannot_be_looked_for_anywhere_is_refused(
    index: ImageIndex, query: Query, sentence: str
) -> None:
    with pytest.raises(UsageError, match=sentence):
        index.answer(query)
