"""Groups from links, worked out by hand."""

from itertools import combinations

from visavis.flows.duplicates.found import Content, Link
from visavis.flows.duplicates.grouping import clusters, missing_pairs
from visavis.types import Relation

A, B, C, D, E = (Content(letter * 64) for letter in "abcde")


def link(
    one: Content, other: Content, strength: float = 0.9, relation: Relation = "near_duplicate"
) -> Link:
    return Link(one, other, relation, "signatures", strength)


def groups(links: list[Link], apart: set[frozenset[Content]] | None = None) -> list[set[Content]]:
    found = [cluster.contents for cluster in clusters(links, apart or set())]
    return sorted(found, key=lambda contents: (-len(contents), min(contents)))


def test_edits_of_one_original_are_one_group_though_they_do_not_fit_one_another() -> None:
    assert groups([link(A, B), link(A, C), link(A, D)]) == [{A, B, C, D}]


def test_a_chain_without_a_hub_is_no_group() -> None:
    found = groups([link(A, B, 0.99), link(B, C, 0.9), link(C, D, 0.98)])
    assert found == [{A, B}, {C, D}]


def test_a_grey_copy_does_not_join_the_red_product_with_the_blue_one() -> None:
    red, blue, grey = A, B, C
    found = clusters([link(red, grey, 0.99), link(blue, grey, 0.95)], {frozenset((red, blue))})
    joined = next(cluster for cluster in found if len(cluster.contents) == 2)
    assert joined.contents == {red, grey}
    assert [refused.ends for refused in joined.refused] == [{blue, grey}]


def test_the_same_bytes_count_before_what_was_edited() -> None:
    exact = link(A, B, 0.5, "exact")
    assert groups([link(B, C, 0.99), exact], {frozenset((A, C))}) == [{A, B}, {C}]


def test_the_hub_was_compared_with_each() -> None:
    [found] = clusters([link(A, B), link(A, C), link(A, D), link(B, C)], set())
    assert found.hubs == {A}


def test_only_pairs_that_hang_together_are_missing() -> None:
    links = [link(A, B), link(B, C), link(D, E)]
    known = {one.ends for one in links}
    missing = list(missing_pairs(links, lambda one, other: frozenset((one, other)) in known))
    assert missing == [(A, C)]


def test_groups_do_not_depend_on_the_order_of_links() -> None:
    links = [link(A, B, 0.91), link(B, C, 0.97), link(C, D, 0.93), link(A, C, 0.92)]
    expected = groups(links)
    for one, other in combinations(range(len(links)), 2):
        mixed = links[:]
        mixed[one], mixed[other] = mixed[other], mixed[one]
        assert groups(mixed) == expected
