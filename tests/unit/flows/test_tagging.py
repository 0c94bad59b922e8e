"""Tags of pictures, of records, and as a field of all records."""

import csv
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from shop_classifier import write_shop_classifier
from taking_in import generation
from word_files import shop_vectors, write_text

from visavis.embedders.adding.conse import make_conse
from visavis.errors import (
    ClassesUnsupportedError,
    ImageUnreadableError,
    RecordNotFoundError,
    UsageError,
)
from visavis.image_index import ImageIndex
from visavis.types import ImageTerm, IndexReport, Match, RecordTerm


@pytest.fixture(scope="session")
def kinds(gallery: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder that tells the kinds of the gallery."""
    return write_shop_classifier(tmp_path_factory.mktemp("models") / "kinds", gallery.parent)


@pytest.fixture
def shop(gallery: Path, tmp_path: Path) -> Path:
    """A copy of the gallery that a test may change."""
    return Path(shutil.copytree(gallery.parent, tmp_path / "shop"))


@pytest.fixture
def by_class(tmp_path: Path, kinds: Path, shop: Path) -> Iterator[ImageIndex]:
    """The shop, indexed with a model whose tags need the pictures."""
    with ImageIndex.create(tmp_path / "class.index", kinds, jobs=2) as index:
        index.add(shop / "catalogue.csv")
        yield index


@pytest.fixture
def by_words(tmp_path: Path, kinds: Path, shop: Path) -> Iterator[ImageIndex]:
    """The shop, indexed with a model whose tags come from the vectors."""
    vectors = write_text(tmp_path / "vectors.txt", shop_vectors())
    model = make_conse(str(kinds), vectors, tmp_path / "by-words").folder
    with ImageIndex.create(tmp_path / "words.index", model, jobs=2) as index:
        index.add(shop / "catalogue.csv")
        yield index


def tags_of(index: ImageIndex) -> dict[str, str]:
    return {record.id: str(record.fields.get("tags")) for record in index}


def kind_of(index: ImageIndex) -> dict[str, str]:
    return {record.id: str(record.fields["category"]) for record in index}


# -- of one picture --------------------------------------------------------------------------------


def test_a_picture_and_a_record_get_the_same_tags(by_class: ImageIndex, shop: Path) -> None:
    picture = shop / "images" / "mug-01-front.jpg"
    found = by_class.tagging.of(picture, 2)
    assert len(found) == 2
    assert found[0].name == "mug"
    assert 0.5 < found[0].score <= 1
    for same in (str(picture), picture.read_bytes(), ImageTerm(picture), "id:mug-01-front"):
        assert by_class.tagging.of(same, 2) == found
    assert by_class.tagging.of(RecordTerm("mug-01-front"), 2) == found


def test_class_scores_need_the_pictures_and_words_only_their_vectors(
    by_class: ImageIndex, by_words: ImageIndex, shop: Path, tmp_path: Path
) -> None:
    assert by_class.tagging.needs_pictures()
    assert not by_words.tagging.needs_pictures(threads=1)
    with (
        ImageIndex.create(tmp_path / "sees.index", "classic") as index,
        pytest.raises(ClassesUnsupportedError, match="gives no tags"),
    ):
        index.tagging.needs_pictures()


def test_of_a_model_with_words_a_record_needs_no_picture(by_words: ImageIndex, shop: Path) -> None:
    picture = shop / "images" / "mug-01-front.jpg"
    seen = by_words.tagging.of(picture, 3)
    picture.unlink()
    remembered = by_words.tagging.of("id:mug-01-front", 3)
    assert {tag.name for tag in remembered} == {"mug", "cup", "tea"}
    assert [tag.name for tag in remembered] == [tag.name for tag in seen]


def test_what_is_no_picture_is_refused(by_class: ImageIndex, shop: Path) -> None:
    with pytest.raises(UsageError, match="is no picture that exists"):
        by_class.tagging.of("some words")
    with pytest.raises(UsageError, match="a limit of 1"):
        by_class.tagging.of("id:mug-01-front", 0)
    with pytest.raises(RecordNotFoundError):
        by_class.tagging.of("id:nobody")
    with pytest.raises(ImageUnreadableError):
        by_class.tagging.of("./gone.jpg")


def test_a_model_that_only_sees_gives_no_tags(tmp_path: Path, shop: Path) -> None:
    with ImageIndex.create(tmp_path / "seen.index", "classic") as index:
        index.add(shop / "catalogue.csv")
        with pytest.raises(ClassesUnsupportedError, match="'classic' gives no tags"):
            index.tagging.of("id:mug-01-front")
        with pytest.raises(ClassesUnsupportedError):
            index.tagging.write(3)
        assert not index.tagging.made


# -- as a field ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["by_class", "by_words"])
def test_records_get_tags_to_filter_by(kind: str, request: pytest.FixtureRequest) -> None:
    index: ImageIndex = request.getfixturevalue(kind)
    report = index.tagging.write(3)
    assert (report.tagged, report.notes) == (16, [])
    kinds = kind_of(index)
    for id, tags in tags_of(index).items():
        assert kinds[id].removeprefix("T-").lower() in tags.lower()
    found = index.search("id:mug-01-front", where="tags~MUG", limit=16)
    assert {kinds[match.record.id] for match in found.matches} == {"mug"}
    assert index.info().fields["tags"] == "list"


def test_improbable_classes_are_no_tags(by_class: ImageIndex) -> None:
    by_class.tagging.write(50)
    for id, tags in tags_of(by_class).items():
        names = [tag.name for tag in by_class.tagging.of(f"id:{id}", 50) if tag.score >= 0.01]
        assert tags == ", ".join(names)


def test_a_second_run_changes_nothing(by_words: ImageIndex) -> None:
    by_words.tagging.write(3)
    before = generation(by_words.store)
    assert by_words.tagging.write(3).tagged == 0
    assert generation(by_words.store) == before


def test_another_number_makes_all_tags_again(by_words: ImageIndex) -> None:
    by_words.tagging.write(3)
    assert by_words.tagging.write(1).tagged == 16
    assert all("," not in tags for tags in tags_of(by_words).values())


def test_new_pictures_are_tagged_and_the_others_left(by_words: ImageIndex, shop: Path) -> None:
    with (shop / "catalogue.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    some = shop / "some.csv"
    with some.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows[:10])
    by_words.remove(source=str(shop / "catalogue.csv"))
    by_words.add(some)
    assert by_words.tagging.write(3).tagged == 9
    before = tags_of(by_words)
    with some.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    by_words.add(some)
    assert by_words.tagging.write(3).tagged == 7
    assert before.items() <= tags_of(by_words).items()


def test_indexing_again_keeps_the_tags_and_takes_new_columns(
    by_words: ImageIndex, shop: Path
) -> None:
    by_words.tagging.write(3)
    before = tags_of(by_words)
    written = generation(by_words.store)
    again = by_words.add(shop / "catalogue.csv")
    assert again.unchanged == 16
    assert tags_of(by_words) == before
    assert generation(by_words.store) == written, "nothing was written"
    text = (shop / "catalogue.csv").read_text(encoding="utf-8")
    (shop / "catalogue.csv").write_text(text.replace("mug,", "cup,"), encoding="utf-8")
    by_words.add(shop / "catalogue.csv")
    assert tags_of(by_words) == before
    assert "cup" in kind_of(by_words).values()


def test_a_changed_picture_loses_its_tags_and_gets_new_ones(
    by_words: ImageIndex, shop: Path
) -> None:
    by_words.tagging.write(3)
    images = shop / "images"
    Image.open(images / "lamp-01-front.jpg").save(images / "mug-01-front.jpg", quality=80)
    shutil.copy(images / "lamp-01-close.jpg", images / "mug-01-close.jpg")
    by_words.add(shop / "catalogue.csv")
    assert tags_of(by_words)["mug-01-front"] == "None"
    assert "lamp" in tags_of(by_words)["mug-01-close"]  # the picture is known by its tags
    assert by_words.tagging.write(3).tagged == 1
    assert "lamp" in tags_of(by_words)["mug-01-front"]


def test_a_touched_picture_keeps_its_tags(by_words: ImageIndex, shop: Path) -> None:
    import os

    by_words.tagging.write(3)
    before = tags_of(by_words)
    os.utime(shop / "images" / "mug-01-front.jpg", (1, 1))
    by_words.add(shop / "catalogue.csv")
    assert tags_of(by_words) == before


def test_tags_can_be_taken_away(by_words: ImageIndex, shop: Path) -> None:
    fields = {record.id: dict(record.fields) for record in by_words}
    by_words.tagging.write(3)
    by_words.tagging.write(0)
    assert {record.id: dict(record.fields) for record in by_words} == fields
    assert "tags" not in by_words.info().fields
    assert not by_words.tagging.made
    assert by_words.add(shop / "catalogue.csv").unchanged == 16


def test_a_column_called_tags_is_not_written_over(tmp_path: Path, kinds: Path, shop: Path) -> None:
    text = (shop / "catalogue.csv").read_text(encoding="utf-8")
    (shop / "catalogue.csv").write_text(text.replace("category", "tags", 1), encoding="utf-8")
    with ImageIndex.create(tmp_path / "own.index", kinds) as index:
        index.add(shop / "catalogue.csv")
        before = tags_of(index)
        with pytest.raises(UsageError, match="a field 'tags' of their own"):
            index.tagging.write(3)
        assert tags_of(index) == before


def test_a_picture_that_is_gone_is_told_and_the_others_tagged(
    by_class: ImageIndex, shop: Path
) -> None:
    (shop / "images" / "mug-01-front.jpg").unlink()
    report = by_class.tagging.write(3)
    assert report.tagged == 15
    [note] = report.notes
    assert note.startswith("1 pictures could not be read to be tagged, the first: ")
    assert "mug-01-front.jpg" in note


def test_a_stopped_run_goes_on(by_class: ImageIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def stop(report: IndexReport) -> None:
        seen.append(report.tagged)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        by_class.tagging.write(3, progress=stop)
    assert seen == [8]
    assert by_class.tagging.write(3).tagged == 8


@pytest.mark.parametrize("count", [-1, 101])
def test_a_number_of_tags_that_makes_no_sense_is_refused(by_words: ImageIndex, count: int) -> None:
    with pytest.raises(UsageError, match="0 to 100 tags"):
        by_words.tagging.write(count)


def test_a_mix_with_words_is_tagged_from_the_vectors_too(
    tmp_path: Path, kinds: Path, shop: Path
) -> None:
    vectors = write_text(tmp_path / "vectors.txt", shop_vectors())
    model = make_conse(str(kinds), vectors, tmp_path / "by-words").folder
    with ImageIndex.create(tmp_path / "mix.index", f"0.5:{model}+0.5:classic") as index:
        index.add(shop / "catalogue.csv")
        shutil.rmtree(shop / "images")
        assert index.tagging.write(1).tagged == 16
        assert tags_of(index)["lamp-01-front"] == "lamp"


def ids(matches: tuple[Match, ...]) -> list[str]:
    return [match.record.id for match in matches]


def test_words_classes_pictures_and_records_go_together(
    by_words: ImageIndex, by_class: ImageIndex, shop: Path
) -> None:
    kinds = kind_of(by_words)
    found = by_words.search("cup", limit=4)
    assert {kinds[id] for id in ids(found.matches)} == {"mug"}
    np.testing.assert_allclose(
        [match.score for match in found.matches],
        sorted((match.score for match in found.matches), reverse=True),
    )
    mixed = by_words.search([RecordTerm("lamp-01-front")], limit=4)
    assert {kinds[id] for id in ids(mixed.matches)} == {"lamp"}
    noted = by_words.search("cup xyzzy")
    assert noted.notes == ("unknown and ignored: 'xyzzy'",)
    assert noted.to_dict()["notes"] == list(noted.notes)
    assert "notes" not in found.to_dict()


def test_tags_and_concepts_go_where_a_picture_goes(tmp_path: Path, kinds: Path, shop: Path) -> None:
    with ImageIndex.create(tmp_path / "moved.index", kinds, jobs=2) as index:
        index.add(shop / "images")
        index.tagging.write(3)
        index.concept("mugs").mark([record.id for record in index if "mug" in record.id][:2])
        index.concepts.write()
        before = {Path(record.id).name: dict(record.fields) for record in index}
        assert any("mug" in str(fields["tags"]) for fields in before.values())
        below = shop / "images" / "below"
        below.mkdir()
        for picture in (shop / "images").glob("*.jpg"):
            picture.rename(below / picture.name)
        shutil.copy(below / "mug-01-front.jpg", shop / "images" / "copy.jpg")
        report = index.add(shop / "images")
        assert (report.added, report.moved) == (1, len(before))
        after = {Path(record.id).name: dict(record.fields) for record in index}
        assert after.pop("copy.jpg")["tags"] == before["mug-01-front.jpg"]["tags"]
        assert after == {name: {**fields, "folder": "below"} for name, fields in before.items()}
        assert index.tagging.write(3).tagged == 0
