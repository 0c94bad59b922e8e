from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from visavis.errors import UsageError
from visavis.training.data.splits import drawn_apart, drawn_labels, split, with_copies


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
    assert "labels that are never trained on" in found.summary


def test_by_image_every_label_is_trained_on_and_those_kept_back_can_be_asked_about() -> None:
    found = split(TWELVE, 0.25, "image")
    assert found.by == "image"
    assert found.train_labels == tuple(sorted(set(TWELVE)))
    held = [TWELVE[n] for n in found.validation.tolist()]
    assert {held.count(name) for name in set(held)} == {2}
    assert not set(found.validation.tolist()) & set(found.train.tolist())


@given(
    st.lists(st.integers(1, 30), min_size=2, max_size=20),
    st.sampled_from([0.05, 0.1, 0.2, 0.3, 0.5, 0.9]),
    st.integers(0, 3),
)
def test_by_image_each_label_keeps_two_to_train_on_and_has_two_to_ask_or_none(
    counts: list[int], share: float, seed: int
) -> None:
    assume(sum(count >= 4 for count in counts) >= 2)
    names = labels(**{f"label-{n}": count for n, count in enumerate(counts)})
    found = split(names, share, "image", seed)
    held = Counter(names[n] for n in found.validation.tolist())
    left = Counter(names[n] for n in found.train.tolist())
    assert min(held.values()) >= 2 <= len(held)
    assert all(left[name] >= 2 for name in held)
    assert len(left) == len(counts)


@pytest.mark.parametrize("share", [0.1, 0.12, 0.2, 0.3, 0.4, 0.5])
@pytest.mark.parametrize("each", [4, 5, 9, 20, 60])
def test_by_image_the_share_is_the_one_that_was_asked_for(share: float, each: int) -> None:
    found = split(labels(**{f"label-{n}": each for n in range(20)}), share, "image")
    assert len(found.validation) / (20 * each) == pytest.approx(share, abs=0.02)
    assert found.summary.endswith("never trained on")


def test_a_small_share_of_few_pictures_keeps_the_least_and_says_so() -> None:
    found = split(labels(**{f"label-{n}": 4 for n in range(9)}), 0.05)
    assert (len(found.validation), len(found.validation_labels)) == (4, 2)
    assert found.summary == (
        "validated on 4 pictures of 2 labels, pictures that are never trained on (11% of them, "
        "not 5%: a validation takes two labels and two pictures of each)"
    )
    labelled = split(TWELVE, 0.05)
    assert len(labelled.validation_labels) == 2
    assert labelled.summary.endswith("(17% of them, not 5%: a validation takes two labels)")


def test_a_share_that_would_leave_nothing_to_train_on_is_cut_and_says_so() -> None:
    found = split(labels(a=5, b=5, c=3), 0.9, "image")
    assert len(found.validation) == 6
    assert "(46% of them, not 90%: two pictures of each label are left" in found.summary


def test_exact_copies_are_on_one_side_whatever_their_labels() -> None:
    names = labels(a=8, b=8, c=8)
    contents = [f"{n // 2}" for n in range(24)]  # each picture twice
    contents[0] = contents[20]  # and one under two labels
    for seed in range(20):
        found = split(names, 0.3, "image", seed, contents)
        trained = {contents[n] for n in found.train.tolist()}
        asked = {contents[n] for n in found.validation.tolist()}
        assert not trained & asked
        assert 6 <= len(found.validation) <= 14
        assert len({contents[n] for n in found.validation.tolist()}) >= 3


def test_where_copies_leave_no_two_pictures_of_a_label_that_is_told() -> None:
    names, contents = labels(A=4, B=4), list("wxyz") * 2
    refused: list[str] = []
    for seed in range(30):
        try:
            found = split(names, 0.2, "image", seed, contents)
        except UsageError as error:
            refused.append(str(error))
            continue
        left = [(names[n], contents[n]) for n in found.train.tolist()]
        assert max(Counter(name for name, _ in left).values()) >= 2
        assert not {content for _, content in left} & {contents[n] for n in found.validation}
    assert 20 <= len(refused) < 30
    assert all("exact copies under other labels" in told for told in refused)
    apart = split(names, 0.2, "image", 0, list("wxyzstuv"))
    assert (len(apart.train), len(apart.validation)) == (4, 4)


def test_a_share_that_copies_make_larger_is_told_with_them_as_the_cause() -> None:
    names, contents = labels(a=20, b=20), [f"{n % 20}" for n in range(40)]
    for seed in range(9):
        found = split(names, 0.2, "image", seed, contents)
        if found.kept > 0.25:  # the labels drew different ones
            assert (
                f"({found.kept:.0%} of them, not 20%: exact copies of a picture that"
                in found.summary
            )
        else:
            assert found.summary.endswith("never trained on")
    assert (
        "a validation takes" in split(labels(a=4, b=4), 0.2, "image", 0, list("stuvwxyz")).summary
    )


def test_copies_count_as_one_picture() -> None:
    names = labels(a=6, b=6)
    contents = ["a"] * 6 + ["b"] * 6
    with pytest.raises(UsageError, match="0 of 2 labels have four or more different pictures"):
        split(names, 0.3, "image", 0, contents)


@given(st.lists(st.integers(0, 12), min_size=2, max_size=60), st.integers(1, 20), st.integers(0, 3))
def test_of_copies_all_are_drawn_or_none(contents: list[int], count: int, seed: int) -> None:
    numbers, of = np.arange(len(contents)), np.array(contents)
    drawn = drawn_apart(numbers, count, np.random.default_rng(seed), of)
    assert np.array_equal(with_copies(drawn, of), drawn)
    largest = max(Counter(contents).values())
    assert abs(len(drawn) - min(count, len(contents))) <= largest / 2 or len(drawn) < count
    alone = drawn_apart(numbers, count, np.random.default_rng(seed), numbers)
    assert len(alone) == min(count, len(contents))


def test_of_many_samples_whole_labels_are_drawn() -> None:
    names = np.arange(3000) % 1000  # three of each
    drawn = drawn_labels(names, 300, seed=0)
    held = Counter(names[drawn].tolist())
    assert len(drawn) == 300
    assert set(held.values()) == {3}
    assert not np.array_equal(drawn, drawn_labels(names, 300, seed=1))
    assert np.array_equal(drawn_labels(names, 3000, seed=0), np.arange(3000))


def test_of_few_large_labels_all_give_a_part_and_so_do_their_sides() -> None:
    names, sides = np.arange(3000) % 3, (np.arange(3000) % 100 < 3).astype(np.int64)
    drawn = drawn_labels(names, 300, seed=0, sides=sides)
    assert Counter(names[drawn].tolist()) == {0: 100, 1: 100, 2: 100}
    assert Counter(sides[drawn].tolist())[1] == 90  # all that there are


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
    assert "trained on all 3 pictures" in found.summary


@pytest.mark.parametrize(
    ("names", "how", "told"),
    [
        (labels(a=5), "auto", "all pictures have the same label \\('a'\\)"),
        (labels(a=1, b=1, c=1), "auto", "none of the 3 labels has two pictures"),
        (labels(a=3, b=3), "auto", "no validation is possible: 0 of 2 labels have four or more"),
        (labels(a=9, b=3), "image", "1 of 2 labels have four"),
        (labels(a=5, b=5), "label", "only 2 labels have two or more pictures"),
    ],
)
def test_what_cannot_be_divided_is_told_in_a_sentence(
    names: list[str], how: str, told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        split(names, 0.2, how)  # type: ignore[arg-type]
