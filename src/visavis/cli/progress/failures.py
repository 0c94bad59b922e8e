"""What could not be taken in, when there is too much of it for a line each."""

from collections import Counter
from collections.abc import Sequence

from visavis.types import Failure


def by_reason(failed: Sequence[Failure]) -> list[str]:
    """How many images failed for which reason, the commonest first, with the first of them."""
    first: dict[str, str] = {}
    for failure in failed:
        first.setdefault(failure.reason, failure.uri)
    counts = Counter(failure.reason for failure in failed).most_common()
    return [f"skipped {count}: {reason} ({first[reason]} …)" for reason, count in counts]
