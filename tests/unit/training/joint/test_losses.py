"""The losses of a joint space, against the same sums as plain loops."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from visavis.training.joint.losses import cosine_loss, hinge_rank_loss, same_words


def unit(count: int, dim: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return functional.normalize(torch.randn(count, dim, generator=generator))


OWN = torch.tensor(
    [
        [True, False, False, False],
        [False, True, True, False],
        [False, False, False, False],  # of a picture without words
        [True, False, False, True],
        [False, False, True, False],
    ]
)


def test_the_cosine_loss_is_one_minus_the_mean_cosine_to_own_words() -> None:
    pictures, words = unit(5, 6, 0), unit(4, 6, 1)
    each = []
    for picture, own in zip(pictures, OWN, strict=True):
        cosines = [float(picture @ word) for word, is_own in zip(words, own, strict=True) if is_own]
        if cosines:
            each.append(1 - sum(cosines) / len(cosines))
    expected = sum(each) / len(each)
    assert cosine_loss(pictures, words, OWN).item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("margin", [0.05, 0.3, 1.0])
def test_the_hinge_rank_loss_is_the_sum_over_other_words_that_are_too_near(margin: float) -> None:
    pictures, words = unit(5, 6, 2), unit(4, 6, 3)
    fair = OWN.clone()
    fair[0, 3] = True
    each = []
    for picture, own, allowed in zip(pictures, OWN.tolist(), fair.tolist(), strict=True):
        totals = []
        for mine in [place for place in range(4) if own[place]]:
            others = [place for place in range(4) if not allowed[place]]
            near = float(picture @ words[mine])
            totals.append(sum(max(0, margin - near + float(picture @ words[o])) for o in others))
        if totals:
            each.append(sum(totals) / len(totals))
    expected = sum(each) / len(each)
    found = hinge_rank_loss(pictures, words, OWN, fair, margin).item()
    assert found == pytest.approx(expected, abs=1e-5)


def test_a_picture_that_lies_on_its_word_costs_nothing() -> None:
    words = torch.eye(4)
    pictures, own = torch.eye(4), torch.eye(4, dtype=torch.bool)
    assert cosine_loss(pictures, words, own).item() == 0
    assert hinge_rank_loss(pictures, words, own, own, 0.5).item() == 0


def test_a_batch_of_which_nothing_is_known_costs_nothing_and_can_be_trained_on() -> None:
    pictures = unit(3, 4, 4).requires_grad_()
    nothing = torch.zeros(3, 2, dtype=torch.bool)
    for loss in (
        cosine_loss(pictures, unit(2, 4, 5), nothing),
        hinge_rank_loss(pictures, unit(2, 4, 5), nothing, nothing, 0.1),
    ):
        assert loss.item() == 0
        loss.backward()  # type: ignore[no-untyped-call]


def test_words_of_one_vector_are_not_wrong_answers_to_each_other() -> None:
    words = torch.stack([torch.eye(3)[0], torch.eye(3)[1], torch.eye(3)[0]])
    own = torch.tensor([[True, False, False], [False, True, False]])
    assert same_words(own, words).tolist() == [[True, False, True], [False, True, False]]
