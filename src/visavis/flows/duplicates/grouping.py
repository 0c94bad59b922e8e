"""Groups from links: what hangs together, but not by chains that contradict themselves.

Being the same picture need not carry over: a grey copy fits the red product and the blue one, and
the pictures of a burst change little from each to the next. So a group has a hub, which was
compared with each of the others directly, and holds no two contents of which is known that they
differ. The strongest links are taken first; a link that would break this is reported and no more.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from itertools import combinations

from visavis.flows.duplicates.found import Content, Link, strongest_first

MOST_COMPLETED = 64
"""Contents that hang together, of which all pairs are compared before groups are made of them."""

Ends = frozenset[Content]


@dataclass(slots=True)
class Cluster:
    """Contents that are taken for one picture."""

    contents: set[Content]
    hubs: set[Content]
    """Those that are linked with all the others."""
    refused: list[Link] = field(default_factory=list)


def clusters(links: Sequence[Link], apart: Set[Ends]) -> list[Cluster]:
    """The groups that links make, of two contents and more; `apart` are pairs that differ."""
    linked = _neighbours(links)
    differing = _neighbours(apart)
    home = {content: Cluster({content}, {content}) for content in linked}
    for link in strongest_first(links):
        one, other = home[link.one], home[link.other]
        if one is other:
            continue
        hubs = {hub for hub in one.hubs if other.contents <= linked[hub]}
        hubs |= {hub for hub in other.hubs if one.contents <= linked[hub]}
        if not hubs or any(differing[content] & other.contents for content in one.contents):
            one.refused.append(link)
            other.refused.append(link)
            continue
        refused = one.refused + [known for known in other.refused if known not in one.refused]
        joined = Cluster(one.contents | other.contents, hubs, refused)
        home |= dict.fromkeys(joined.contents, joined)
    found = {id(cluster): cluster for cluster in home.values()}
    return [cluster for cluster in found.values() if len(cluster.contents) > 1 or cluster.refused]


def missing_pairs(
    links: Sequence[Link], known: Callable[[Content, Content], bool]
) -> Iterator[tuple[Content, Content]]:
    """Pairs that hang together by links and were not compared yet."""
    for component in components(links):
        if len(component) <= MOST_COMPLETED:
            pairs = combinations(sorted(component), 2)
            yield from (pair for pair in pairs if not known(*pair))


def _neighbours(pairs: Iterable[Link | Ends]) -> defaultdict[Content, set[Content]]:
    found: defaultdict[Content, set[Content]] = defaultdict(set)
    for pair in pairs:
        one, other = (pair.one, pair.other) if isinstance(pair, Link) else pair
        found[one].add(other)
        found[other].add(one)
    return found


def components(links: Iterable[Link]) -> Iterator[set[Content]]:
    """The contents that hang together, by whatever way."""
    linked = _neighbours(links)
    left = set(linked)
    while left:
        component, waiting = set(), [left.pop()]
        while waiting:
            content = waiting.pop()
            component.add(content)
            further = linked[content] & left
            left -= further
            waiting += further
        yield component
