"""Protocols over an index whose model sees the mean colour."""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from visavis.errors import FilterError, UsageError
from visavis.evaluation import runs
from visavis.evaluation.copies import EditedSource, draw_task
from visavis.evaluation.edits import EDITS
from visavis.evaluation.gallery import load_gallery
from visavis.evaluation.measures import measure, micro_ap
from visavis.evaluation.report import evaluate
from visavis.evaluation.runs import run_all
from visavis.evaluation.tasks import Options, copies_task, same_task, truth_task
from visavis.image_index import ImageIndex

COLOURS = {"red": (220, 30, 30), "green": (30, 200, 50), "blue": (40, 50, 210)}

Write = Callable[..., Path]


def catalogue(folder: Path, name: str = "shop", shift: int = 0, marks: range = range(3)) -> Path:
    """Three shades of each of three colours, their hue in the column `hue`, `kind` in turn."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.csv"
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("id", "path", "hue", "kind"))
        for hue, colour in COLOURS.items():
            for mark in marks:
                shade = np.clip(np.array(colour) + 6 * mark + shift, 0, 255).astype(np.uint8)
                pixels = np.broadcast_to(shade, (16, 16, 3)).copy()
                pixels[0, :mark] = 255 - pixels[0, :mark]
                kind = "first" if mark == 0 else "later"
                image = folder / f"{name}-{hue}-{mark}.png"
                Image.fromarray(pixels).save(image)
                table.writerow((f"{hue}-{mark}", image.name, hue, kind))
    return path


@pytest.fixture
def shop(index: ImageIndex, tmp_path: Path) -> ImageIndex:
    index.add(catalogue(tmp_path / "shop"))
    return index


def test_leave_one_out_finds_what_a_perfect_model_must(shop: ImageIndex) -> None:
    task = same_task(shop, "hue", Options())
    report, run = evaluate(shop, task)
    assert report["metrics"]["recall@1"] == 1.0
    assert report["metrics"]["map"] == 1.0
    assert report["data"]["queries"] == report["data"]["records"] == 9
    assert report["by_class"]["red"]["queries"] == 3
    assert all(answer.question.id not in [t[0] for t in answer.top] for answer in run.answers)


def test_the_answers_are_those_of_a_search(shop: ImageIndex) -> None:
    task = same_task(shop, "hue", Options())
    for answer in run_all(task.gallery, task.questions, task.vectors).answers:
        found = shop.similar(answer.question.id, limit=8).matches
        assert [match.record.id for match in found] == [id for id, _, _ in answer.top]
        scores = [score for _, score, _ in answer.top]
        assert [match.score for match in found] == pytest.approx(scores, abs=2e-3)


def test_values_that_look_like_one_and_copies_under_other_ids_are_noted(
    index: ImageIndex, tmp_path: Path
) -> None:
    path = catalogue(tmp_path / "shop")
    rows = path.read_text().replace("red-1,shop-red-1.png,red", "red-1,shop-red-1.png,Red")
    path.write_text(rows + "copy,shop-blue-0.png,blue,first\n")
    index.add(path)
    assert same_task(index, "kind", Options()).notes == (
        "2 of 10 queries have exact copies under other ids among what is searched, which are found "
        "at once and count as others do",
    )
    notes = same_task(index, "hue", Options()).notes
    assert any("1 records were not asked" in note for note in notes)
    assert any(note.endswith("blanks alone count as others: 'Red', 'red'") for note in notes)
    assert any("2 of 9 queries have exact copies" in note for note in notes)


def test_a_filter_chooses_queries_and_another_the_gallery(shop: ImageIndex) -> None:
    task = same_task(shop, "hue", Options(("kind=later",), "kind=first"))
    assert len(task.gallery) == 6
    assert [question.id for question in task.questions] == ["blue-0", "green-0", "red-0"]
    assert all(question.sought == 2 for question in task.questions)


def test_a_catalogue_of_other_pictures_can_be_asked(shop: ImageIndex, tmp_path: Path) -> None:
    asked = catalogue(tmp_path / "asked", "asked", shift=3)
    report, _ = evaluate(shop, same_task(shop, "hue", Options(queries=str(asked))))
    assert report["metrics"]["recall@1"] == 1.0
    assert report["protocol"]["queries"] == "asked.csv"
    assert len(shop) == 9  # the index itself is as it was


def test_a_query_picture_that_cannot_be_read_is_told_and_the_rest_is_asked(
    shop: ImageIndex, tmp_path: Path
) -> None:
    asked = catalogue(tmp_path / "asked", "asked", shift=3)
    (tmp_path / "asked" / "asked-red-1.png").write_bytes(b"no picture")
    task = same_task(shop, "hue", Options(queries=str(asked)))
    assert len(task.questions) == 8
    assert any("asked-red-1.png" in note for note in task.notes)


def test_a_file_of_answers_is_followed(shop: ImageIndex, tmp_path: Path) -> None:
    path = tmp_path / "truth.json"
    path.write_text('{"red-0": {"positives": ["red-1"], "junk": ["red-2"]}, "blue-0": ["green-1"]}')
    report, run = evaluate(shop, truth_task(shop, path, Options()))
    ranks = {answer.question.id: answer.ranks.tolist() for answer in run.answers}
    assert ranks["red-0"] == [1]
    assert ranks["blue-0"][0] > 2
    assert report["metrics"]["recall@1"] == 0.5


def test_query_files_that_are_also_searched_do_not_answer_themselves(
    shop: ImageIndex, tmp_path: Path
) -> None:
    path = tmp_path / "truth.json"
    path.write_text('{"red-0": ["red-1"], "blue-0": ["blue-2"], "green-0": ["red-2"]}')
    again = str(tmp_path / "shop" / "shop.csv")
    own, given = (
        evaluate(shop, truth_task(shop, path, Options(queries=queries)))[0]
        for queries in (None, again)
    )
    assert given["metrics"] == own["metrics"]
    assert own["metrics"]["recall@1"] > 0


def test_the_seed_is_a_part_of_the_protocol_only_where_something_is_drawn(
    shop: ImageIndex,
) -> None:
    plain, seeded = (same_task(shop, "hue", Options(seed=seed)).protocol for seed in (0, 1))
    assert plain == seeded
    assert same_task(shop, "hue", Options(sample=99, seed=1)).protocol == plain
    assert same_task(shop, "hue", Options(sample=4, seed=1)).protocol["seed"] == 1
    assert copies_task(shop, 2, Options(seed=2)).protocol["seed"] == 2


def test_whoever_waits_is_told_how_many_are_answered(
    shop: ImageIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "_BLOCK_SCORES", 4 * 9)
    told: list[int] = []
    evaluate(shop, same_task(shop, "hue", Options()), asked=told.append)
    assert told == [4, 8, 9]


def test_a_sample_is_drawn_by_its_seed(shop: ImageIndex) -> None:
    drawn = [same_task(shop, "hue", Options(sample=4, seed=seed)).questions for seed in (1, 1, 2)]
    assert len(drawn[0]) == 4
    assert drawn[0] == drawn[1] != drawn[2]


def test_an_empty_index_and_a_filter_that_keeps_nothing_are_refused(
    index: ImageIndex, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="the index is empty; there is nothing to evaluate"):
        same_task(index, "hue", Options())
    index.add(catalogue(tmp_path / "shop"))
    with pytest.raises(UsageError, match="no record passes hue=pink"):
        same_task(index, "hue", Options(("hue=pink",)))
    with pytest.raises(FilterError, match="no record has a field 'hew'"):
        same_task(index, "hue", Options(("hew=red",)))
    with pytest.raises(UsageError, match="no such folder or catalogue"):
        same_task(index, "hue", Options(queries="nowhere.csv"))


def test_the_hash_tells_data_apart_and_not_models(
    shop: ImageIndex, tmp_path: Path, plug_in: None
) -> None:
    task = same_task(shop, "hue", Options())
    with ImageIndex.create(tmp_path / "other.index", "classic") as other:
        other.add(tmp_path / "shop" / "shop.csv")
        assert same_task(other, "hue", Options()).hash == task.hash
        other.remove("red-2")
        assert same_task(other, "hue", Options()).hash != task.hash
    assert same_task(shop, "kind", Options()).hash != task.hash


def test_copies_are_traced_to_originals_and_strangers_to_nobody(shop: ImageIndex) -> None:
    task = copies_task(shop, 4, Options())
    assert task.protocol["originals"] == 4
    assert task.protocol["strangers"] == 2
    assert len(task.gallery) == 9 - 2
    assert len(task.questions) == 6 * len(EDITS)
    strangers = {str(r.fields["original"]) for r in task.queries} - task.gallery.rows().keys()
    for question, record in zip(task.questions, task.queries, strict=True):
        original = str(record.fields["original"])
        expected = frozenset() if original in strangers else {original}
        assert question.positives == expected
    report, _ = evaluate(shop, task)
    assert set(report["by_class"]) == set(EDITS)
    assert report["by_class"]["flip"]["recall@1"] == 1.0  # the mean colour stays
    assert report["by_class"]["grey"]["recall@1"] < 1.0
    assert 0 < report["metrics"]["micro_ap"] < 1


def test_of_all_edits_some_are_chosen_and_the_figures_stay_theirs(shop: ImageIndex) -> None:
    every, some = (
        copies_task(shop, 4, Options()),
        copies_task(shop, 4, Options(edits=("soft", "blur"))),
    )
    assert every.protocol["edits"] == list(EDITS)
    assert some.protocol["edits"] == ["blur", "soft"]
    assert some.hash != every.hash
    whole, part = (evaluate(shop, task)[0]["by_class"] for task in (every, some))
    assert part == {name: whole[name] for name in ("blur", "soft")}


def test_an_edit_that_nobody_knows_is_refused_with_a_guess(shop: ImageIndex) -> None:
    with pytest.raises(UsageError, match="no edit 'bluur'; did you mean 'blur'"):
        copies_task(shop, 4, Options(edits=("bluur",)))
    with pytest.raises(UsageError, match="no edit 'xyz'; edits: resize, crop, "):
        copies_task(shop, 4, Options(edits=("xyz",)))


def test_the_same_seed_draws_the_same_copies(shop: ImageIndex) -> None:
    gallery = load_gallery(shop)
    first, again, other = (draw_task(gallery, gallery.records, 4, seed) for seed in (3, 3, 4))
    assert first.originals == again.originals
    assert first.originals != other.originals
    read = [EditedSource(first.originals, 3) for _ in range(2)]
    entries = [entry for entry in read[0].entries() if not hasattr(entry, "reason")]
    assert all(read[0].read(e) == read[1].read(e) for e in entries)


def test_twins_of_an_original_are_right_answers_and_twins_of_a_stranger_leave(
    index: ImageIndex, tmp_path: Path
) -> None:
    index.add(catalogue(tmp_path / "shop"))
    twins = tmp_path / "twins"
    twins.mkdir()
    for path in (tmp_path / "shop").glob("*.png"):
        (twins / path.name).write_bytes(path.read_bytes())
    index.add(twins)
    task = copies_task(index, 4, Options(queries="hue=red,green,blue"))
    assert len(task.gallery) == 2 * (9 - 2)
    assert {question.sought for question in task.questions} == {0, 2}


def test_micro_ap_by_whole_originals_agrees_with_the_measure(shop: ImageIndex) -> None:
    task = copies_task(shop, 4, Options())
    run = run_all(task.gallery, task.questions, task.vectors)
    groups = task.units.numbers
    assert groups is not None
    value, (low, high) = micro_ap(run.answers, groups)
    assert low <= value <= high
    assert measure(task, run, [1]).means["micro_ap"] == value


def test_a_measure_that_says_nothing_is_noted(shop: ImageIndex) -> None:
    """Where all that is searched is right, and where fewer pictures are edited than were asked."""
    same = same_task(shop, "hue", Options(where=("hue=red",)))
    assert "every answer is right, whatever the model" in same.notes[-1]
    assert same_task(shop, "hue", Options()).notes == ()
    few = copies_task(shop, 300, Options(edits=("flip",)))
    assert "6 originals were drawn, not 300: there are 9 pictures" in few.notes[-1]
    assert not any("were drawn" in note for note in copies_task(shop, 4, Options()).notes)
