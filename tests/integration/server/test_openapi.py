"""The OpenAPI document tells the truth: whatever it allows is answered as it says."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from served import KeyFile, Serve
from starlette.testclient import TestClient

OPERATIONS = {
    ("GET", "/v1/images"),
    ("GET", "/v1/images/random"),
    ("GET", "/v1/images/{id}"),
    ("GET", "/v1/images/{id}/similar"),
    ("GET", "/v1/images/{id}/file"),
    ("GET", "/v1/images/{id}/thumbnail"),
    ("GET", "/v1/fields"),
    ("GET", "/v1/classes"),
    ("GET", "/v1/info"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
    ("GET", "/v1/duplicates"),
    ("GET", "/v1/duplicates/plan"),
    ("POST", "/v1/duplicates/plan"),
    ("POST", "/v1/duplicates/scan"),
    ("POST", "/v1/duplicates/decisions"),
    ("GET", "/v1/concepts"),
    ("GET", "/v1/concepts/{name}"),
    ("DELETE", "/v1/concepts/{name}"),
    ("POST", "/v1/concepts/{name}/marks"),
    ("DELETE", "/v1/concepts/{name}/marks/{id}"),
    ("POST", "/v1/search"),
    ("POST", "/v1/explain"),
    ("POST", "/v1/subjects"),
    ("POST", "/v1/tag"),
    ("POST", "/v1/images"),
    ("DELETE", "/v1/images"),
    ("DELETE", "/v1/images/{id}"),
}


def test_the_document_names_every_operation_with_examples(client: TestClient) -> None:
    shape = client.get("/openapi.json").json()
    named = {(m.upper(), path) for path, item in shape["paths"].items() for m in item}
    assert named == OPERATIONS
    for name in ("SearchIn", "SubjectsIn", "TagIn", "DecisionIn", "PlanIn", "MarksIn"):
        assert shape["components"]["schemas"][name]["examples"]
    for path in ("/v1/search", "/v1/subjects", "/v1/tag", "/v1/duplicates/scan"):
        assert {} in shape["paths"][path]["post"]["security"]  # reading may need no key
    assert shape["components"]["securitySchemes"]


@pytest.mark.slow
def test_no_request_gets_an_answer_that_is_not_documented(
    serve: Serve, fresh_index: Path, keys: KeyFile, tmp_path: Path
) -> None:
    """Schemathesis makes hundreds of requests, right and wrong ones, from the document."""
    pytest.importorskip("schemathesis")
    served = serve(fresh_index, "--api-key-file", str(keys.path))
    shape = served.get("/openapi.json").json()
    # It cannot write lines of JSON; test_writing.py does.
    del shape["paths"]["/v1/images"]["post"]["requestBody"]["content"]["application/x-ndjson"]
    document = tmp_path / "openapi.json"
    document.write_text(json.dumps(shape))
    left_out = "positive_data_acceptance"  # which filters and ids make sense is not in the schema
    command = ["--url", served.address, "--seed", "1", "--max-examples", "5", "--workers", "2"]
    command += ["--exclude-checks", left_out, "--phases", "examples,coverage,fuzzing"]
    command += ["-H", f"Authorization: {keys.writer['Authorization']}", "--no-color"]
    done = subprocess.run(
        [Path(sys.executable).with_name("schemathesis"), "run", document, *command],
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    assert "Selected: 29/29" in done.stdout
