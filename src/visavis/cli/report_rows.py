"""The queries that a report shows as pictures: the worst answered and the best."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from visavis.cli.report_page import Rows
from visavis.cli.searching import read_picture
from visavis.cli.sheet import Card, Row, match_card
from visavis.errors import ImageError
from visavis.evaluation.runs import Answered, Run
from visavis.evaluation.tasks import Task
from visavis.images.decode import decode
from visavis.metrics import average_precision
from visavis.types import RGB, ImageRecord, Match

ROWS = 5
ANSWERS = 8

_Read = Callable[[ImageRecord], RGB | None]


def picture_rows(task: Task, run: Run) -> Rows:
    """The queries with the lowest and the highest average precision, each of another class."""
    asked = [answer for answer in run.answers if answer.question.sought]
    ordered = sorted(asked, key=_precision)
    worst = _different(answer for answer in ordered if _precision(answer) < 1)
    best = _different(answer for answer in reversed(ordered) if _precision(answer) > 0)
    queries = {record.id: record for record in task.queries}
    gallery = {record.id: record for record in task.gallery.records}

    def rows(answers: list[Answered]) -> list[Row]:
        return [_row(answer, queries[answer.question.id], gallery, task) for answer in answers]

    return Rows(rows(worst), rows([answer for answer in best if answer not in worst]))


def _precision(answer: Answered) -> float:
    return average_precision(answer.ranks, answer.question.sought)


def _different(answers: Iterable[Answered]) -> list[Answered]:
    """The first few, one of a class first; more of a class only when there are too few classes."""
    every = list(answers)
    seen: set[str | None] = set()
    first: list[Answered] = []
    rest: list[Answered] = []
    for answer in every:
        group = answer.question.group
        (rest if group is not None and group in seen else first).append(answer)
        seen.add(group)
    return [*first, *rest][:ROWS]


def _row(answer: Answered, query: ImageRecord, gallery: dict[str, ImageRecord], task: Task) -> Row:
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
        card = match_card(Match(record, score), read_picture(record), right)
        if field in record.fields:  # what makes it right or wrong says more than its id
            card = replace(card, caption=str(record.fields[field]))
        matches.append(card)
    return Row([Card(_query_picture(query, task), query.id)], matches, heading=heading)


def _query_picture(query: ImageRecord, task: Task) -> RGB | None:
    if task.edits is None:
        return read_picture(query)
    edit, original = str(query.fields["edit"]), str(query.fields["original"])
    try:
        return decode(task.edits.copy(edit, original), query.uri).pixels
    except ImageError:  # the original is gone since: the page says "no picture"
        return None
