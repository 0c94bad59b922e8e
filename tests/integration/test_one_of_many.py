"""One result a product, and one a picture: the best view in front, the others behind it."""

import csv
import random
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageOps

from visavis import ImageIndex
from visavis.types import SearchResult


def scene(seed: int) -> Image.Image:
    chance = random.Random(seed)
    picture = Image.new("RGB", (160, 120), tuple(chance.randrange(256) for _ in range(3)))
    draw = ImageDraw.Draw(picture)
    for _ in range(60):
        left, top = chance.randrange(-20, 160), chance.randrange(-20, 120)
        box = (left, top, left + chance.randrange(6, 50), top + chance.randrange(6, 50))
        colour = tuple(chance.randrange(256) for _ in range(3))
        chance.choice((draw.ellipse, draw.rectangle))(box, fill=colour)
    return picture


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> ImageIndex:
    """30 scenes, each with a small and a mirrored copy, two of them a product."""
    folder = tmp_path_factory.mktemp("products")
    with (folder / "all.csv").open("w", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(["id", "image", "product"])
        for number in range(30):
            picture = scene(number)
            views = {
                "": picture,
                "-small": picture.resize((80, 60)),
                "-mirrored": ImageOps.mirror(picture),
            }
            for suffix, view in views.items():
                name = f"{number:02}{suffix}.png"
                view.save(folder / name)
                rows.writerow([name, name, f"product {number // 2}"])
    made = ImageIndex.create(folder / "an.index", "classic")
    made.add(folder / "all.csv")
    return made


def paged(
    index: ImageIndex, size: int, most: int, **wanted: object
) -> list[tuple[str, int | None]]:
    found = []
    for offset in range(0, most, size):
        page = index.search(
            index.get("07.png").uri,
            limit=size,
            offset=offset,
            **wanted,  # type: ignore[arg-type]
        )
        found += [(match.record.id, match.views) for match in page.matches]
    return found


def by_hand(whole: SearchResult) -> list[tuple[str, int | None]]:
    """The first of each product, of all matches in their order, copies of the query in front."""
    heads: dict[object, str] = {}
    for match in whole.matches:
        heads.setdefault(match.record.fields["product"], match.record.id)
    return [(id, 5) for id in heads.values()]


def test_pages_of_products_follow_the_order_that_relations_make(index: ImageIndex) -> None:
    wanted = by_hand(index.search(index.get("07.png").uri, limit=90))
    assert wanted[0] == ("07.png", 5)
    for size in (1, 4, 15, 40):
        assert paged(index, size, 16, group_by="product") == wanted, size


def test_copies_of_a_match_stand_behind_it(index: ImageIndex) -> None:
    found = index.search(index.get("07.png").uri, limit=30, unique=True)
    first = found.matches[0]
    assert (first.record.id, first.relation) == ("07.png", "exact")
    assert set(first.copies) == {"07-small.png", "07-mirrored.png"}
    names = [match.record.id[:2] for match in found.matches]
    assert sorted(names) == [f"{number:02}" for number in range(30)]
    shape = first.to_dict()
    assert set(shape["copies"]) == set(first.copies)
    assert "views" not in shape


def test_pages_of_pictures_repeat_and_lose_nothing(index: ImageIndex) -> None:
    whole = paged(index, 90, 90, unique=True)
    assert len(whole) == 30
    for size in (1, 7, 13):
        assert paged(index, size, 35, unique=True) == whole, size


def test_both_together(index: ImageIndex) -> None:
    found = index.similar("07.png", group_by="product", unique=True, limit=3)
    [mine] = [match for match in found.matches if match.record.fields["product"] == "product 3"]
    assert mine.views == 4  # the record that was asked with is none of them
    assert found.matches[0].relation in ("near_duplicate", "similar")


def test_a_relation_is_asked_of_groups_as_well(index: ImageIndex) -> None:
    found = index.search(
        index.get("07.png").uri, relation="near_duplicate", group_by="product", limit=5
    )
    assert [match.record.id for match in found.matches] == ["07.png"]


def test_words_are_grouped_too(index: ImageIndex) -> None:
    found = index.search("text:product", by="text", group_by="product", limit=90)
    assert len(found.matches) == 15
    assert {match.views for match in found.matches} == {5}
    again = index.search("text:product", by="text", group_by="product", limit=7, offset=7)
    assert again.matches == found.matches[7:14]


def test_an_index_of_before_folds_the_same_files_alone(tmp_path: Path) -> None:
    older = ImageIndex.create(tmp_path / "older.index", "classic")
    for name in ("a.png", "b.png"):
        scene(5).save(tmp_path / name)
    older.add(tmp_path / "a.png", tmp_path / "b.png")
    evidence = older._store.evidence  # type: ignore[attr-defined]
    with evidence._db.writing() as connection:
        connection.execute("DELETE FROM signatures")
    found = older.search(tmp_path / "a.png", unique=True)
    assert [[Path(id).name for id in match.copies] for match in found.matches] == [["b.png"]]
    assert any("older version" in note for note in found.notes)
    older.close()
