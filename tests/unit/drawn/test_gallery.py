import csv
from collections import Counter, defaultdict
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from visavis.drawn.gallery import CATALOGUE_COLUMNS, DrawnPicture, draw_gallery, write_gallery


@pytest.fixture(scope="module")
def gallery() -> list[DrawnPicture]:
    return list(draw_gallery(112, seed=7, side=64))


def test_the_same_seed_draws_the_same_pictures() -> None:
    first, second = (list(draw_gallery(8, seed=11, side=96)) for _ in range(2))
    for a, b in zip(first, second, strict=True):
        assert (a.name, a.fields) == (b.name, b.fields)
        np.testing.assert_array_equal(a.pixels, b.pixels)


def test_a_longer_gallery_begins_with_the_shorter_one() -> None:
    short, long = list(draw_gallery(3, side=64)), list(islice(draw_gallery(50, side=64), 3))
    for a, b in zip(short, long, strict=True):
        np.testing.assert_array_equal(a.pixels, b.pixels)


def test_another_seed_draws_other_pictures() -> None:
    (first,), (second,) = draw_gallery(1, seed=1, side=64), draw_gallery(1, seed=2, side=64)
    assert not np.array_equal(first.pixels, second.pixels)


def test_the_gallery_is_lazy() -> None:
    assert next(draw_gallery(10**9, side=64)).pixels.shape == (64, 64, 3)


def test_pictures_have_the_asked_size_and_type() -> None:
    (picture,) = draw_gallery(1, side=200)
    assert picture.pixels.shape == (200, 200, 3)
    assert picture.pixels.dtype == np.uint8


def test_a_gallery_of_none_is_empty() -> None:
    assert list(draw_gallery(0)) == []


def test_names_are_unique_and_safe_in_file_names(gallery: list[DrawnPicture]) -> None:
    names = [picture.name for picture in gallery]
    assert len(set(names)) == len(names)
    assert all(name.replace("-", "").isalnum() and name.isascii() for name in names)


def test_there_are_many_categories_with_several_products_of_several_views(
    gallery: list[DrawnPicture],
) -> None:
    products = Counter(picture.fields["product"] for picture in gallery)
    assert set(products.values()) == {4}
    by_category = defaultdict(set)
    for picture in gallery:
        by_category[picture.fields["category"]].add(picture.fields["product"])
    assert len(by_category) >= 10
    assert all(len(found) == 2 for found in by_category.values())
    assert {picture.fields["pattern"] for picture in gallery} == {
        "plain", "striped", "dotted", "checked",
    }  # fmt: skip


def test_the_views_of_a_product_share_its_fields_and_differ_in_pixels(
    gallery: list[DrawnPicture],
) -> None:
    views = gallery[4:8]
    shared = [{k: v for k, v in p.fields.items() if k != "view"} for p in views]
    assert all(fields == shared[0] for fields in shared)
    assert len({p.fields["view"] for p in views}) == 4
    assert len({p.pixels.tobytes() for p in views}) == 4


def test_titles_say_pattern_colour_and_category(gallery: list[DrawnPicture]) -> None:
    for picture in gallery:
        fields = picture.fields
        kind = "" if fields["pattern"] == "plain" else f"{fields['pattern']} "
        expected = f"{kind}{fields['colour']} {fields['category']}"
        assert str(fields["title"]).lower() == expected.lower()
        assert str(fields["title"])[0].isupper()


def test_every_picture_shows_something_in_front_of_its_backdrop(
    gallery: list[DrawnPicture],
) -> None:
    for picture in gallery:
        pixels = picture.pixels.astype(float)
        middle, border = pixels[16:48, 16:48], pixels[:4]
        contrast = np.abs(middle - border.mean((0, 1))).max()
        assert contrast > 60, picture.name


def test_a_product_has_its_colour(gallery: list[DrawnPicture]) -> None:
    """The middle of a plain crimson thing is redder than that of a plain teal one."""
    crimson = next(p for p in draw_gallery(400, side=64) if p.fields["colour"] == "crimson")
    teal = next(p for p in draw_gallery(400, side=64) if p.fields["colour"] == "teal")

    def redness(picture: DrawnPicture) -> float:
        middle = picture.pixels[12:52, 12:52].reshape(-1, 3).astype(float)
        return float((middle[:, 0] - middle[:, 1:].mean(1)).mean())

    assert redness(crimson) > redness(teal) + 20


def test_those_of_some_categories_are_as_they_are_among_all() -> None:
    among = [one for one in draw_gallery(64, side=64) if one.fields["category"] == "T-shirt"]
    alone = list(draw_gallery(64, side=64, only=["T-shirt"]))
    assert [one.name for one in alone] == [one.name for one in among]
    assert len(alone) == 8
    assert all((a.pixels == b.pixels).all() for a, b in zip(alone, among, strict=True))


def test_a_written_gallery_has_a_catalogue_that_names_every_file(tmp_path: Path) -> None:
    catalogue = write_gallery(tmp_path / "shop", 6, seed=3)
    with catalogue.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == CATALOGUE_COLUMNS
    assert len(rows) == 6
    for row, drawn in zip(rows, draw_gallery(6, seed=3), strict=True):
        with Image.open(catalogue.parent / row["image"]) as image:
            assert image.format == "JPEG"
            difference = np.abs(np.asarray(image).astype(int) - drawn.pixels).mean()
        assert difference < 4  # JPEG's own loss
        assert row["id"] == drawn.name
        assert float(row["price"]) == drawn.fields["price"]


def test_writing_a_gallery_twice_changes_no_byte(tmp_path: Path) -> None:
    def contents() -> dict[str, bytes]:
        write_gallery(tmp_path, 3)
        return {str(p): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}

    assert contents() == contents()
