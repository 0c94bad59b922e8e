"""Why is it called what it is? One picture against one record, from every front end."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageOps

from visavis.errors import RecordNotFoundError, UsageError
from visavis.flows.relation.explaining import Explanation
from visavis.image_index import ImageIndex

Cli = Callable[..., Any]
MUG = "mug-01-front"


@pytest.fixture
def explain(drawn: Path, drawn_index: Path, tmp_path: Path) -> Callable[..., Explanation]:
    """Explains an edited copy of a mug."""

    def explained(edit: Callable[[Image.Image], Image.Image], id: str = MUG) -> Explanation:
        with Image.open(drawn / "images" / f"{MUG}.jpg") as picture:
            edit(picture.convert("RGB")).save(tmp_path / "edited.png")
        with ImageIndex.open(drawn_index) as index:
            return index.explain(tmp_path / "edited.png", id)

    return explained


def test_a_small_grey_copy_covers_the_whole_record(explain: Callable[..., Explanation]) -> None:
    found = explain(lambda picture: ImageOps.grayscale(picture).resize((160, 160)))
    assert (found.relation, found.verified) == ("near_duplicate", True)
    assert found.form is not None
    assert found.form > 0.9
    assert found.colour is not None
    assert found.colour > 0.9  # an edit explains all of it
    assert found.box == pytest.approx((0, 0, 1, 1), abs=0.02)


@pytest.mark.parametrize(
    ("turn", "top_left"),
    [
        (Image.Transpose.ROTATE_90, (1, 0)),
        (Image.Transpose.ROTATE_180, (1, 1)),
        (Image.Transpose.ROTATE_270, (0, 1)),
        (Image.Transpose.FLIP_LEFT_RIGHT, (1, 0)),
        (Image.Transpose.TRANSPOSE, (0, 0)),
    ],
)
@pytest.mark.parametrize("opencv", [True, False])
def test_corners_say_how_a_copy_was_turned(
    explain: Callable[..., Explanation],
    monkeypatch: pytest.MonkeyPatch,
    turn: Image.Transpose,
    top_left: tuple[int, int],
    opencv: bool,
) -> None:
    """The copy's left top corner lies where the turn took it from."""
    if not opencv:
        monkeypatch.setattr("visavis.flows.relation.explaining.has_opencv", lambda: False)
    found = explain(lambda picture: picture.transpose(turn))
    assert found.relation in ("exact", "near_duplicate")
    assert found.corners[0] == pytest.approx(top_left, abs=0.03)
    flips = (Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.TRANSPOSE)
    assert found.mirrored == (turn in flips)


def test_a_crop_is_placed_where_it_was_cut_out(explain: Callable[..., Explanation]) -> None:
    pytest.importorskip("cv2")
    found = explain(lambda picture: picture.crop((64, 32, 288, 304)))  # of 320 × 320
    assert found.relation == "near_duplicate"
    assert found.box == pytest.approx((0.2, 0.1, 0.9, 0.95), abs=0.01)
    assert found.inliers is not None
    assert found.matched is not None
    assert 8 <= found.inliers <= found.matched


@pytest.mark.parametrize("cut", [(64, 32, 288, 304), (160, 120, 280, 240)])
def test_a_crop_is_placed_without_local_features_too(
    explain: Callable[..., Explanation],
    monkeypatch: pytest.MonkeyPatch,
    cut: tuple[int, int, int, int],
) -> None:
    monkeypatch.setattr("visavis.flows.relation.explaining.has_opencv", lambda: False)
    found = explain(lambda picture: picture.crop(cut))
    assert (found.relation, found.verified) == ("near_duplicate", True)
    assert found.box == pytest.approx([at / 320 for at in cut], abs=0.03)
    assert found.inliers is None
    found = explain(lambda picture: picture.crop(cut), "lamp-01-front")
    assert found.relation != "near_duplicate"


def test_a_record_is_to_another_what_a_search_says(drawn: Path, tmp_path: Path) -> None:
    pytest.importorskip("cv2")
    shutil.copytree(drawn / "images", tmp_path / "p")
    with Image.open(tmp_path / "p" / f"{MUG}.jpg") as picture:
        picture.crop((64, 32, 288, 304)).save(tmp_path / "p" / "crop.png")
    with ImageIndex.create(tmp_path / "i") as index:
        index.add(tmp_path / "p")
        asked = tmp_path / "p" / "crop.png"
        of_file = index.explain(asked, f"{MUG}.jpg")
        of_record = index.explain("id:crop.png", f"{MUG}.jpg")
        found = {m.record.id: m for m in index.search("id:crop.png", limit=50).matches}
    assert of_file.relation == "near_duplicate"
    said = found[f"{MUG}.jpg"]
    assert (of_record.relation, of_record.verified) == (said.relation, said.verified)
    assert of_record.box == pytest.approx(of_file.box, abs=0.01)
    assert [text for name, text in of_record.facts if name == "note"]
    assert not [text for name, text in of_file.facts if name == "note"]


def test_what_has_nothing_in_common_lies_nowhere(explain: Callable[..., Explanation]) -> None:
    found = explain(lambda picture: picture, "lamp-01-front")
    assert found.relation in ("similar", "other")
    assert (found.corners, found.box, found.colour) == ((), None, None)
    assert found.to_dict()["box"] is None


def test_words_several_pictures_and_unknown_records_are_refused(drawn_index: Path) -> None:
    with ImageIndex.open(drawn_index) as index:
        with pytest.raises(RecordNotFoundError):
            index.explain(f"id:{MUG}", "nope")
        with pytest.raises(UsageError, match="one picture"):
            index.explain([], MUG)


def test_the_command_prints_it_and_writes_a_page(
    cli: Cli, drawn: Path, drawn_index: Path, tmp_path: Path
) -> None:
    with Image.open(drawn / "images" / f"{MUG}.jpg") as picture:
        picture.crop((64, 32, 288, 304)).save(tmp_path / "crop.png")
    asked = ("explain", tmp_path / "crop.png", MUG, "--index", drawn_index)
    ran = cli(*asked, "--sheet", "why.html")
    assert (ran.code, ran.err) == (0, "wrote why.html\n")
    rows = dict(line.split("\t") for line in ran.out.splitlines())
    shape = json.loads(cli(*asked, "--json").out)
    assert rows["relation"] == shape["relation"]
    assert rows["score"] == str(shape["score"])
    assert set(shape) >= {"form", "colour", "inliers", "matched", "mirrored", "box", "corners"}
    page = (tmp_path / "why.html").read_text(encoding="utf-8")
    assert page.count("data:image/jpeg") == 2
    assert "Difference" in page
    assert "http" not in page.replace("http://www.w3.org", "")
    assert cli(*asked, "--sheet", "why.png").code == 2
    assert cli("explain", "mugs", MUG, "--index", drawn_index).code == 2
