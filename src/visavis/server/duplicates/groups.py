"""Groups of duplicates as the API shows them: as they were found, with what was decided since."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from visavis.errors import RecordNotFoundError
from visavis.flows.duplicates.decisions import Decisions, Outcome
from visavis.flows.duplicates.facts import FileFacts, file_facts
from visavis.flows.duplicates.found import DuplicateGroup, DuplicateReport
from visavis.image_index import ImageIndex
from visavis.server.api.rendering import record_shape
from visavis.server.duplicates.shapes import MOST_RECORDS
from visavis.server.options import ServerOptions
from visavis.types import ImageRecord

Pair = tuple[str, str]


def groups_shape(
    report: DuplicateReport,
    part: slice,
    index: ImageIndex,
    show: Callable[[ImageRecord], dict[str, Any]],
) -> dict[str, Any]:
    """Some groups, and how many there are; `show` gives the shape of a record."""
    decided = index.duplicates.decisions()
    outcome = decided.outcome()
    open_ = [at for at, group in enumerate(report.groups) if _is_open(group, outcome)]
    numbered = list(enumerate(report.groups))[part]
    return {
        "groups": [_group_shape(at, group, decided, outcome, show) for at, group in numbered],
        "total": len(report.groups),
        "open": len(open_),
        "next_open": next((at for at in open_ if at >= part.stop), None),
        "previous_open": next((at for at in reversed(open_) if at < part.start), None),
    }


def shown_copy(
    record: ImageRecord, index: ImageIndex, options: ServerOptions, titles: Sequence[str]
) -> dict[str, Any]:
    """A record of a group, with how its file was saved, and whether it is still the same."""
    facts = _facts(record, index)
    return record_shape(record, options, titles) | {
        "sha256": record.sha256,
        "format": facts.format,
        "lossless": facts.lossless,
        "quality": facts.quality,
        "trouble": facts.trouble,
    }


def open_pairs(group: DuplicateGroup, outcome: Outcome) -> Iterator[Pair]:
    """The pairs of contents to decide on, each with the best so far.

    What was decided to be another picture is asked about no more, but with those that it was
    compared with.
    """
    contents = _contents(group)
    linked = {frozenset((link.one.sha256, link.other.sha256)) for link in group.links}
    heads: list[str] = []
    for content in contents:
        for head in heads:
            best = _best(head, contents, outcome)
            said = outcome.between(best, content)
            asked = head == contents[0] or frozenset((head, content)) in linked
            if said == "same":
                break
            if said is None and asked:
                yield best, content
                break
        else:
            heads.append(content)


def _contents(group: DuplicateGroup) -> list[str]:
    return list(dict.fromkeys(record.sha256 for record in group.records[:MOST_RECORDS]))


def _best(content: str, contents: Sequence[str], outcome: Outcome) -> str:
    best = outcome.best(content)
    return best if best in contents and best is not None else content


def _is_open(group: DuplicateGroup, outcome: Outcome) -> bool:
    return next(open_pairs(group, outcome), None) is not None


def _group_shape(
    number: int,
    group: DuplicateGroup,
    decided: Decisions,
    outcome: Outcome,
    show: Callable[[ImageRecord], dict[str, Any]],
) -> dict[str, Any]:
    shape, shown = group.to_dict(), group.records[:MOST_RECORDS]
    contents = _contents(group)
    there = set(contents)
    made = [decision for decision in decided.made if {decision.one, decision.other} <= there]
    return {
        "number": number,
        "relation": group.relation,
        "records": [show(record) for record in shown],
        "more": len(group.records) - len(shown),
        "links": [link for link in shape["links"] if there.issuperset(link["sha256"])],
        "kept_apart": len(group.kept_apart),
        "decisions": [decision._asdict() for decision in made],
        "open": [{"one": one, "other": other} for one, other in open_pairs(group, outcome)],
        "best": _best(contents[0], contents, outcome),
    }


def _facts(record: ImageRecord, index: ImageIndex) -> FileFacts:
    try:
        now = index.get(record.id)
    except RecordNotFoundError:
        return FileFacts(trouble="it is not in the index any more")
    if now.sha256 != record.sha256:
        return FileFacts(trouble="the record shows another picture by now")
    return file_facts(now)
