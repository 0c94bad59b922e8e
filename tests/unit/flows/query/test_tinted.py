"""Words that name a thing and its colour."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from visavis import ImageIndex
from visavis.drawn.gallery import write_gallery
from visavis.matching.colour.names import named

KINDS = ("mug", "teapot", "T-shirt")
TITLES = {"mug-01": "coral", "mug-02": "olive", "mug-03": "plum", "mug-05": "lilac"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ImageIndex]:
    """Mugs, teapots and shirts in several colours, which no name and no field says."""
    folder = tmp_path_factory.mktemp("shop")
    write_gallery(folder, only=KINDS)
    pictures = sorted((folder / "images").iterdir())
    with ImageIndex.create(folder / "index", jobs=2) as index:
        index.add([str(path) for path in pictures])
        yield index


def found(shop: ImageIndex, text: str, limit: int = 100) -> list[str]:
    result = shop.search(text, limit=limit)
    return [Path(match.record.id).name for match in result.matches]


@pytest.mark.parametrize(("text", "kind"), [("red mug", "mug-01"), ("green mug", "mug-02")])
def test_what_has_the_colour_comes_before_others_of_its_kind(
    shop: ImageIndex, text: str, kind: str
) -> None:
    names = found(shop, text)
    assert names[0].startswith(kind)
    others = [name for name in names if name.startswith("mug-05")]  # lilac
    first = [name for name in names if name.startswith(kind)][:3]
    assert max(map(names.index, first)) < names.index(others[0])


def test_pages_neither_repeat_nor_leave_out(shop: ImageIndex) -> None:
    whole = found(shop, "red mug")
    pages = [
        Path(match.record.id).name
        for offset in range(0, len(whole), 7)
        for match in shop.search("red mug", limit=7, offset=offset).matches
    ]
    assert pages == whole
    assert len(set(pages)) == shop.store.count()


def test_scores_stay_those_of_the_model(shop: ImageIndex) -> None:
    by_looks = {m.record.id: m.score for m in shop.search("red mug", limit=100, by="looks").matches}
    both = {m.record.id: m.score for m in shop.search("red mug", limit=100).matches}
    assert both == pytest.approx(by_looks)


@pytest.mark.parametrize(
    ("text", "colour"),
    [
        ("RED shoes", "red"),
        ("dark-blue jeans", "blue"),
        ("a red hat", "red"),
        ("in red", None),  # see `said`
        ("red", None),
        ("dark red", None),
        ("red and blue", None),
        ("olive branch", None),
        ("a woman in a red dress", None),
        ("", None),
    ],
)
def test_a_colour_is_read_from_few_words(text: str, colour: str | None) -> None:
    assert named(text) == colour
