"""What an operator can read afterwards."""

import json
import shutil
import time
from pathlib import Path

from served import Clients, KeyFile, Serve, Served
from starlette.testclient import TestClient


def test_the_log_tells_who_was_refused_what(serve: Serve, drawn_index: Path, keys: KeyFile) -> None:
    served = serve(drawn_index, "--api-key-file", str(keys.path), "--log-format", "json")
    answer = served.get("/v1/images/mug-01-front", headers={"X-API-Key": "vv_guess"})
    assert answer.status_code == 401
    [text] = _lines(served, '"status": 401')
    line = json.loads(text)
    assert line["request_id"] == answer.headers["x-request-id"]
    assert line["client"] == "127.0.0.1"
    assert line["route"] == "/v1/images/{id}"
    assert line["error"] == "UnauthorizedError"
    assert line["level"] == "WARNING"
    assert "vv_guess" not in served.log.read_text()
    assert "last day is over" in answer.json()["error"]["message"]
    lines = [json.loads(line) for line in served.log.read_text().splitlines()]  # all are objects
    assert "serving" in lines[0]["message"]
    told = served.get("/metrics", headers=keys.reader).text
    assert 'route="/v1/images/{id}",status="401"' in told


def _lines(served: Served, text: str) -> list[str]:
    """The lines of the log with a text; one follows its answer."""
    deadline = time.monotonic() + 20
    while text not in served.log.read_text() and time.monotonic() < deadline:
        time.sleep(0.05)
    return [line for line in served.log.read_text().splitlines() if text in line]


def test_every_request_can_be_logged(serve: Serve, drawn_index: Path) -> None:
    served = serve(drawn_index, "--log-requests")
    answer = served.get("/v1/info", headers={"X-Request-Id": "from-the-proxy.7"})
    assert answer.headers["x-request-id"] == "from-the-proxy.7"
    [line] = _lines(served, "from-the-proxy.7")
    assert " INFO from-the-proxy.7 127.0.0.1 GET /v1/info 200 " in line
    odd = served.get("/v1/info", headers={"X-Request-Id": "a b\tERROR"})
    assert odd.headers["x-request-id"] != "a b\tERROR"


def test_an_index_that_is_away_is_told_once_and_not_for_each_request(
    serve: Serve, fresh_index: Path
) -> None:
    served = serve(fresh_index)
    away = Path(shutil.move(fresh_index, fresh_index.with_suffix(".away")))
    time.sleep(0.6)
    for _ in range(60):
        assert served.get("/v1/info").status_code == 503
    shutil.move(away, fresh_index)
    time.sleep(0.6)
    assert served.get("/v1/info").status_code == 200
    lines = served.log.read_text().splitlines()
    assert len([line for line in lines if "IndexMissing" in line]) < 30
    assert len([line for line in lines if "the index is back" in line]) == 1


def test_numbers_of_the_process_are_told(client: TestClient) -> None:
    told = client.get("/metrics").text
    for name in ("resident_bytes", "open_files", "threads", "cpu_seconds"):
        [value] = [
            line.split()[1]
            for line in told.splitlines()
            if line.startswith(f"visavis_process_{name} ")
        ]
        assert float(value) > 0


def test_what_a_page_elsewhere_has_a_browser_ask_is_refused(clients: Clients) -> None:
    client = clients(cors_origins=("https://shop.example",))
    query = {"terms": [{"id": "mug-01-front"}]}

    def status(**headers: str) -> int:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return client.post("/v1/search", json=query, headers=named).status_code

    elsewhere = "https://evil.example"
    assert status() == 200  # no browser
    assert status(Origin="http://127.0.0.1:8000", Sec_Fetch_Site="same-origin") == 200
    assert status(Origin="https://shop.example", Sec_Fetch_Site="cross-site") == 200
    assert status(Origin=elsewhere, Sec_Fetch_Site="cross-site") == 403
    assert status(Origin="http://other.localhost:8000", Sec_Fetch_Site="same-site") == 403
    assert status(Sec_Fetch_Site="cross-site") == 403
    assert status(Origin="http://127.0.0.1:8000") == 200  # browsers that do not say more
    assert status(Origin=elsewhere) == 403
    assert status(Origin="null") == 403
    for login in (
        "Basic dTpw",
        "Digest username=u",
        "Negotiate abc",
        "NTLM abc",
    ):  # a browser's own
        assert status(Authorization=login, Origin=elsewhere, Sec_Fetch_Site="cross-site") == 403
        assert status(Authorization=login) == 200
    found = client.get("/", headers={"Sec-Fetch-Site": "cross-site"})
    assert found.status_code == 200  # a link from elsewhere leads here
