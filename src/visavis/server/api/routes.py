"""Every path of the API in one table, as the OpenAPI document shows it."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

from fastapi import Depends, FastAPI
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from visavis.server import page
from visavis.server.api import (
    answers,
    browsing,
    explaining,
    mapping,
    pictures,
    schemas,
    searching,
    subjects,
    tags,
    writing,
)
from visavis.server.api.bodies import JSON, LINES, MULTIPART, check_parameters
from visavis.server.edge.guard import ASKING, OPEN

_REASONS = {
    400: "The body cannot be taken apart, a parameter is there twice, or the host is not ours.",
    401: "A key is needed, or this one is not known.",
    403: "The key does not allow it, or this server does not.",
    404: "There is no such record, or its picture is gone.",
    408: "The body did not arrive in time.",
    409: "Somebody else has changed it meanwhile, or the scan for duplicates is not over.",
    413: "The body has too many bytes, or a picture too many pixels.",
    415: "The body or the picture is of a kind that is not taken.",
    422: "The request makes no sense: an unknown field, a bad filter, an unreadable picture.",
    429: "Too many requests from this IP address; Retry-After says when to come back.",
    507: "The disk of the server is full.",
    503: "All threads are busy, or the index is; Retry-After says when to come back.",
}
_LINE = '{"url": "https://shop.example/a.jpg", "id": "a", "fields": {"price": 5}}\n'
_ELSEWHERE: dict[int | str, dict[str, Any]] = {
    206: {"description": "The part that was asked for with Range."},
    304: {"description": "The client has it already."},
    307: {"description": "The picture is at a URL."},
    416: {"description": "The picture has no such part."},
}
_TAGS = {"images": "images", "fields": "images", "search": "search", "tag": "tags"}
_TAGS |= {
    "classes": "tags",
    "explain": "search",
    "subjects": "search",
    "duplicates": "duplicates",
    "concepts": "concepts",
}
_REFUSED = {JSON: {"schema": {"$ref": "#/components/schemas/ErrorOut"}}}
"""What every refusal looks like. Not given to FastAPI as a model: it would make one anew for each
status of each path, which took half of the time of making the application."""
_CHECKED = (Depends(check_parameters),)
_ALWAYS = (400, 401, 403, 429, 503)


def add(app: FastAPI) -> None:
    """Put the routes into an application."""
    # Taken before FastAPI's own routes of the same paths below, which are there for the document:
    # a handler that reads its body or parameters itself needs none of its layers, and they cost
    # 0.25 ms.
    app.router.routes.append(_Quick("/v1/search", searching.search, methods=["POST"]))
    similar = "/v1/images/{id}/similar"
    app.router.routes.append(_Quick(similar, searching.similar_at_once, methods=["GET"]))
    get = Adder(app, "GET")
    get("/v1/images", browsing.list_images, answers.PageOut, 422)
    get("/v1/images/random", browsing.random_images, answers.RandomOut, 422)
    get("/v1/images/{id}", browsing.get_image, answers.OneRecordOut, 404, 422)
    get(similar, searching.similar_images, answers.SearchOut, 404, 422)
    get("/v1/images/{id}/file", pictures.get_file, pictures.TYPES, 404, 422, also=_ELSEWHERE)
    get("/v1/images/{id}/thumbnail", pictures.get_thumbnail, ["image/webp"], 404, 422)
    get("/v1/fields", browsing.list_fields, answers.FieldsOut, 422)
    get("/v1/classes", tags.list_classes, answers.ClassesOut, 422)
    get("/v1/info", browsing.show_info, answers.InfoOut, 422)
    get("/healthz", browsing.health, answers.StateOut, always=(400,))
    get("/readyz", browsing.readiness, answers.StateOut, always=(400, 503))
    get("/metrics", browsing.show_metrics, ["text/plain"], what="Numbers for Prometheus.")
    post = Adder(app, "POST")
    for path, ask, shape, query in (
        ("/v1/search", searching.search, answers.SearchOut, "SearchIn"),
        ("/v1/explain", explaining.explain, answers.ExplainOut, "ExplanationIn"),
        ("/v1/subjects", subjects.propose, answers.SubjectsOut, "SubjectsIn"),
        ("/v1/tag", tags.tag_picture, answers.TagsOut, "TagIn"),
    ):
        body = {
            JSON: {"schema": {"$ref": f"#/components/schemas/{query}"}},
            MULTIPART: {"schema": _form({"query": {"type": "string"}})},
        }
        post(path, ask, shape, 404, 408, 413, 415, 422, body=body)
    post(
        "/v1/images",
        writing.add_images,
        answers.AddedOut,
        *(408, 413, 415, 422, 507),
        body={
            MULTIPART: {"schema": _form({"id": {"type": "string"}, "fields": {"type": "string"}})},
            LINES: {"schema": {"type": "string"}, "example": _LINE},
        },
    )
    delete = Adder(app, "DELETE")
    delete("/v1/images", writing.remove_images, answers.RemovedOut, 422, 507)
    delete("/v1/images/{id}", writing.remove_image, answers.RemovedOut, 404, 422, 507)
    for path, handler in (
        ("/", page.show_page),
        ("/ui/{name:path}", page.page_file),
        ("/favicon.ico", page.show_icon),
        ("/map", mapping.show_map),
        ("/map/data", mapping.map_of_all),
        ("/map/tiles/{version}/{number}", mapping.map_tile),
    ):
        app.add_api_route(path, handler, methods=["GET", "HEAD"], include_in_schema=False)


def describe(app: FastAPI, bodies: Sequence[type[BaseModel]]) -> None:
    """Say in the OpenAPI document how a key is sent, and what bodies and refusals look like."""
    plain = app.openapi

    @functools.cache
    def openapi() -> dict[str, Any]:
        shape = plain()
        components = shape.setdefault("components", {})
        known: list[type[BaseModel]] = [
            schemas.SearchIn,
            schemas.ExplanationIn,
            schemas.SubjectsIn,
            schemas.TagIn,
            answers.ErrorOut,
        ]
        for model in (*known, *bodies):
            query = model.model_json_schema(ref_template="#/components/schemas/{model}")
            components["schemas"] |= query.pop("$defs", {}) | {model.__name__: query}
        components["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer"},
            "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        }
        for path, operations in shape["paths"].items():
            for method, operation in operations.items():
                reads = method == "get" or path in ASKING
                keys: list[dict[str, list[str]]] = (
                    [] if path in OPEN else [{"bearer": []}, {"header": []}]
                )
                operation["security"] = [{}] * reads + keys
        return shape

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way of changing it


def _form(texts: dict[str, Any]) -> dict[str, Any]:
    image = {"type": "array", "items": {"type": "string", "format": "binary"}, "minItems": 1}
    return {"type": "object", "properties": {**texts, "image": image}}


class _Quick(Route):
    """A route without FastAPI's layers; it leaves its name for the metrics as theirs do."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        scope["route"] = self
        await super().handle(scope, receive, send)


class Adder:
    """Adds routes of one method."""

    def __init__(self, app: FastAPI, method: str) -> None:
        self._app = app
        self._method = method

    def __call__(
        self,
        path: str,
        handler: Callable[..., Any],
        shape: type[BaseModel] | Sequence[str],
        *statuses: int,
        always: Sequence[int] = _ALWAYS,
        what: str = "A picture.",
        body: dict[str, Any] | None = None,
        also: dict[int | str, dict[str, Any]] | None = None,
    ) -> None:
        """`shape` is that of the JSON answer, or the types of `what` else it is."""
        documented: dict[int | str, dict[str, Any]] = {
            status: {"content": _REFUSED, "description": _REASONS[status]}
            for status in sorted({*always, *statuses})
        }
        documented |= also or {}
        json = isinstance(shape, type)
        if not isinstance(shape, type):
            binary = {"schema": {"type": "string", "format": "binary"}}
            documented[200] = {"description": what, "content": dict.fromkeys(shape, binary)}
        extra = {"requestBody": {"content": body, "required": True}} if body else None
        self._app.add_api_route(
            path,
            handler,
            methods=[self._method],
            operation_id=handler.__name__,
            tags=[_TAGS.get(path.split("/")[2] if path.startswith("/v1/") else "", "server")],
            response_model=shape if json else None,
            response_class=JSONResponse if json else Response,
            responses=documented,
            openapi_extra=extra,
            dependencies=_CHECKED,
        )
        if self._method == "GET":
            self._app.add_api_route(
                path, handler, methods=["HEAD"], include_in_schema=False, dependencies=_CHECKED
            )
