"""The queries that a report shows as pictures: the worst answered and the best."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from visavis.errors import ImageError
from visavis.evaluation.runs import QueryAnswer, Run
from visavis.evaluation.tasks import Task
from visavis.images.decode import decode
from visavis.images.files import IMAGE_SUFFIXES
from visavis.metrics import average_precision
from visavis.pages.cards import Card, Row, match_card
from visavis.pages.pictures import read_picture
from visavis.pages.report import Rows
from visavis.store.text.titles import title_fields
from visavis.types import RGB, ImageRecord, Match

ROWS = 5
ANSWERS = 8
_SAMPLED = 200  # records that tell what their titles are

_LONGEST = 12
"""Characters of an id that fit below a small picture."""


def picture_rows(task: Task, run: Run) -> Rows:
    """The queries with the lowest and the highest average precision, each of another class."""
    asked = [answer for answer in run.answers if answer.question.sought]
    ordered = sorted(asked, key=_precision)
    worst = _different(answer for answer in ordered if _precision(answer) < 1)
    best = _different(answer for answer in reversed(ordered) if _precision(answer) > 0)
    queries = {record.id: record for record in task.queries}
    gallery = {record.id: record for record in task.gallery.records}

    titles = title_fields([record.fields for record in task.gallery.records[:_SAMPLED]])

    def rows(answers: list[QueryAnswer]) -> list[Row]:
        return [
            _row(answer, queries[answer.question.id], gallery, titles, task) for answer in answers
        ]

    return Rows(rows(worst), rows([answer for answer in best if answer not in worst]))


def _precision(answer: QueryAnswer) -> float:
    return average_precision(answer.ranks, answer.question.sought)


def _different(answers: Iterable[QueryAnswer]) -> list[QueryAnswer]:
    """The first few, one of a class first; more of a class only when there are too few classes."""
    every = list(answers)
    seen: set[str | None] = set()
    first: list[QueryAnswer] = []
    rest: list[QueryAnswer] = []
    for answer in every:
        group = answer.question.group
        (rest if group is not None and group in seen else first).append(answer)
        seen.add(group)
    return [*first, *rest][:ROWS]


def _row(
    answer: QueryAnswer,
    query: ImageRecord,
    gallery: dict[str, ImageRecord],
    titles: Sequence[str],
    task: Task,
) -> Row:
    question = answer.question
    heading = f"{question.group}: " if question.group else ""
    if len(answer.ranks) == 1:
        heading += f"the right answer has rank {answer.ranks[0]:,}"
    else:
        heading += (
            f"average precision {_precision(answer):.3f}, the first of {question.sought:,} right "
            f"answers at rank {answer.ranks[0]:,}"
        )
    field = str(task.protocol.get("field", ""))
    matches = []
    for id, score, right in answer.top[:ANSWERS]:
        record = gallery[id]
        card = match_card(Match(record, score), read_picture(record.uri), titles, right)
        if field in record.fields:  # what makes it right or wrong says more than its id
            card = replace(card, caption=str(record.fields[field]))
        elif card.caption == record.id:
            card = replace(card, caption=shortened(record.id), whole=record.id)
        matches.append(card)
    asked = Card(_query_picture(query, task), shortened(query.id), whole=query.id)
    return Row([asked], matches, heading=heading)


def shortened(id: str) -> str:
    """The last part of an id, cut in its middle where it is long: names differ at their ends.

    >>> shortened("images/ukbench00123.jpg"), shortened("images/IMG_20240131_174205.jpg")
    ('ukbench00123', 'IMG_…_174205')
    """
    name = id.rstrip("/").rpartition("/")[2] or id
    if name.lower().endswith(IMAGE_SUFFIXES):
        name = name.rpartition(".")[0] or name
    return name if len(name) <= _LONGEST else f"{name[:4]}…{name[5 - _LONGEST :]}"


def _query_picture(query: ImageRecord, task: Task) -> RGB | None:
    if task.edits is None:
        return read_picture(query.uri)
    edit, original = str(query.fields["edit"]), str(query.fields["original"])
    try:
        return decode(task.edits.copy(edit, original), query.uri).pixels
    except ImageError:  # the original is gone since: the page says "no picture"
        return None
