"""What was found, by a field instead of by likeness."""

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from visavis.types import Fields, Kind, Match, SearchResult


def ordered(result: "SearchResult", sort: str, kinds: "Mapping[str, Kind]") -> "SearchResult":
    """The matches of a result by a field, after a minus the largest first, as a listing has them.

    Those without it come last, numbers before texts; what is equal stays as it was.
    Raises FilterError for a field that no record has.
    """
    from visavis.filters import check_field, moment

    name = sort.removeprefix("-")
    check_field(name, kinds)
    down = sort.startswith("-")

    def value(match: "Match") -> "float | str | None":
        fields: Fields = match.record.fields
        return fields.get(name) if name in kinds else getattr(match.record, name)

    having = [match for match in result.matches if value(match) is not None]
    numbers = [match for match in having if not isinstance(value(match), str)]
    texts = [match for match in having if isinstance(value(match), str)]
    numbers.sort(key=lambda match: float(value(match) or 0), reverse=down)
    texts.sort(key=lambda match: moment(str(value(match)), "instant").casefold(), reverse=down)
    without = [match for match in result.matches if value(match) is None]
    parts = [texts, numbers] if down else [numbers, texts]
    return replace(result, matches=(*parts[0], *parts[1], *without))
