"""The losses of the built-in model; each is a function of tensors and returns one number."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional


def direction_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """1 - cosine, averaged: (n, dim, …) against (n, dim, …), along the second axis."""
    return (1 - functional.cosine_similarity(student, teacher, dim=1)).mean()


def hint_loss(student: Sequence[Tensor], teacher: Sequence[Tensor]) -> Tensor:
    """`direction_loss` of inner maps (n, numbers, h, w), averaged over the layers (FitNets 2015).

    Each place of an inner map teaches the layers below it directly, so they learn from far fewer
    pictures than by what the last layer passes down.
    """
    losses = [direction_loss(ours, theirs) for ours, theirs in zip(student, teacher, strict=True)]
    return torch.stack(losses).mean() if losses else torch.zeros(())


def relation_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean squared difference of the cosines between all pairs of a batch, (n, dim) each."""
    ours = functional.normalize(student) @ functional.normalize(student).T
    theirs = functional.normalize(teacher) @ functional.normalize(teacher).T
    count = len(student)
    # The diagonal is one on both sides and says nothing.
    return (ours - theirs).square().sum() / (count * (count - 1))


def scores_loss(logits: Tensor, probabilities: Tensor) -> Tensor:
    """Kullback-Leibler divergence of the student's classes from the teacher's, (n, classes)."""
    return functional.kl_div(
        functional.log_softmax(logits, dim=1), probabilities, reduction="batchmean"
    )


def copy_loss(originals: Tensor, copies: Tensor, sharpness: float) -> Tensor:
    """How hard it is to tell whose copy is whose (InfoNCE, both ways).

    `copies` (m, dim) are edits of the first m of `originals` (n, dim). A copy should be nearer to
    its original than to any other original, and an original nearer to its copy than to others'.
    """
    ours = functional.normalize(copies) @ functional.normalize(originals).T * sharpness
    answers = torch.arange(len(copies), device=copies.device)
    there = functional.cross_entropy(ours, answers)
    back = functional.cross_entropy(ours[:, : len(copies)].T, answers)
    return (there + back) / 2
