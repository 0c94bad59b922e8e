"""Parameters in URLs, read without FastAPI as FastAPI reads them."""

import asyncio
from typing import Annotated, Any
from urllib.parse import urlencode

import pytest
from fastapi import FastAPI, Query
from fastapi.exceptions import RequestValidationError
from starlette.requests import Request
from starlette.testclient import TestClient

from visavis.server.api.bodies import described, read_parameters
from visavis.server.api.schemas import SimilarParams
from visavis.server.refusals import BadRequestError

APP = FastAPI()


@APP.get("/")
def _by_fastapi(asked: Annotated[SimilarParams, Query()]) -> dict[str, Any]:
    return asked.model_dump()


def read(query: str) -> SimilarParams:
    """What we read in a query string."""
    scope = {"type": "http", "query_string": query.encode(), "headers": []}
    return asyncio.run(read_parameters(Request(scope), SimilarParams))


@pytest.mark.parametrize(
    "query",
    [
        "",
        "limit=5&offset=10&count=1&unique=yes",
        "where=a%3D1&where=b%3E2",
        "where=",
        "min_score=auto&relation=exact&group_by=a",
        "min_score=0.5&false_match=0.1",
        "limit=",
        "limit=-1",
        "limit=501&offset=x",
        "limit=5.5",
        "limit=%ff",
        "min_score=nan",
        "min_score=x",
        "relation=twin",
        "false_match=0",
        "unique=perhaps",
        "nonsense=1&limit=3",
        "limit[]=3",
        urlencode([("where", "x=1")] * 21),
        urlencode({"where": "x" * 1_001}),
    ],
)
def test_parameters_are_read_as_fastapi_reads_them(query: str) -> None:
    theirs = TestClient(APP).get(f"/?{query}")
    if theirs.status_code == 200:
        assert read(query).model_dump() == theirs.json()
        return
    with pytest.raises(RequestValidationError) as refused:
        read(query)
    assert described(refused.value.errors()) == described(theirs.json()["detail"])


def test_a_parameter_that_is_there_twice_is_refused_unless_it_is_a_list() -> None:
    with pytest.raises(BadRequestError, match="'limit' is in the URL 2 times"):
        read("limit=1&limit=2")
    assert read("where=a%3D1&where=a%3D1").where == ["a=1", "a=1"]
