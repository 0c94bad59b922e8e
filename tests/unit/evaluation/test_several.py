"""Several indexes of the same pictures, each without some that another has."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from visavis.errors import UsageError
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


def test_the_name_of_a_record_that_is_left_out_does_not_take_a_query_picture_with_it(
    pair: Pair, tmp_path: Path
) -> None:
    queries = catalogue(tmp_path / "asked", set())  # the same ids, and 1, 2, 6 and 10 can be read
    answers = {"2": ["4", "6"], "0": ["2", "8"], "1": ["10"]}
    (tmp_path / "answers.json").write_text(json.dumps(answers))
    one, other = agreed_tasks(
        pair,
        lambda i, o: truth_task(i, tmp_path / "answers.json", o),
        Options(queries=str(queries)),
    )
    assert one.hash == other.hash
    found = {question.id: set(question.positives) for question in one.questions}
    assert found == {"2": {"4"}, "0": {"8"}}


def test_a_query_picture_that_is_not_asked_is_still_an_answer_to_others(
    pair: Pair, tmp_path: Path
) -> None:
    queries = catalogue(tmp_path / "asked", set())
    (tmp_path / "answers.json").write_text(json.dumps({"4": ["0"], "0": ["4", "8"]}))
    chosen = Options(queries=str(queries), unasked=frozenset({"4"}))
    task = truth_task(pair[0], tmp_path / "answers.json", chosen)
    found = {question.id: set(question.positives) for question in task.questions}
    assert found == {"0": {"4", "8"}}


def test_a_query_of_a_file_whose_picture_one_model_cannot_take_is_asked_of_none(
    pair: Pair, tmp_path: Path
) -> None:
    queries = catalogue(tmp_path / "asked", set())
    Image.new("RGB", (24, 24), "white").save(tmp_path / "asked" / "4.png")
    picky = ImageIndex.create(tmp_path / "picky.index", "fake-picky")
    picky.add(tmp_path / "fake" / "noise.csv")
    (tmp_path / "answers.json").write_text(json.dumps({"4": ["0"], "0": ["4", "8"]}))
    one, other = agreed_tasks(
        (pair[0], picky),
        lambda i, o: truth_task(i, tmp_path / "answers.json", o),
        Options(queries=str(queries)),
    )
    assert one.hash == other.hash
    found = {question.id: set(question.positives) for question in one.questions}
    assert found == {"0": {"4", "8"}}
    assert any("4.png" in note for note in other.notes)


@pytest.mark.parametrize("seed", range(3))
def test_one_bad_query_picture_costs_a_sample_nothing(
    seed: int, pair: Pair, tmp_path: Path
) -> None:
    queries = catalogue(tmp_path / "asked", set())
    Image.new("RGB", (24, 24), "white").save(tmp_path / "asked" / "5.png")
    picky = ImageIndex.create(tmp_path / "picky.index", "fake-picky")
    picky.add(tmp_path / "fake" / "noise.csv")
    made = 0

    def make(index: ImageIndex, options: Options) -> Task:
        nonlocal made
        made += 1
        return of_kind(index, options)

    chosen = Options(queries=str(queries), sample=4, seed=seed)
    one, other = agreed_tasks([pair[0], picky], make, chosen)
    assert made <= 4  # twice for each: with the bad one and without
    assert one.hash == other.hash
    assert one.protocol == other.protocol
    assert (one.protocol["sample"], one.protocol["seed"]) == (4, seed)
    assert len(one.vectors) == len(one.queries) == len(asked(one)) == 4

    rest = catalogue(tmp_path / "rest", {"5"})  # a pool that never had it
    alone = of_kind(pair[0], Options(queries=str(rest), sample=4, seed=seed))
    assert alone.questions == one.questions


def test_models_that_share_no_picture_are_told_so(tmp_path: Path, plug_in: None) -> None:
    every, indexes = {str(number) for number in range(12)}, []
    even = {str(number) for number in range(0, 12, 2)}
    for name, without in (("fake", even), ("fake-halves", every - even)):
        indexes.append(ImageIndex.create(tmp_path / f"{name}.index", name))
        indexes[-1].add(catalogue(tmp_path / name, without))
    with pytest.raises(UsageError, match=r"^the models have no picture in common; there"):
        agreed_tasks(indexes, of_kind, Options())
    with pytest.raises(UsageError, match="in common that passes kind=b; there is nothing"):
        of_kind(indexes[0], Options(where=("kind=b",), without=frozenset(every)))


def test_query_pictures_of_which_each_model_lacks_one_are_told(pair: Pair, tmp_path: Path) -> None:
    queries = str(catalogue(tmp_path / "asked", {str(number) for number in range(1, 12)}))
    with pytest.raises(UsageError, match=r"noise\.csv: .* no query picture that all models can"):
        of_kind(pair[0], Options(queries=queries, unasked=frozenset({"0"})))


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
