"""The application: one index, its routes, its error handler."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response

from visavis import __version__
from visavis.errors import FilterError, VisavisError
from visavis.images.metadata import GPS
from visavis.pages.collection_map import map_files
from visavis.server.api import routes
from visavis.server.api.bodies import described
from visavis.server.concepts import table as concepts
from visavis.server.duplicates import table as duplicates
from visavis.server.edge.guard import Guard, methods_at
from visavis.server.edge.keys import KeyFile
from visavis.server.edge.outer import OuterMiddleware
from visavis.server.logs import RequestLog
from visavis.server.memory import Memory
from visavis.server.metrics import Metrics
from visavis.server.options import ServerOptions, check_exposure
from visavis.server.page import Page
from visavis.server.refusals import error_response, json_error
from visavis.server.state import STOPPING, State

_COMPRESS_FROM = 1_000  # bytes
_LOOK_EVERY = 2.0  # seconds between two looks at what a burst left, and at the keys


def create_app(options: ServerOptions) -> FastAPI:
    """An application over the index that the options name; opened at start, closed at the end.

    Raises UsageError when the options show the index to the network by accident. While the index is
    away, requests are refused with the reason.
    """
    check_exposure(options)
    keys = KeyFile(options.key_file) if options.key_file else None
    metrics = Metrics()
    memory = Memory()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        state = app.state.visavis = State.opened(options, metrics, memory)
        upkeep = asyncio.create_task(_keep_up(memory, metrics, keys))
        try:
            await state.warm_up()
            yield {STOPPING: state.stop_waiting}  # see running.py
        finally:
            upkeep.cancel()
            state.close()

    app = FastAPI(
        title="visavis",
        version=__version__,
        summary="Reverse image search over your own pictures.",
        docs_url=None,  # both would load scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
    )
    app.state.page = Page(Path(__file__).parent / "ui", map_files())
    routes.add(app)
    duplicates.add(app)
    concepts.add(app)
    routes.describe(app, (*duplicates.BODIES, *concepts.BODIES))
    _add_layers(app, options, keys, metrics, memory)
    _add_handlers(app, options)
    return app


async def _keep_up(memory: Memory, metrics: Metrics, keys: KeyFile | None) -> None:
    while True:
        metrics.note_process()
        await asyncio.sleep(_LOOK_EVERY)
        if keys is not None:
            keys.look()
        await asyncio.to_thread(memory.give_back)


def _add_layers(
    app: FastAPI, options: ServerOptions, keys: KeyFile | None, metrics: Metrics, memory: Memory
) -> None:
    """From the inside out."""
    app.add_middleware(Guard, options=options, keys=keys, memory=memory)
    app.add_middleware(GZipMiddleware, minimum_size=_COMPRESS_FROM, compresslevel=5)
    if options.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=options.cors_origins,
            allow_methods=("GET", "POST", "DELETE"),
            allow_headers=("Authorization", "X-API-Key", "Content-Type"),
            expose_headers=("Retry-After", "X-Request-Id"),
            max_age=3600,
        )
    app.add_middleware(
        OuterMiddleware,
        root_path=options.root_path,
        shared=bool(options.cors_origins),
        metrics=metrics,
        log=RequestLog(options.log_requests),
    )


def _add_handlers(app: FastAPI, options: ServerOptions) -> None:
    async def ours(request: Request, error: Exception) -> Response:
        assert isinstance(error, VisavisError)  # narrows the type: it is registered for these
        if isinstance(error, FilterError):
            told_of, _, names = str(error).partition(";")  # the nearest fields, or all
            named = any(name in names for name in options.hidden & GPS)
            error = FilterError(told_of) if options.hidden - GPS or named else error
        return error_response(error)

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # as above
        return json_error("InvalidError", described(error.errors()), 422)

    async def other(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # as above
        status, path = error.status_code, request.scope["path"][:100]
        known = {
            404: ("NotFoundError", f"there is nothing at {path}"),
            405: ("MethodNotAllowedError", f"{path} does not take {request.method[:20]}"),
        }
        kind, message = known.get(status, ("HttpError", str(error.detail)))
        response = json_error(kind, message, status)
        for name, value in (error.headers or {}).items():
            response.headers[name] = value
        if status == 405:
            response.headers["Allow"] = ", ".join(sorted(methods_at(request.scope)))
        return response

    app.add_exception_handler(VisavisError, ours)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, other)
