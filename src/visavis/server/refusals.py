"""Why a request is turned away, and the one shape of every error."""

import json
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.responses import Response

from visavis.errors import (
    ClassesUnsupportedError,
    FetchError,
    ImageError,
    ImageTooLargeError,
    IndexLockedError,
    ModelError,
    ModelUnknownError,
    ObjectStorageError,
    RecordNotFoundError,
    StoreError,
    TextUnsupportedError,
    VisavisError,
)
from visavis.server.logs import note_refusal

_OF_THE_QUESTION = (
    TextUnsupportedError,
    ClassesUnsupportedError,
    ModelUnknownError,
)  # see abilities.py


class Refusal(VisavisError):
    """A request that is turned away before the engine sees it."""

    headers: dict[str, str]

    def __init__(self, message: str, **headers: str) -> None:
        super().__init__(message)
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class BadRequestError(Refusal):
    """A body that cannot be taken apart, a parameter twice, or a name of a host not ours."""

    http_status = 400


class UnauthorizedError(Refusal):
    """No key, or none that we know."""

    http_status = 401


class ForbiddenError(Refusal):
    """The key does not allow it, or nothing does."""

    http_status = 403


class PictureGoneError(Refusal):
    """The record is there and its picture is not."""

    http_status = 404


class NotFoundError(Refusal):
    """There is nothing at this path."""

    http_status = 404


class MethodNotAllowedError(Refusal):
    """The path exists, the method does not."""

    http_status = 405


class SlowBodyError(Refusal):
    """The body did not arrive in time."""

    http_status = 408


class ConflictError(Refusal):
    """It does not fit how things are by now, or are still."""

    http_status = 409


class BodyTooLargeError(Refusal):
    """The body is larger than the server takes."""

    http_status = 413


class MediaTypeError(Refusal):
    """The body is of a kind that this path does not take."""

    http_status = 415


class NoSuchPartError(Refusal):
    """A part of a file is asked for that it does not have."""

    http_status = 416


class InvalidError(Refusal):
    """The request is understood and makes no sense."""

    http_status = 422


class TooManyRequestsError(Refusal):
    """One client asks too often."""

    http_status = 429


class BusyError(Refusal):
    """All threads work and the queue is full, or the work took too long."""

    http_status = 503


class NotReadyError(Refusal):
    """The index cannot be searched just now."""

    http_status = 503


def error_response(error: VisavisError) -> Response:
    """The answer for an error: `{"error": {"type", "message", "status"}}`."""
    status = _status(error)
    response = json_error(_kind(error), described(error), status)
    headers = MutableHeaders(raw=response.raw_headers)
    if isinstance(error, Refusal):
        headers.update(error.headers)
    if status == 503:
        headers.setdefault("Retry-After", "1")
    if status >= 500 and not isinstance(error, Refusal):
        note_refusal(_kind(error), str(error))
    return response


def json_error(kind: str, message: str, status: int) -> Response:
    """An error in the shape that all have."""
    note_refusal(kind)
    shape: dict[str, Any] = {"error": {"type": kind, "message": message, "status": status}}
    body = json.dumps(shape, ensure_ascii=False)
    return Response(
        body.encode("utf-8", "replace"),
        status,
        media_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


def _kind(error: VisavisError) -> str:
    """What clients call it: the nearest of its classes that others may name."""
    return next(kind.__name__ for kind in type(error).__mro__ if not kind.__name__.startswith("_"))


def _status(error: VisavisError) -> int:
    if isinstance(error, FetchError):
        return 422
    return error.http_status


def described(error: VisavisError) -> str:
    """The sentence for the caller.

    Where the server keeps its files is not for them, and what its owner could change neither.
    """
    if isinstance(error, IndexLockedError):
        return "another process is writing to the index; try again in a moment"
    if isinstance(error, ObjectStorageError):
        return "the storage of its pictures cannot be read just now; the server's log says why"
    if isinstance(error, StoreError):
        return "the index cannot be used just now; the server's log says why"
    if isinstance(error, ModelError) and not isinstance(error, _OF_THE_QUESTION):
        return "the index's model cannot be used just now; the server's log says why"
    if isinstance(error, RecordNotFoundError):
        return f"no record has the id {error.id!r}"
    if isinstance(error, ImageError):
        return f"{error.uri}: {told_reason(error)}"
    return str(error)


def told_reason(error: ImageError) -> str:
    """Why a picture cannot be used, for somebody who cannot change how the server was started."""
    if isinstance(error, ImageTooLargeError):
        pixels, most = error.width * error.height / 1e6, error.limit / 1e6
        return (
            f"it is too large ({error.width} x {error.height} = {pixels:.0f} megapixels; this "
            f"server takes {most:g}); send a smaller one"
        )
    if isinstance(error.__cause__, ModuleNotFoundError):
        return "this server does not decode pictures of its format; convert it to JPEG or PNG"
    return error.reason
