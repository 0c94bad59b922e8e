"""What docs/how-to/known-pictures.md promises of the built-in model; the page is run as well."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from visavis import ClassTerm, ImageIndex, ImageTerm, SearchResult, TextTerm
from visavis.evaluation.report import evaluate
from visavis.evaluation.tasks import Options, same_task

DATA = Path(__file__).parents[3] / "shared" / "data"
BOTTLE = DATA / "pascal" / "images" / "bottle" / "2008_000112.jpg"

pytestmark = [
    pytest.mark.shared,
    pytest.mark.slow,
    pytest.mark.skipif(not BOTTLE.is_file(), reason="needs pictures outside the repository"),
]


@pytest.fixture(scope="module")
def pascal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ImageIndex]:
    folder = tmp_path_factory.mktemp("known") / "pascal.index"
    with ImageIndex.create(folder) as index:
        index.add(DATA / "pascal" / "labels.csv", image_column="path")
        yield index


@pytest.fixture(scope="module")
def said() -> dict[str, str]:
    """What the captions of each picture say, by its file's name."""
    with (DATA / "pascal" / "labels.csv").open(newline="", encoding="utf-8") as file:
        return {
            Path(row["path"]).name: " ".join(json.loads(row["captions_json"])).casefold()
            for row in csv.DictReader(file)
        }


def kinds(result: SearchResult) -> list[str]:
    return [Path(match.record.uri).parent.name for match in result.matches]


def captions(result: SearchResult, said: dict[str, str]) -> list[str]:
    return [said[Path(match.record.uri).name] for match in result.matches]


def test_the_views_of_an_object_come_first(tmp_path: Path) -> None:
    with ImageIndex.create(tmp_path / "ukbench.index") as index:
        index.add(DATA / "ukbench" / "labels.csv", image_column="path")
        report, _ = evaluate(index, same_task(index, "object_id", Options()))
    assert report["metrics"]["top4_accuracy"] > 0.985


def test_a_class_bends_a_search_towards_it(pascal: ImageIndex) -> None:
    picture = ImageTerm(BOTTLE)
    alone = kinds(pascal.search(picture, limit=10)).count("cat")
    bent = kinds(pascal.search([picture, ClassTerm("Siamese cat")], limit=10)).count("cat")
    assert bent >= 8
    assert bent > alone >= 5


def test_words_that_no_label_has_find_what_they_name(
    pascal: ImageIndex, said: dict[str, str]
) -> None:
    ocean = captions(pascal.search("ocean", limit=10, by="looks"), said)
    sea = ("ocean", "sea", "beach", "water", "boat", "ship", "harbor", "dock")
    assert sum(any(word in text for word in sea) for text in ocean) >= 8
    street = captions(pascal.search("street", limit=10, by="looks"), said)
    road = ("street", "road", "traffic", "bus", "car", "sidewalk", "parked")
    assert sum(any(word in text for word in road) for text in street) >= 8


def test_two_words_find_what_shows_both(pascal: ImageIndex, said: dict[str, str]) -> None:
    terms = [TextTerm("cat"), TextTerm("sofa")]
    found = captions(pascal.search(terms, limit=10, by="looks"), said)
    assert sum("cat" in text or "kitten" in text for text in found) >= 7
    seats = ("sofa", "couch", "chair", "cushion", "pillow", "bed", "blanket")
    assert sum(any(word in text for word in seats) for text in found) >= 4
