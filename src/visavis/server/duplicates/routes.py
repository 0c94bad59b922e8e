"""Duplicates: groups and the scan behind them, decisions on pairs, and plans from rules."""

from typing import Annotated, Any, TypeVar

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from visavis.flows.duplicates.decisions import TAKE_BACK, Decision
from visavis.flows.duplicates.plan import Plan
from visavis.flows.duplicates.rules import as_rules
from visavis.image_index import ImageIndex
from visavis.server.api.bodies import JSON, media_type, parsed, refuse_parameters
from visavis.server.api.rendering import answer
from visavis.server.duplicates.groups import groups_shape, shown_copy
from visavis.server.duplicates.scanning import Looked
from visavis.server.duplicates.shapes import DecisionIn, DuplicatesParams, PlanIn, PreviewParams
from visavis.server.pool import Job
from visavis.server.refusals import ConflictError, InvalidError, MediaTypeError
from visavis.server.state import state_of
from visavis.types import ImageRecord, Relation

M = TypeVar("M", DecisionIn, PlanIn)


async def list_duplicates(
    request: Request, asked: Annotated[DuplicatesParams, Query()]
) -> Response:
    """Groups of records that show the same picture, those with the most records first.

    The first request begins a scan, in the background: `scan` says how far it is.
    """
    state = state_of(request)

    def work(index: ImageIndex, job: Job) -> dict[str, Any]:
        titles = state.titles.of(index)

        def show(record: ImageRecord) -> dict[str, Any]:
            job.check()
            return shown_copy(record, index, state.options, titles)

        looked = state.scanner.look(index)
        part = slice(asked.offset, asked.offset + asked.limit)
        if looked.found is None:
            nothing = {"groups": [], "total": 0, "open": 0, "next_open": None}
            return {"scan": _scan_shape(looked), **nothing, "previous_open": None}
        report = looked.found.reports[asked.relation]
        groups = groups_shape(report, part, index, show)
        return {"scan": _scan_shape(looked, asked.relation), **groups}

    return answer(await state.with_pictures(request, work))


async def scan_duplicates(request: Request) -> Response:
    """Look again, where records have changed since the last scan; nothing else begins one."""
    state = state_of(request)
    refuse_parameters(request)
    await request.body()

    def work(index: ImageIndex) -> dict[str, Any]:
        return {"scan": _scan_shape(state.scanner.look(index, again=True))}

    return answer(await state.with_index(request, work))


async def decide_duplicates(request: Request) -> Response:
    """Keep what two images are to one another; what follows from it is not asked any more."""
    state = state_of(request)
    asked = await _read(request, DecisionIn)

    def work(index: ImageIndex) -> dict[str, Any]:
        with index.writing():  # what is looked up stays true until the end
            return _decided(index, asked)

    return answer(await state.with_writing(work))


async def preview_plan(request: Request, asked: Annotated[PreviewParams, Query()]) -> Response:
    """What rules would make of the groups: which files stay, and which may go."""
    state = state_of(request)

    def work(index: ImageIndex, job: Job) -> dict[str, Any]:
        found = state.scanner.look(index).done_with()
        plan = index.duplicates.preview(found.reports[asked.relation], asked.keep)
        return _preview_shape(plan, asked) | {"version": found.version}

    return answer(await state.with_pictures(request, work))


async def make_plan(request: Request) -> Response:
    """The file of a plan, for `visavis duplicates --apply`: it names where files lie."""
    state = state_of(request)
    asked = await _read(request, PlanIn)
    as_rules(asked.keep)

    def work(index: ImageIndex) -> bytes:
        found = state.scanner.look(index).done_with()
        return index.duplicates.plan(found.reports[asked.relation], asked.keep).text()

    headers = {
        "Cache-Control": "no-store",
        "Content-Disposition": 'attachment; filename="plan.json"',
    }
    return Response(await state.with_writing(work), media_type=JSON, headers=headers)


async def _read(request: Request, model: type[M]) -> M:
    refuse_parameters(request)
    kind = media_type(request)
    if kind != JSON:
        raise MediaTypeError(f"send {JSON}, not {kind or 'a body without a type'}")
    return parsed(model, await request.body())


def _scan_shape(looked: Looked, relation: Relation = "near_duplicate") -> dict[str, Any]:
    found = looked.found
    report = found.reports[relation] if found else None
    return {
        "state": "running" if looked.running else "done",
        "stage": looked.stage,
        "done": looked.done,
        "total": looked.total,
        "version": found.version if found else None,
        "stale": looked.stale,
        "scanned": report.scanned if report else 0,
        "seconds": round(report.seconds, 3) if report else 0.0,
        "notes": list(report.notes) if report else [],
    }


def _decided(index: ImageIndex, asked: DecisionIn) -> dict[str, Any]:
    """Decide by contents; ids are looked up in the index alone, and never on the disk."""
    one, other = (index.get(id).sha256 for id in (asked.one, asked.other))
    if asked.sha256 not in (None, [one, other]):
        raise ConflictError("a record shows another picture by now; look at the two again")
    if one == other:
        raise InvalidError("the two have the same bytes; nothing is to be decided")
    before = _said(index.duplicates.decisions().about(one, other), one)
    if asked.before not in (None, before):
        raise ConflictError(f"these two were decided on meanwhile: {before}; look at them again")
    if asked.verdict == "worse":
        index.duplicates.decide_contents(other, one, "better")
    elif asked.verdict != before or before != TAKE_BACK:
        index.duplicates.decide_contents(one, other, asked.verdict)
    return {"verdict": asked.verdict, "before": before}


def _said(made: Decision | None, one: str) -> str:
    if made is None:
        return TAKE_BACK
    return "worse" if made.verdict == "better" and made.other == one else made.verdict


def _preview_shape(plan: Plan, asked: PreviewParams) -> dict[str, Any]:
    part = range(asked.offset + 1, asked.offset + asked.limit + 1)
    return {
        "keep": list(plan.keep),
        "groups": plan.groups,
        "settled": plan.settled,
        "move": plan.count("move"),
        "bytes": plan.freed,
        "files": [
            {"group": file.group - 1, "id": file.id, "action": file.action, "reason": file.reason}
            for file in plan.files
            if file.group in part
        ],
    }
