"""What follows from decisions, by hand: as hydrus network has it."""

import pytest

from visavis.errors import UsageError
from visavis.flows.duplicates.decisions import Decision, Decisions, Verdict

A, B, C, D = "abcd"


def decided(*made: tuple[str, str, Verdict]) -> Decisions:
    decisions = Decisions()
    for one, other, verdict in made:
        decisions = decisions.with_one(Decision(one, other, verdict))
    return decisions


def test_a_duplicate_of_a_duplicate_is_one() -> None:
    outcome = decided((A, B, "same"), (B, C, "same")).outcome()
    assert outcome.between(A, C) == "same"
    assert outcome.between(A, D) is None


def test_what_is_decided_about_an_image_holds_for_its_duplicates() -> None:
    outcome = decided((A, B, "same"), (C, D, "same"), (B, C, "not-related")).outcome()
    assert outcome.between(A, D) == "not-related"


def test_alternates_carry_over_and_so_does_what_they_are_not_related_to() -> None:
    outcome = decided((A, B, "alternate"), (B, C, "alternate"), (A, D, "not-related")).outcome()
    assert outcome.between(A, C) == "alternate"
    assert outcome.between(C, D) == "not-related"


def test_not_related_does_not_carry_over() -> None:
    assert decided((A, B, "not-related"), (B, C, "not-related")).outcome().between(A, C) is None


def test_the_best_of_the_best_is_the_best_in_any_order() -> None:
    assert decided((A, B, "better"), (B, C, "better")).outcome().best(C) == A
    assert decided((B, C, "better"), (A, B, "better")).outcome().best(C) == A
    assert decided((A, B, "better"), (B, C, "same")).outcome().best(C) == A
    assert decided((A, B, "same")).outcome().best(A) is None


def test_the_newest_decision_about_two_counts() -> None:
    outcome = decided((A, B, "better"), (B, A, "better")).outcome()
    assert outcome.best(A) == B
    assert decided((A, B, "same"), (A, B, "alternate")).outcome().between(A, B) == "alternate"


@pytest.mark.parametrize("verdict", ["alternate", "not-related"])
def test_a_contradiction_by_way_of_others_is_refused(verdict: Verdict) -> None:
    decisions = decided((A, B, "same"), (B, C, "same"))
    with pytest.raises(UsageError, match="by other decisions these two are duplicates"):
        decisions.with_one(Decision(A, C, verdict))


def test_a_decision_can_be_taken_back() -> None:
    decisions = decided((A, B, "not-related"))
    assert decisions.without(B, A).outcome().between(A, B) is None
    with pytest.raises(UsageError, match="nothing was decided"):
        decisions.without(A, C)
