"""What a search says of a picture: the same, edited, recoloured, alike, or not there at all."""

import json
from pathlib import Path

import pytest
from pictures import shapes as scene
from PIL import Image, ImageDraw, ImageOps

from visavis import ImageIndex
from visavis.errors import UsageError
from visavis.types import Query, RecordTerm, TextTerm, VectorTerm


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> ImageIndex:
    """60 scenes, indexed with the built-in model."""
    folder = tmp_path_factory.mktemp("scenes")
    for seed in range(60):
        scene(seed).save(folder / f"{seed:02}.png")
    made = ImageIndex.create(folder / "scenes.index")
    made.add(folder)
    return made


def test_the_same_file_is_exact(index: ImageIndex) -> None:
    found = index.search(index.get("07.png").uri)
    assert found.verdict == "exact"
    assert (found.matches[0].record.id, found.matches[0].relation) == ("07.png", "exact")
    assert found.matches[0].verified
    assert found.reason is None


def test_the_same_pixels_in_another_format_are_exact(index: ImageIndex, tmp_path: Path) -> None:
    scene(8).save(tmp_path / "copy.bmp")
    assert index.search(tmp_path / "copy.bmp").verdict == "exact"


@pytest.mark.parametrize("edit", ["small", "grey", "mirrored", "jpeg"])
def test_an_edited_copy_is_a_near_duplicate(index: ImageIndex, tmp_path: Path, edit: str) -> None:
    picture = scene(9)
    changed = {
        "small": picture.resize((80, 60)),
        "grey": ImageOps.grayscale(picture),
        "mirrored": ImageOps.mirror(picture),
        "jpeg": picture,
    }[edit]
    changed.save(tmp_path / "copy.jpg", quality=10 if edit == "jpeg" else 90)
    found = index.search(tmp_path / "copy.jpg", limit=1)
    assert found.verdict == "near_duplicate"
    assert found.matches[0].record.id == "09.png"


def test_what_a_relation_leaves_out_is_said(index: ImageIndex, tmp_path: Path) -> None:
    scene(9).resize((80, 60)).save(tmp_path / "copy.png")
    found = index.search(tmp_path / "copy.png", relation="exact")
    assert (found.matches, found.verdict) == ((), "near_duplicate")
    assert found.reason == "no match is exact; the best is near_duplicate"


@pytest.mark.parametrize("edit", ["border", "crop", "caption"])
def test_a_copy_moved_in_its_frame_needs_local_features(
    index: ImageIndex, tmp_path: Path, edit: str
) -> None:
    picture = scene(10)
    if edit == "border":
        changed = ImageOps.expand(picture, 40, "white")
    elif edit == "crop":
        changed = picture.crop((12, 9, 308, 231))
    else:
        changed = Image.new("RGB", (320, 300), "white")
        changed.paste(picture, (0, 0))
    changed.save(tmp_path / "copy.png")
    found = index.search(tmp_path / "copy.png", limit=1)
    assert found.verdict == "near_duplicate"
    assert (found.matches[0].record.id, found.matches[0].verified) == ("10.png", True)


def test_what_is_not_there_is_said_with_a_reason(index: ImageIndex, tmp_path: Path) -> None:
    strange = Image.new("RGB", (320, 240), "white")
    ImageDraw.Draw(strange).line((20, 20, 300, 200), fill="black", width=5)
    strange.save(tmp_path / "strange.png")
    found = index.search(tmp_path / "strange.png")
    assert found.verdict == "none"
    assert found.reason is not None
    assert found.reason.startswith("nothing similar: the nearest scores")
    assert {match.relation for match in found.matches} == {"other"}
    assert not index.search(tmp_path / "strange.png", min_score="auto").matches


def test_a_relation_leaves_out_what_is_less(index: ImageIndex, tmp_path: Path) -> None:
    scene(11).resize((100, 75)).save(tmp_path / "copy.png")
    found = index.search(tmp_path / "copy.png", relation="near_duplicate")
    assert [match.record.id for match in found.matches] == ["11.png"]


def test_pages_repeat_and_lose_nothing(index: ImageIndex, tmp_path: Path) -> None:
    """A copy that scores lower than others comes first, on page one and on no other page."""
    scene(12).save(tmp_path / "copy.png")
    whole = [match.record.id for match in index.search(tmp_path / "copy.png", limit=60).matches]
    assert len(set(whole)) == 60
    for size in (7, 20, 32, 33):
        paged: list[str] = []
        for offset in range(0, 60, size):
            page = index.search(tmp_path / "copy.png", limit=size, offset=offset)
            paged += [match.record.id for match in page.matches]
        assert paged == whole, size


@pytest.mark.parametrize(("left", "turned"), [(90, 90), (180, 180), (270, 270)])
def test_a_picture_on_its_side_is_asked_upright(
    index: ImageIndex, tmp_path: Path, left: int, turned: int
) -> None:
    upright = scene(13).resize((200, 150))
    upright.save(tmp_path / "upright.png")
    upright.rotate(left, expand=True).save(tmp_path / "turned.png")
    wanted = index.search(tmp_path / "upright.png")
    found = index.search(tmp_path / "turned.png")
    assert wanted.turned is None
    assert "turned" not in wanted.to_dict()
    assert found.turned == found.to_dict()["turned"] == turned
    assert found.verdict == "near_duplicate"
    assert any(f"turned by {turned}°" in note for note in found.notes)
    scores = [{match.record.id: match.score for match in one.matches} for one in (wanted, found)]
    assert scores[1] == pytest.approx(scores[0], abs=1e-3)  # the very answer of the upright picture


def test_pages_of_a_turned_picture_repeat_and_lose_nothing(
    index: ImageIndex, tmp_path: Path
) -> None:
    scene(14).rotate(90, expand=True).save(tmp_path / "turned.png")
    whole = [match.record.id for match in index.search(tmp_path / "turned.png", limit=60).matches]
    paged: list[str] = []
    for offset in range(0, 60, 25):
        page = index.search(tmp_path / "turned.png", limit=25, offset=offset)
        assert page.turned == 90
        paged += [match.record.id for match in page.matches]
    assert paged == whole
    assert len(set(whole)) == 60
    many = index.search_many([tmp_path / "turned.png"], limit=60)
    assert [match.record.id for match in many[0].matches] == whole


def test_a_turned_copy_counts_from_its_score_on(index: ImageIndex, tmp_path: Path) -> None:
    scene(15).rotate(270, expand=True).save(tmp_path / "turned.png")
    found = index.search(tmp_path / "turned.png", min_score=0.9, count=True)
    assert found.matches[0].record.id == "15.png"
    assert found.total_matching == len(found.matches)


def test_a_large_picture_on_its_side_is_turned_too(index: ImageIndex, tmp_path: Path) -> None:
    scene(16).rotate(90, expand=True).resize((1800, 2400)).save(tmp_path / "turned.bmp")
    found = index.search(tmp_path / "turned.bmp", limit=1)
    assert (found.turned, found.matches[0].record.id) == (90, "16.png")
    assert found.matches[0].score > 0.9


def test_upright_strangers_are_turned_in_vain(index: ImageIndex, tmp_path: Path) -> None:
    for seed in range(200, 206):
        scene(seed).save(tmp_path / "strange.png")
        assert index.search(tmp_path / "strange.png").turned is None


def test_a_record_is_told_from_its_twins(index: ImageIndex) -> None:
    found = index.answer(Query((RecordTerm("05.png"),), without="05.png", limit=3))
    assert found.verdict in ("similar", "none")
    assert all(match.relation in ("similar", "other") for match in found.matches)


def test_words_have_no_relation(index: ImageIndex) -> None:
    shape = index.answer(Query((TextTerm("shoe"),), by="looks", limit=1)).to_dict()
    assert "verdict" not in shape
    assert "relation" not in shape["results"][0]
    with pytest.raises(UsageError, match="relation is for questions of pictures"):
        index.answer(Query((TextTerm("shoe"),), relation="exact"))


def test_a_vector_is_told_by_its_score(index: ImageIndex) -> None:
    vector = index.vectors(where="id=05.png")[0]
    found = index.answer(Query((VectorTerm(vector),), limit=1))
    assert found.matches[0].relation == "similar"
    assert not found.matches[0].verified


def test_the_json_says_it(index: ImageIndex) -> None:
    shape = json.loads(json.dumps(index.search(index.get("03.png").uri, limit=1).to_dict()))
    assert shape["verdict"] == "exact"
    assert shape["results"][0]["relation"] == "exact"
    assert shape["results"][0]["verified"] is True
    assert -1 < shape["similar_from"] <= 1


def test_an_index_of_before_tells_what_it_can(index: ImageIndex, tmp_path: Path) -> None:
    """Without signatures the same file is exact still, and nothing is guessed."""
    older = ImageIndex.create(tmp_path / "older.index")
    scene(20).save(tmp_path / "20.png")
    older.add(tmp_path / "20.png")
    evidence = older._store.evidence  # type: ignore[attr-defined]
    with evidence._db.writing() as connection:
        connection.execute("DELETE FROM signatures")
    assert older.search(tmp_path / "20.png").verdict == "exact"
    older.close()


def test_large_files_are_not_decoded_for_a_question(tmp_path: Path) -> None:
    """Said of them: unverified. A question costs no more than it may."""
    for seed in range(12):
        scene(seed).save(tmp_path / f"{seed:02}.png")
    scene(50).resize((7000, 6000)).save(tmp_path / "large.png", compress_level=1)
    with ImageIndex.create(tmp_path / "i.index") as index:
        index.add(tmp_path)
        ImageOps.expand(scene(50), 30, "white").save(tmp_path / "query.bmp")
        found = index.search(tmp_path / "query.bmp", limit=13)
        told = {match.record.id: match.verified for match in found.matches}
    assert not told["large.png"]
    assert any(told.values())
