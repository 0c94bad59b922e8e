"""What an index keeps beside its vectors: begun, made, kept up, dropped."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from visavis.embedders.parts.codes import codes
from visavis.embedders.parts.windows import WINDOWS
from visavis.errors import UsageError
from visavis.image_index import ImageIndex
from visavis.images.decode import crop, decode
from visavis.store.aspects import has_aspects

Draw = Callable[..., Path]


def values(index: ImageIndex) -> dict[str, bytes]:
    assert has_aspects(index.store)
    return index.store.aspects.values("parts", [record.id for record in index])


@pytest.fixture
def photos(tmp_path: Path, draw: Draw) -> Path:
    draw("photos/red.png", (200, 20, 20))
    draw("photos/green.png", (20, 200, 20))
    draw("photos/blue.png", (20, 20, 200))
    return tmp_path / "photos"


def test_kept_parts_are_the_codes_of_each_pictures_windows(index: ImageIndex, photos: Path) -> None:
    index.add(photos)
    before = index.vectors()
    report = index.aspects.keep("parts")
    assert index.aspects.kept == ("parts",)
    assert report.notes == []
    model = index.embedder()
    for record in index:
        pixels = decode(Path(record.uri).read_bytes(), record.uri).pixels
        wanted = codes(model.embed_images([crop(pixels, box) for box in WINDOWS]))
        assert values(index)[record.id] == wanted.tobytes()
    assert np.array_equal(index.vectors(), before)


def test_adding_keeps_up_what_the_index_keeps(index: ImageIndex, photos: Path, draw: Draw) -> None:
    index.aspects.begin("parts")
    index.add(photos)
    assert len(values(index)) == 3
    kept = values(index)
    (photos / "red.png").rename(photos / "moved.png")
    draw("photos/new.png", (9, 200, 200))
    index.add(photos)
    assert values(index).keys() == {"moved.png", "new.png", "green.png", "blue.png"}
    assert values(index)["moved.png"] == kept["red.png"]


def test_an_index_that_keeps_none_reads_no_picture_twice(index: ImageIndex, photos: Path) -> None:
    index.add(photos)
    assert index.aspects.kept == ()
    assert values(index) == {}


def test_another_model_makes_them_again(index: ImageIndex, photos: Path) -> None:
    index.add(photos)
    index.aspects.keep("parts")
    before = values(index)
    index.rebuild("fake-halves")
    after = values(index)
    assert after.keys() == before.keys()
    assert index.aspects.is_current("parts")
    assert after != before


def test_a_picture_that_has_changed_gets_none_and_is_named(
    index: ImageIndex, photos: Path, draw: Draw
) -> None:
    index.add(photos)
    draw("photos/red.png", (1, 2, 3))
    (photos / "blue.png").unlink()
    report = index.aspects.keep("parts")
    assert values(index).keys() == {"green.png"}
    [note] = report.notes
    assert "2 pictures have no parts" in note
    assert "red.png (it has changed since it was indexed)" in note


def test_what_cannot_be_read_is_tried_once_by_runs_and_again_when_it_is_asked_for(
    index: ImageIndex, photos: Path, draw: Draw
) -> None:
    index.add(photos / "blue.png", photos / "red.png")
    index.aspects.begin("parts")
    gone = (photos / "blue.png").rename(photos.parent / "away.png")
    more = [draw(f"more/{at}.png", (at, 100, 9)) for at in range(2)]
    notes = [index.add(path).notes for path in more]
    assert "a picture has no parts" in notes[0][0]
    assert notes[1] == []
    gone.rename(photos / "blue.png")
    assert index.aspects.keep("parts").notes == []
    assert len(values(index)) == 4


def test_what_is_dropped_is_gone_and_can_be_kept_again(index: ImageIndex, photos: Path) -> None:
    index.add(photos)
    index.aspects.keep("parts")
    index.aspects.drop("parts")
    assert index.aspects.kept == ()
    assert values(index) == {}
    index.aspects.keep("parts")
    assert len(values(index)) == 3


def test_an_unknown_aspect_is_an_error_that_names_those_there_are(index: ImageIndex) -> None:
    with pytest.raises(UsageError, match="no aspect 'smell'; there are parts"):
        index.aspects.keep("smell")
