"""Labels: names of groups, and those that were perhaps meant to be one, or to be several."""

from collections import defaultdict
from collections.abc import Iterable

from visavis.filters.lists import items_of
from visavis.filters.typed import folded


def alike_note(labels: Iterable[str], field: str) -> str | None:
    """A sentence about labels that differ by case, accents or blanks alone; None without any.

    >>> alike_note(["Mug", "mug ", "lamp"], "kind")
    "labels of 'kind' that differ in case, accents or blanks alone count as others: 'Mug', 'mug '"
    """
    alike: defaultdict[str, list[str]] = defaultdict(list)
    for label in sorted(set(labels)):
        alike[" ".join(folded(label).split())].append(label)
    several = [group for group in alike.values() if len(group) > 1]
    if not several:
        return None
    more = len(several) - 1
    return (
        f"labels of {field!r} that differ in case, accents or blanks alone count as others: "
        f"{', '.join(map(repr, several[0]))}" + (f", and {more:,} more such" if more else "")
    )


def list_note(labels: Iterable[str], field: str) -> str | None:
    """A sentence about labels that are lists, for what takes them for one; None without any.

    >>> list_note(["dog", "dog, beach"], "tags")
    "labels of 'tags' may be lists, such as 'dog, beach'; each such combination is one label"
    """
    lists = (one for one in sorted(set(labels)) if len(items_of(field, one) or ()) > 1)
    if (some := next(lists, None)) is None:
        return None
    return f"labels of {field!r} may be lists, such as {some!r}; each such combination is one label"
