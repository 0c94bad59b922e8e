"""Bodies of requests taken apart: JSON, multipart, lines of JSON."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from visavis.server.api.schemas import MOST_TERMS, ExplanationIn, SearchIn, SubjectsIn, TagIn
from visavis.server.refusals import BadRequestError, InvalidError, MediaTypeError

REPEATABLE = frozenset(("where", "keep"))
"""The parameters of URLs that may be there several times."""

JSON = "application/json"
MULTIPART = "multipart/form-data"
LINES = "application/x-ndjson"

_CHARSETS = frozenset(("utf-8", "utf8", "us-ascii"))
_MOST_TEXTS = 8
_MOST_MARKS = 50_000  # commas and colons, of which the longest filters and texts have half as many

_KIND_OF_UNION = re.compile(r"bool|int|float|str|constrained-\w+|(?:literal|function-\w+)\[.*\]")
"""How pydantic names the kinds that a value may have, behind the value's place."""
_WRONG_KIND = re.compile(r"_type$|_parsing$|^literal_error$")
_UNKNOWN = "extra_forbidden"
_MARK = b"\xef\xbb\xbf"  # of UTF-8, as Windows writes it in front of texts

M = TypeVar("M", bound=BaseModel)


async def check_parameters(request: Request) -> None:
    """Raise BadRequestError for a parameter in the URL that is there twice: which one counts?"""
    given = request.query_params
    if len(given) == len(given.multi_items()):
        return
    times = Counter(name for name, _ in given.multi_items())
    for name, count in times.items():
        if count > 1 and name not in REPEATABLE:
            raise BadRequestError(
                f"the parameter {name[:100]!r} is in the URL {count} times, and only "
                f"{' and '.join(sorted(REPEATABLE))} may be; send it once"
            )


async def read_parameters(request: Request, model: type[M]) -> M:
    """The parameters in the URL, as FastAPI reads them into a shape that is all of them.

    Raises BadRequestError as `check_parameters` does, RequestValidationError.
    """
    await check_parameters(request)
    given = request.query_params
    values = {name: given.getlist(name) if name in REPEATABLE else given[name] for name in given}
    try:
        return model.model_validate(values)
    except ValidationError as error:
        found = error.errors(include_url=False)
        raise RequestValidationError(
            [one | {"loc": ("query", *one["loc"])} for one in found]
        ) from error


def refuse_parameters(request: Request) -> None:
    """Raise InvalidError for parameters in the URL where the options belong in the body."""
    if names := sorted(request.query_params.keys()):
        raise InvalidError(
            f"{names[0][:100]}: it is in the URL; this path takes its options in the body"
        )


def media_type(request: Request) -> str:
    """What the body says it is."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_search(request: Request) -> tuple[SearchIn, list[bytes]]:
    """The query of a body, and the files beside it."""
    return await _read_query(request, SearchIn)


async def read_tag(request: Request) -> tuple[TagIn, list[bytes]]:
    """The same for tags."""
    return await _read_query(request, TagIn)


async def read_explain(request: Request) -> tuple[ExplanationIn, list[bytes]]:
    """The same for an explanation."""
    return await _read_query(request, ExplanationIn)


async def read_subjects(request: Request) -> tuple[SubjectsIn, list[bytes]]:
    """The same for subjects."""
    return await _read_query(request, SubjectsIn)


async def _read_query(request: Request, model: type[M]) -> tuple[M, list[bytes]]:
    refuse_parameters(request)
    kind = media_type(request)
    if kind == JSON:
        return _question(model, await request.body()), []
    if kind != MULTIPART:
        raise MediaTypeError(f"send {JSON} or {MULTIPART}, not {kind or 'a body without a type'}")
    texts, files = await read_form(request, {"query"})
    return _question(model, texts.get("query", "{}").encode()), files


def _question(model: type[M], text: bytes) -> M:
    """A shape from JSON whose values are few: each takes two hundred times its bytes."""
    if text.count(b",") + text.count(b":") > _MOST_MARKS:
        raise InvalidError("the JSON has far more values than a question has; send fewer")
    return parsed(model, text)


async def read_form(request: Request, names: set[str]) -> tuple[dict[str, str], list[bytes]]:
    """The text parts with these names, and the files of the parts named `image`."""
    _check_charset(request)
    try:
        form = await request.form(
            max_files=MOST_TERMS, max_fields=_MOST_TEXTS, max_part_size=1_000_000
        )
    except (HTTPException, FormParserError) as error:  # the second from Starlette before 1.7
        detail = error.detail if isinstance(error, HTTPException) else error
        raise BadRequestError(f"the multipart body is invalid: {detail}") from error
    try:
        return await _parts(form, names)
    finally:
        await form.close()


def _check_charset(request: Request) -> None:
    """Raise MediaTypeError for a multipart body that says it is not in UTF-8.

    Python's codecs are more than encodings of text: some of them take minutes for what is sent.
    """
    _, named = parse_options_header(request.headers.get("content-type"))  # as Starlette reads it
    charset = named.get(b"charset", b"utf-8").decode("latin-1").lower()
    if charset not in _CHARSETS:
        raise MediaTypeError(f"the parts of a multipart body are in UTF-8, not {charset[:40]!r}")


async def _parts(form: FormData, names: set[str]) -> tuple[dict[str, str], list[bytes]]:
    texts: dict[str, str] = {}
    files: list[bytes] = []
    for name, value in form.multi_items():
        if name == "image" and isinstance(value, UploadFile):
            files.append(await value.read())
        elif name == "image":
            raise InvalidError("the part image is a file: give it a filename")
        elif name not in names or name in texts:
            raise InvalidError(
                f"the part {name[:100]!r} is not known or there twice; there are "
                f"{', '.join(sorted(names))} and image"
            )
        else:
            texts[name] = value if isinstance(value, str) else _text(await value.read(), name)
    return texts, files


def _text(data: bytes, name: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise InvalidError(f"the part {name} is not UTF-8 ({error})") from error


def parsed(model: type[M], text: str | bytes) -> M:
    """A shape from JSON. Raises InvalidError that names what is wrong and where."""
    data = text.encode() if isinstance(text, str) else text
    try:
        return model.model_validate_json(data.removeprefix(_MARK))
    except ValidationError as error:
        errors = error.errors(include_url=False)
        unknown = any(one["type"] == _UNKNOWN and len(one["loc"]) == 1 for one in errors)
        names = f"; there are {', '.join(model.model_fields)}" if unknown else ""
        raise InvalidError(described(errors) + names) from error
    except (ValueError, json.JSONDecodeError) as error:
        raise InvalidError(f"the JSON is not understood ({error})") from error


def described(errors: Sequence[Any]) -> str:
    """Validation errors in one sentence: where, and what."""
    places: dict[tuple[Any, ...], list[Any]] = {}
    for error in errors:
        *place, last = error["loc"] or ("",)
        one_of_several = isinstance(last, str) and _KIND_OF_UNION.fullmatch(last) is not None
        places.setdefault(tuple(place if one_of_several else error["loc"]), []).append(error)
    parts = []
    for loc, found in list(places.items())[:5]:
        place, message = ".".join(str(part) for part in loc), _message(found)
        parts.append(f"{place[:200]}: {message}" if place else message)
    return "; ".join(parts)


def _message(errors: Sequence[Any]) -> str:
    """What is wrong with one value, which may be of several kinds and is of none of them."""
    if all(error["type"] == _UNKNOWN for error in errors):
        return "nothing is called so"
    of_its_kind = [error for error in errors if not _WRONG_KIND.search(error["type"])]
    texts = [str(error["msg"]).removeprefix("Value error, ") for error in of_its_kind or errors]
    if of_its_kind or len(texts) == 1:
        return texts[0]
    kinds = [text.removeprefix("Input should be ") for text in texts]
    return f"Input should be {', '.join(kinds[:-1])} or {kinds[-1]}"
