"""The paths of duplicates, as the OpenAPI document shows them."""

from fastapi import FastAPI

from visavis.server import page
from visavis.server.api.bodies import JSON
from visavis.server.api.routes import Adder
from visavis.server.duplicates import routes, shapes

BODIES = (shapes.DecisionIn, shapes.PlanIn)
"""What bodies look like, for the document."""

_PATH = "/v1/duplicates"


def add(app: FastAPI) -> None:
    """Put the routes into an application."""
    get, post = Adder(app, "GET"), Adder(app, "POST")
    get(_PATH, routes.list_duplicates, shapes.DuplicatesOut, 422)
    get(f"{_PATH}/plan", routes.preview_plan, shapes.PreviewOut, 409, 422)
    post(f"{_PATH}/scan", routes.scan_duplicates, shapes.ScanStateOut, 408, 413, 422)
    refused = 408, 413, 415, 422
    post(
        f"{_PATH}/decisions",
        routes.decide_duplicates,
        shapes.DecisionOut,
        *(404, 409, 507, *refused),
        body=_body("DecisionIn"),
    )
    post(
        f"{_PATH}/plan",
        routes.make_plan,
        shapes.PlanFileOut,
        *(409, 507, *refused),
        body=_body("PlanIn"),
    )
    app.add_api_route(
        "/duplicates", page.show_duplicates, methods=["GET", "HEAD"], include_in_schema=False
    )


def _body(name: str) -> dict[str, object]:
    return {JSON: {"schema": {"$ref": f"#/components/schemas/{name}"}}}
