"""The subjects of pictures and records: `index.subjects`."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pasted import pasted, plain
from PIL import Image

from visavis.errors import ImageUnreadableError, RecordNotFoundError, UsageError
from visavis.image_index import ImageIndex
from visavis.types import ImageTerm, RecordTerm

SCENE = pasted(plain(), (1, 0.06, 0.1, 0.42), (5, 0.6, 0.5, 0.42))


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photos") / "two.png"
    Image.fromarray(SCENE.pixels).save(path)
    return path


@pytest.fixture(scope="module")
def index(photo: Path) -> Iterator[ImageIndex]:
    with ImageIndex.create(photo.parent.parent / "subjects.index") as made:
        made.add(photo.parent)
        yield made


def test_a_file_bytes_pixels_and_a_record_have_the_same_subjects(
    index: ImageIndex, photo: Path
) -> None:
    assert index.subjects.offered
    found = index.subjects.of(photo)
    assert len(found) == 2
    for same in (photo.read_bytes(), SCENE.pixels, RecordTerm("two.png"), "id:two.png"):
        assert index.subjects.of(same) == found


def test_a_box_is_one_to_search_with(index: ImageIndex, photo: Path) -> None:
    for subject in index.subjects.of(photo):
        assert len(index.search(ImageTerm(photo, subject.box)).matches) == 1
    assert subject.to_dict() == {
        "box": [round(edge, 4) for edge in subject.box],
        "score": round(subject.score, 4),
    }


def test_what_is_no_whole_picture_is_refused(index: ImageIndex, photo: Path) -> None:
    two = [ImageTerm(photo), ImageTerm(photo)]
    part = ImageTerm(photo, (0, 0, 0.5, 1))
    for wrong in ("two things", two, part):
        with pytest.raises(UsageError):
            index.subjects.of(wrong)
    with pytest.raises(RecordNotFoundError):
        index.subjects.of("id:nobody")
    with pytest.raises(ImageUnreadableError):
        index.subjects.of(b"no picture at all")


def test_a_model_without_a_map_offers_none(photo: Path, tmp_path: Path) -> None:
    with ImageIndex.create(tmp_path / "classic.index", "classic") as index:
        assert not index.subjects.offered
        assert index.subjects.of(photo) == ()
