"""Several indexes of the same pictures, each without some that another has."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from visavis.evaluation.several import agreed_tasks
from visavis.evaluation.tasks import Options, Task, copies_task, same_task, truth_task
from visavis.image_index import ImageIndex

Pair = tuple[ImageIndex, ImageIndex]


def catalogue(folder: Path, without: set[str]) -> Path:
    """Twelve pictures of noise in four kinds; those `without` cannot be read."""
    folder.mkdir()
    path = folder / "noise.csv"
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("id", "path", "kind"))
        for number in range(12):
            pixels = np.random.default_rng(number).integers(0, 256, (24, 24, 3), np.uint8)
            image = folder / f"{number}.png"
            Image.fromarray(pixels).save(image)
            if str(number) in without:
                image.write_bytes(b"no picture")
            table.writerow((number, image.name, "abcd"[number % 4]))
    return path


@pytest.fixture
def pair(tmp_path: Path, plug_in: None) -> Pair:
    """Of two models; the first lacks picture 1, the second 2 and 6 and 10, a whole kind."""
    found = []
    for name, without in (("fake", {"1"}), ("fake-halves", {"2", "6", "10"})):
        index = ImageIndex.create(tmp_path / f"{name}.index", name)
        index.add(catalogue(tmp_path / name, without))
        found.append(index)
    return found[0], found[1]


def asked(task: Task) -> set[str]:
    return {question.id for question in task.questions}


def of_kind(index: ImageIndex, options: Options) -> Task:
    return same_task(index, "kind", options)


def test_what_one_lacks_is_neither_searched_nor_asked(pair: Pair) -> None:
    one, other = agreed_tasks(pair, of_kind, Options())
    assert one.hash == other.hash
    rest = {str(number) for number in range(12)} - {"1", "2", "6", "10"}
    assert {record.id for record in one.gallery.records} == asked(other) == rest
    assert one.protocol == other.protocol


def test_copies_are_made_of_what_all_have(pair: Pair) -> None:
    one, other = agreed_tasks(pair, lambda i, o: copies_task(i, 4, o), Options())
    assert one.hash == other.hash
    originals = {str(record.fields["original"]) for record in one.queries}
    assert len(originals) == 6
    assert not originals & {"1", "2", "6", "10"}


def test_answers_of_a_file_about_what_is_left_out_are_passed_over(
    pair: Pair, tmp_path: Path
) -> None:
    answers = {"0": ["4", "1"], "1": ["5"], "3": ["2"], "7": {"positives": ["3"], "junk": ["6"]}}
    (tmp_path / "answers.json").write_text(json.dumps(answers))
    one, other = agreed_tasks(
        pair, lambda i, o: truth_task(i, tmp_path / "answers.json", o), Options()
    )
    assert one.questions == other.questions
    found = {
        question.id: (set(question.positives), set(question.junk)) for question in one.questions
    }
    assert found == {"0": ({"4"}, set()), "7": ({"3"}, set())}


def test_a_query_whose_answers_are_all_left_out_is_not_asked(pair: Pair, tmp_path: Path) -> None:
    queries = catalogue(tmp_path / "asked", {"9"})
    one, other = agreed_tasks(pair, of_kind, Options(queries=str(queries)))
    assert one.hash == other.hash
    assert asked(one) == {str(n) for n in range(12)} - {"2", "6", "10", "9"}


def test_a_picture_that_was_another_file_by_then_is_left_out(tmp_path: Path, plug_in: None) -> None:
    path, indexes = catalogue(tmp_path / "noise", set()), []
    for name in ("fake", "fake-halves"):
        indexes.append(ImageIndex.create(tmp_path / f"{name}.index", name))
        indexes[-1].add(path)
        Image.new("RGB", (24, 24), "red").save(tmp_path / "noise" / "4.png")
    one, other = agreed_tasks(indexes, of_kind, Options())
    assert one.hash == other.hash
    assert "4" not in asked(one)
    assert len(asked(one)) == 11
