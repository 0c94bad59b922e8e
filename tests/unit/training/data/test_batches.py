from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from visavis.training.data.batches import Batches, LabelBatches, shuffled
from visavis.training.data.samples import Numbers


def test_an_epoch_shows_each_picture_once_in_a_new_order() -> None:
    draw = shuffled(np.arange(20), 5, seed=1)
    first, second = (np.concatenate(draw(epoch)) for epoch in (0, 1))
    assert sorted(first.tolist()) == sorted(second.tolist()) == list(range(20))
    assert first.tolist() != second.tolist()
    assert first.tolist() == np.concatenate(draw(0)).tolist()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=2, max_size=12), st.integers(2, 6), st.integers(2, 5))
def test_a_batch_has_p_groups_of_up_to_k_and_no_picture_twice(
    counts: list[int], p: int, k: int
) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    several = sum(count > 1 for count in counts)
    single = len(counts) - several
    groups = several + -(-single // k)
    for batch in LabelBatches(np.arange(len(labels)), labels, p, k, seed=0)(3):
        found = Counter(labels[batch].tolist())
        assert len(set(batch.tolist())) == len(batch)
        assert all(n == min(k, counts[label]) for label, n in found.items())
        assert len(batch) <= p * k
        assert len(found) >= min(p, groups)


def test_labels_take_turns_whatever_their_number_of_pictures() -> None:
    labels = np.repeat(np.arange(4), [40, 4, 4, 4])
    batches = LabelBatches(np.arange(52), labels, 2, 4, seed=0)
    found = Counter(labels[np.concatenate(batches(0))].tolist())
    assert max(found.values()) - min(found.values()) <= 4


def test_pictures_of_a_label_take_turns() -> None:
    labels = np.repeat(np.arange(3), 8)
    batches = LabelBatches(np.arange(24), labels, 3, 4, seed=0)
    assert sorted(np.concatenate(batches(0)).tolist()) == list(range(24))


@pytest.mark.parametrize(
    ("counts", "p", "k"),
    [
        ([2] * 40, 16, 4),
        ([4] * 50, 16, 4),
        ([2] * 5, 16, 4),
        ([1] * 30, 4, 4),
        ([3, 2, 1, 4], 2, 4),
    ],
)
def test_an_epoch_has_every_picture_of_small_labels(counts: list[int], p: int, k: int) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    draw = LabelBatches(np.arange(len(labels)), labels, p, k, seed=0)
    for epoch in range(3):
        drawn = np.concatenate(draw(epoch))
        assert set(drawn.tolist()) == set(range(len(labels)))
        assert len(drawn) < len(labels) + 2 * p * k


def handed_out(batches: Batches[Numbers], epoch: int, count: int | None = None) -> list[list[int]]:
    """What a loop that counts would get of an epoch."""
    batches.set_epoch(epoch)
    found = iter(batches)
    return [next(found).tolist() for _ in range(len(batches) if count is None else count)]


def test_a_stopped_epoch_goes_on_where_it_was() -> None:
    draw = shuffled(np.arange(30), 5, seed=2)
    whole, stopped, resumed = (Batches(draw, lambda n: n) for _ in range(3))
    wanted = handed_out(whole, 0) + handed_out(whole, 1)
    first = handed_out(stopped, 0, 4)
    assert stopped.state_dict() == {"done": 4}
    resumed.load_state_dict(stopped.state_dict())
    resumed.set_epoch(0)
    rest = [batch.tolist() for batch in resumed]
    assert first + rest + handed_out(resumed, 1) == wanted


def test_processes_share_an_epoch() -> None:
    draw = shuffled(np.arange(24), 4, seed=0)
    every = [Batches(draw, lambda n: n) for _ in range(2)]
    for rank, batches in enumerate(every):
        batches.rank, batches.world = rank, 2
    ours, theirs = (handed_out(batches, 0) for batches in every)
    assert len(ours) == len(theirs) == 3
    assert sorted(number for batch in ours + theirs for number in batch) == list(range(24))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 8), st.integers(0, 3)), min_size=2), st.integers(2, 6))
def test_the_sides_of_a_label_have_equal_parts_as_far_as_they_have_pictures(
    cells: list[tuple[int, int]], k: int
) -> None:
    labels = np.concatenate([[label] * sum(sizes) for label, sizes in enumerate(cells)])
    sides = np.concatenate([[0] * common + [1] * rare for common, rare in cells])
    draw = LabelBatches(np.arange(len(labels)), labels, 3, k, seed=0, sides=sides)
    for batch in draw(1):
        assert len(set(batch.tolist())) == len(batch)
        for label in np.unique(labels[batch]):
            common, rare = cells[label]
            if common + rare == 1:
                continue
            chosen = sides[batch][labels[batch] == label]
            assert len(chosen) == min(k, common + rare) or len(chosen) < k
            assert (chosen == 1).sum() >= min(rare, k // 2, common)
