"""The paths of concepts, as the OpenAPI document shows them."""

from fastapi import FastAPI

from visavis.server.api.bodies import JSON
from visavis.server.api.routes import Adder
from visavis.server.concepts import routes, shapes

BODIES = (shapes.MarksIn,)
"""What bodies look like, for the document."""

_PATH = "/v1/concepts"


def add(app: FastAPI) -> None:
    """Put the routes into an application."""
    get, post, delete = Adder(app, "GET"), Adder(app, "POST"), Adder(app, "DELETE")
    one, marks = f"{_PATH}/{{name}}", f"{_PATH}/{{name}}/marks"
    get(_PATH, routes.list_concepts, shapes.ConceptsOut, 422)
    get(one, routes.show_concept, shapes.ConceptOut, 404, 422)
    body = {JSON: {"schema": {"$ref": "#/components/schemas/MarksIn"}}}
    refused = 404, 408, 413, 415, 422, 507
    post(marks, routes.mark_records, shapes.MarkedOut, *refused, body=body)
    delete(f"{marks}/{{id}}", routes.unmark_record, shapes.SummaryOut, 404, 422, 507)
    delete(one, routes.forget_concept, shapes.ForgottenOut, 404, 422, 507)
