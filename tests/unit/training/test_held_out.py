"""The figures of the held-out pictures, against brute force with plain loops."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from visavis.training.augment import edited
from visavis.training.builtin_data import Data, entries_of, open_data
from visavis.training.builtin_settings import Settings
from visavis.training.held_out import Floats, HeldOut, nearest, squashed, unit
from visavis.training.networks import Student, Summary
from visavis.training.teacher import Projection, Teacher

SIDE = 32


@pytest.fixture
def data(folder: Path, tmp_path: Path) -> Data:
    return open_data(entries_of([folder]), tmp_path / "cache", 48)


@pytest.fixture
def teacher(teacher_folder: Path) -> Teacher:
    return Teacher(teacher_folder, 1)


@pytest.fixture
def projection() -> Projection:
    rng = np.random.default_rng(5)
    mean, matrix = rng.normal(size=16) * 0.1, rng.normal(size=(16, 8))
    return Projection(mean.astype(np.float32), matrix.astype(np.float32))


@pytest.fixture
def student(settings: Settings) -> Student:
    torch.manual_seed(6)
    return Student(settings.shape).eval()


MEMBERS = np.arange(20)


def pictures(data: Data) -> Tensor:
    pixels = np.stack([squashed(data.pictures, int(i), SIDE) for i in MEMBERS])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1


def teachers(data: Data, teacher: Teacher, projection: Projection) -> list[np.ndarray]:
    """The teacher's vector of each picture, one at a time."""
    found = []
    for i in MEMBERS:
        maps, _, _ = teacher.look([squashed(data.pictures, int(i), teacher.size)])
        found.append((maps[0].mean(axis=(1, 2)) - projection.mean) @ projection.matrix)
    return found


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def five_nearest(vectors: list[np.ndarray], to: int) -> set[int]:
    others = [i for i in range(len(vectors)) if i != to]
    return set(sorted(others, key=lambda i: -cosine(vectors[to], vectors[i]))[:5])


def test_the_three_figures_are_those_of_plain_loops(
    data: Data, teacher: Teacher, projection: Projection, student: Student
) -> None:
    held_out = HeldOut(data.pictures, MEMBERS, teacher, projection, SIDE)
    report = held_out.report(student)
    images = pictures(data)
    copies = edited((images + 1) / 2, torch.Generator().manual_seed(1)) * 2 - 1
    with torch.inference_mode():
        seen, of_copies = student(images), student(copies)
    ours = list(seen.learned.numpy())
    theirs = teachers(data, teacher, projection)
    count = len(MEMBERS)
    shared = [len(five_nearest(ours, i) & five_nearest(theirs, i)) / 5 for i in range(count)]
    right = [
        max(range(count), key=lambda j: cosine(copy, seen.copy[j].numpy())) == i
        for i, copy in enumerate(of_copies.copy.numpy())
    ]
    cosines = [cosine(one, other) for one, other in zip(ours, theirs, strict=True)]
    assert report["agreement"] == pytest.approx(np.mean(shared), abs=1e-6)
    assert report["copy_recall"] == pytest.approx(np.mean(right), abs=1e-6)
    assert report["cosine"] == pytest.approx(np.mean(cosines), abs=1e-5)
    assert 0 < np.mean(shared) < 1  # or any constant would do


class Parrot(Student):
    """Says what it is told to."""

    def __init__(self, settings: Settings, answers: Tensor) -> None:
        super().__init__(settings.shape)
        self.answers = answers

    def summary(self, x: Tensor) -> Summary:
        answers = self.answers[: len(x)]
        return answers, answers, answers


def test_who_says_what_the_teacher_says_has_full_marks(
    data: Data, teacher: Teacher, projection: Projection, settings: Settings
) -> None:
    held_out = HeldOut(data.pictures, MEMBERS, teacher, projection, SIDE)
    same = torch.from_numpy(np.stack(teachers(data, teacher, projection)))
    assert held_out.report(Parrot(settings, same)) == {
        "cosine": pytest.approx(1, abs=1e-5),
        "agreement": 1.0,
        "copy_recall": 1.0,
    }
    worse = held_out.report(Parrot(settings, same.flip(0)))
    assert worse["agreement"] < 0.9
    assert worse["cosine"] < 0.9


def test_the_nearest_are_the_others_with_the_highest_products() -> None:
    vectors = np.random.default_rng(1).normal(size=(30, 4)).astype(np.float32)
    for row, found in enumerate(nearest(vectors, 3)):
        others = [i for i in range(30) if i != row]
        expected = sorted(others, key=lambda i: -float(vectors[row] @ vectors[i]))[:3]
        assert set(found.tolist()) == set(expected)


def test_whole_vectors_are_judged_by_the_teacher_and_by_their_copies(
    data: Data, teacher: Teacher, projection: Projection
) -> None:
    held_out = HeldOut(data.pictures, MEMBERS, teacher, projection, SIDE)
    like_the_teacher = unit(np.stack(teachers(data, teacher, projection)))

    def figures(originals: Floats, copies: Floats) -> dict[str, float]:
        given = iter((originals, copies))  # all twenty are asked for at once, then their edits
        return held_out.whole(lambda _: next(given))

    right = figures(like_the_teacher, like_the_teacher)
    assert right == {"agreement": 1.0, "copy_recall": 1.0}
    assert figures(like_the_teacher, like_the_teacher[::-1]) == {
        "agreement": 1.0,
        "copy_recall": 0.0,
    }
    shuffled = like_the_teacher[np.random.default_rng(3).permutation(20)]
    assert figures(shuffled, shuffled)["agreement"] < 0.6


def test_whole_vectors_are_asked_for_the_pictures_in_their_order(
    data: Data, teacher: Teacher, projection: Projection
) -> None:
    held_out = HeldOut(data.pictures, MEMBERS, teacher, projection, SIDE)

    def embed(images: Tensor) -> Floats:
        return images.mean(dim=(2, 3)).numpy()

    expected = pictures(data).mean(dim=(2, 3)).numpy()
    assert np.allclose(held_out.vectors(embed), expected, atol=1e-6)
