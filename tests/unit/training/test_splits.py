import numpy as np
import pytest

from visavis.errors import UsageError
from visavis.training.splits import split


def labels(**counts: int) -> list[str]:
    return [name for name, count in counts.items() for _ in range(count)]


TWELVE = labels(**{f"label-{n:02}": 5 for n in range(12)})


def test_by_label_no_label_is_on_both_sides() -> None:
    found = split(TWELVE, 0.25)
    assert found.by == "label"
    assert len(found.validation_labels) == 3
    assert not set(found.validation_labels) & set(found.train_labels)
    assert len(found.train) + len(found.validation) == len(TWELVE)
    assert {TWELVE[n] for n in found.validation.tolist()} == set(found.validation_labels)
    assert "labels that are never trained on" in found.told


def test_by_image_every_label_is_on_both_sides_and_can_be_asked_about() -> None:
    found = split(TWELVE, 0.25, "image")
    assert found.by == "image"
    assert found.validation_labels == found.train_labels
    held = [TWELVE[n] for n in found.validation.tolist()]
    assert {held.count(name) for name in set(held)} == {2}
    assert not set(found.validation.tolist()) & set(found.train.tolist())


def test_the_seed_decides_and_nothing_else() -> None:
    first, again, other = (split(TWELVE, 0.25, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.validation, again.validation)
    assert first.validation_labels != other.validation_labels


def test_few_labels_are_divided_by_image() -> None:
    assert split(labels(a=6, b=6, c=6), 0.3).by == "image"


def test_labels_with_one_picture_are_trained_on() -> None:
    names = [*TWELVE, "alone", "single"]
    found = split(names, 0.25)
    assert found.single == ("alone", "single")
    assert {"alone", "single"} <= set(found.train_labels)


def test_a_share_of_nothing_trains_on_all() -> None:
    found = split(labels(a=2, b=1), 0)
    assert (found.by, len(found.train), len(found.validation)) == ("none", 3, 0)
    assert "trained on all 3 pictures" in found.told


@pytest.mark.parametrize(
    ("names", "how", "told"),
    [
        (labels(a=5), "auto", "all pictures have the same label \\('a'\\)"),
        (labels(a=1, b=1, c=1), "auto", "none of the 3 labels has two pictures"),
        (labels(a=3, b=3), "auto", "no validation is possible: 0 of 2 labels have four"),
        (labels(a=9, b=3), "image", "1 of 2 labels have four"),
        (labels(a=5, b=5), "label", "only 2 labels have two or more pictures"),
    ],
)
def test_what_cannot_be_divided_is_told_in_a_sentence(
    names: list[str], how: str, told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        split(names, 0.2, how)  # type: ignore[arg-type]
