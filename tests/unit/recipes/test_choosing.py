"""Which pictures are held out, and how choices are made on them."""

from pathlib import Path

import pytest
import torch
from PIL import Image
from recipes.visavis_s.choosing import Choice, Figures, asked_for, best, judged, precision
from recipes.visavis_s.pictures import HELD_OUT, batches, open_picture, rows, squashed

from visavis.errors import SourceError


def catalogue(folder: Path, count: int = 400) -> Path:
    folder.mkdir()
    Image.new("RGB", (500, 250), (255, 0, 51)).save(folder / "a.png")
    lines = [
        f"a.png?{n},dog,{'tiny-imagenet' if n % 4 == 0 else 'caltech101'}" for n in range(count)
    ]
    (folder / "labels.csv").write_text("\n".join(["path,label,source", *lines]))
    return folder


def test_the_same_pictures_are_held_out_wherever_the_folder_lies(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    here, there = (rows([catalogue(where / "mix")]) for where in (tmp_path, tmp_path / "elsewhere"))
    assert [row.held_out for row in here] == [row.held_out for row in there]
    assert len(here) == 300  # without those of 64 pixels
    share = sum(row.held_out for row in here) / len(here)
    assert share == pytest.approx(HELD_OUT, abs=0.05)


def test_folders_without_a_list_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"labels\.csv does not exist"):
        rows([tmp_path])
    (tmp_path / "labels.csv").write_text("path,label\n")
    with pytest.raises(SourceError, match="no pictures are listed"):
        rows([tmp_path])


def test_pictures_are_squashed_as_the_engine_does(tmp_path: Path) -> None:
    [row, *_] = rows([catalogue(tmp_path / "mix", 2)])
    picture = open_picture(row.__class__(tmp_path / "mix" / "a.png", row.name, row.fields))
    assert picture.size == (224, 112)
    image = squashed([picture], 64)
    assert image.shape == (1, 3, 64, 64)
    assert image[0, :, 5, 5].tolist() == pytest.approx([1.0, -1.0, -0.6], abs=0.01)
    assert [len(part) for part in batches([picture] * 5, 8, 2)] == [2, 2, 1]


def test_precision_counts_neighbours_and_lets_lonely_labels_be() -> None:
    angles = torch.tensor([0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 2.0, 2.1])
    vectors = torch.stack([angles.cos(), angles.sin()], dim=1)
    labels = ["a"] * 6 + ["b", "alone"]
    # Each of the six has the other five nearest; b and alone have nobody of theirs.
    assert precision(vectors, labels) == pytest.approx(1.0)
    assert precision(vectors, ["a"] * 5 + ["c"] + ["b", "b"]) == pytest.approx(
        (5 * 4 / 5 + 2 * 1 / 5) / 7
    )


def test_copies_are_judged_kind_by_kind() -> None:
    vectors = torch.eye(14)
    labels, products = ["a"] * 7, [("x", "red")] * 7
    right, wrong = vectors[:2], vectors[:2].flip(0)
    figures = judged(vectors, labels, products, torch.stack([right, wrong]), vectors[7:], {})
    assert (figures.copies, figures.worst) == (0.5, 0.0)
    assert figures.scenes == 1


def test_colour_words_are_judged_by_the_products_that_have_them() -> None:
    vectors = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [0.0, 1.0]])
    colours = ["red", None, "red", "blue"]
    words = {name: torch.tensor(one) for name, one in (("red", [1.0, 0.0]), ("blue", [0.0, 1.0]))}
    # Red: first and third, (1 + 2/3) / 2; blue: first; nothing is green.
    words["green"] = torch.tensor([0.5, 0.5])
    assert asked_for(vectors, colours, words) == pytest.approx((5 / 6 + 1) / 2)
    assert asked_for(vectors, [None] * 4, words) == 0


def test_the_choice_is_best_in_all_together() -> None:
    one, other = Choice(64, 0.1, 0.0, 0.5), Choice(64, 0.05, 0.0, 0.5)
    tried = {
        one: Figures(
            kinds=0.50, copies=0.90, worst=0.70, products=0.40, scenes=0.5, colour_words=0.3
        ),
        other: Figures(
            kinds=0.52, copies=0.95, worst=0.85, products=0.38, scenes=0.5, colour_words=0.3
        ),
    }
    assert best(tried) is other
