"""Who may ask: keys, scopes, hosts, other origins, limits."""

import re
import shutil
import time
from pathlib import Path

import pytest
from served import BASE, Clients, KeyFile, Serve, Served, picture
from starlette.testclient import TestClient

from visavis.errors import UsageError
from visavis.server.app import create_app
from visavis.server.options import ServerOptions

INFO = "/v1/info"


def test_with_a_key_file_nothing_of_the_index_is_shown_without_a_key(
    clients: Clients, keys: KeyFile
) -> None:
    client = clients(key_file=keys.path)
    for path in (INFO, "/v1/images", "/v1/images/mug-01-front/file", "/metrics", "/v1/nothing"):
        answer = client.get(path)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert client.get(path, headers={"Authorization": "Bearer wrong"}).status_code == 401
        assert client.get(path, headers={"Authorization": "Basic eDp5"}).status_code == 401
    for path in ("/healthz", "/readyz", "/", "/openapi.json"):
        assert client.get(path).status_code == 200
    assert client.get(INFO, headers=keys.reader).status_code == 200
    key = keys.reader["Authorization"].removeprefix("Bearer ")
    assert client.get(INFO, headers={"X-API-Key": key}).status_code == 200
    search = client.post(
        "/v1/search", json={"terms": [{"id": "mug-01-front"}]}, headers=keys.reader
    )
    assert search.status_code == 200


def test_writing_needs_the_write_scope(clients: Clients, keys: KeyFile) -> None:
    client = clients(key_file=keys.path)
    files = {"image": ("a.jpg", picture())}
    assert client.post("/v1/images", files=files).status_code == 401
    assert client.post("/v1/images", files=files, headers=keys.reader).status_code == 403
    assert client.delete("/v1/images/mug-01-front", headers=keys.reader).status_code == 403
    assert client.delete("/v1/images/nobody", headers=keys.writer).status_code == 404


def test_nobody_writes_without_keys_or_when_read_only(clients: Clients, keys: KeyFile) -> None:
    assert clients().delete("/v1/images/mug-01-front").status_code == 403
    assert clients(public=True).delete("/v1/images/mug-01-front").status_code == 403
    closed = clients(key_file=keys.path, read_only=True, headers=keys.writer)
    assert closed.delete("/v1/images/mug-01-front").status_code == 403
    assert closed.get(INFO).json()["read_only"] is True


def test_public_lets_everyone_read_and_key_holders_write(clients: Clients, keys: KeyFile) -> None:
    client = clients(key_file=keys.path, public=True)
    assert client.get(INFO).json()["read_only"] is False
    assert client.delete("/v1/images/nobody").status_code == 401
    assert client.delete("/v1/images/nobody", headers=keys.writer).status_code == 404


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "example.com"])
def test_showing_an_index_to_the_network_takes_a_key_or_a_word(
    drawn_index: Path, keys: KeyFile, host: str
) -> None:
    with pytest.raises(UsageError, match="--public"):
        create_app(ServerOptions(drawn_index, host=host))
    create_app(ServerOptions(drawn_index, host=host, public=True))
    create_app(ServerOptions(drawn_index, host=host, key_file=keys.path))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.0.0.2"])
def test_this_machine_alone_needs_neither(drawn_index: Path, host: str) -> None:
    create_app(ServerOptions(drawn_index, host=host))


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "", "127.0.0.1.evil.example"]
)
def test_a_name_that_was_rebound_to_this_machine_is_refused(
    clients: Clients, client: TestClient, host: str
) -> None:
    assert client.get(INFO, headers={"Host": host}).status_code == 400
    assert clients(public=True).get(INFO, headers={"Host": host}).status_code == 200
    for ours in ("localhost", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST:9"):
        assert client.get(INFO, headers={"Host": ours}).status_code == 200


def test_other_origins_are_let_in_only_when_named(clients: Clients, keys: KeyFile) -> None:
    shop = {"Origin": "https://shop.example"}
    plain = clients().get(INFO, headers=shop)
    assert "access-control-allow-origin" not in plain.headers
    assert plain.headers["cross-origin-resource-policy"] == "same-origin"
    client = clients(key_file=keys.path, cors_origins=("https://shop.example",))
    ask = shop | {"Access-Control-Request-Method": "POST"}
    ask |= {"Access-Control-Request-Headers": "authorization"}
    assert client.options("/v1/search", headers=ask).status_code == 200
    answer = client.get(INFO, headers=shop | keys.reader)
    assert answer.headers["access-control-allow-origin"] == "https://shop.example"
    refused = client.get(INFO, headers=shop)
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == "https://shop.example"
    other = client.get(INFO, headers={"Origin": "https://evil.example"} | keys.reader)
    assert "access-control-allow-origin" not in other.headers


def test_one_client_too_eager_waits_and_another_does_not(drawn_index: Path) -> None:
    app = create_app(ServerOptions(drawn_index, rate=1, burst=5))
    with (
        TestClient(app, base_url=BASE, client=("10.0.0.1", 1)) as eager,
        TestClient(app, base_url=BASE, client=("10.0.0.2", 1)) as other,
    ):
        statuses = [eager.get(INFO).status_code for _ in range(7)]
        assert statuses == [200] * 5 + [429] * 2
        refused = eager.get(INFO)
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.json()["error"]["type"] == "TooManyRequestsError"
        assert other.get(INFO).status_code == 200
        assert eager.get("/healthz").status_code == 200


def test_answers_are_packed_when_the_client_can_unpack(client: TestClient) -> None:
    packed = client.get("/v1/images", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    plain = client.get("/v1/images", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert packed.json() == plain.json()
    thumbnail = "/v1/images/mug-01-front/thumbnail"
    assert "content-encoding" not in client.get(thumbnail).headers


def test_every_answer_forbids_scripts_from_elsewhere(client: TestClient) -> None:
    page = client.get("/").headers["content-security-policy"]
    assert "script-src 'self'" in page
    assert "unsafe" not in page
    for path in ("/", INFO, "/v1/nothing", "/nothing", "/v1/images?x=1"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert headers["x-frame-options"] == "DENY"
    assert client.get("/docs").status_code == client.get("/redoc").status_code == 404


@pytest.mark.parametrize("method", ["PUT", "PATCH", "TRACE", "OPTIONS", "PROPFIND", "POST"])
@pytest.mark.parametrize("closed", [True, False])
def test_a_method_that_an_address_does_not_take_is_405_and_says_which_it_takes(
    clients: Clients, keys: KeyFile, method: str, closed: bool
) -> None:
    client = clients(key_file=keys.path, headers=keys.reader) if closed else clients()
    for path, takes in (
        ("/v1/images/mug-01-front", "DELETE, GET, HEAD"),
        ("/v1/info", "GET, HEAD"),
        ("/metrics", "GET, HEAD"),
    ):
        answer = client.request(method, path)
        assert answer.status_code == 405, path
        assert answer.headers["allow"] == takes
        assert answer.json()["error"]["type"] == "MethodNotAllowedError"
    if method != "POST":
        assert client.request(method, "/v1/images").headers["allow"] == "DELETE, GET, HEAD, POST"
        assert client.request(method, "/v1/search").headers["allow"] == "POST"
    for path in ("/v1/nothing", "/nothing"):
        assert client.request(method, path).status_code == 404


def test_what_an_address_takes_still_needs_its_key(clients: Clients, keys: KeyFile) -> None:
    closed = clients(key_file=keys.path)
    for method, path in (("POST", "/v1/images"), ("DELETE", "/v1/images/mug-01-front")):
        assert closed.request(method, path).status_code == 401
        assert clients().request(method, path).status_code == 403


def test_numbers_and_the_description_are_limited_as_well(clients: Clients) -> None:
    for path in ("/metrics", "/openapi.json"):
        client = clients(rate=0.001, burst=5)
        statuses = [client.get(path).status_code for _ in range(7)]
        assert statuses == [200] * 5 + [429] * 2


def test_readiness_is_cheap_however_many_ask_and_follows_the_index(
    clients: Clients, fresh_index: Path
) -> None:
    client = clients(fresh_index)

    def looked() -> float:
        line = 'visavis_stage_seconds_count{stage="queue"}'
        told = client.get("/metrics").text
        return next(float(x.rpartition(" ")[2]) for x in told.splitlines() if x.startswith(line))

    before = looked()
    assert {client.get("/readyz").status_code for _ in range(100)} == {200}
    assert looked() - before < 10
    shutil.rmtree(fresh_index)
    time.sleep(1.6)
    gone = client.get("/readyz")
    assert gone.status_code == 503
    assert int(gone.headers["retry-after"]) >= 1
    assert str(fresh_index) not in gone.text


def test_a_key_that_was_taken_back_while_nobody_asked_stays_so_in_a_broken_file(
    serve: Serve, drawn_index: Path, keys: KeyFile
) -> None:
    served = serve(drawn_index, "--api-key-file", str(keys.path))
    keys.path.write_text("# taken back\n")
    _until_logged(served, "and none is taken")
    keys.path.write_text("half a li")
    _until_logged(served, "the keys stay as they were")
    assert served.get("/v1/info", headers=keys.reader).status_code == 401


def _until_logged(served: Served, what: str) -> None:
    patience = time.monotonic() + 30  # on a slow machine
    while what not in served.log.read_text():
        assert time.monotonic() < patience
        time.sleep(0.02)


def test_messages_are_for_those_who_ask_and_not_for_the_command_line(
    clients: Clients, keys: KeyFile, drawn_index: Path
) -> None:
    client = clients(allow_urls=True, max_pixels=2000)
    files = {"image": ("a.jpg", picture())}
    heic = {"image": ("a.heic", b"\0\0\0\x18ftypheic" + b"\0" * 200)}
    told = [
        client.get("/v1/images/nobody"),
        client.post("/v1/search", json={"terms": [{"id": "nobody"}]}),
        client.post("/v1/search", json={"terms": [{"text": "red"}], "by": "looks"}),
        client.post("/v1/search", json={"terms": [{"url": "http://localhost/"}]}),
        client.post("/v1/search", json={}),
        client.post("/v1/search", files=files),
        client.post("/v1/search", files=heic),
        client.get("/v1/images?where=price<abc"),
        client.get("/v1/images?where=nothing=1"),
        client.post("/v1/images", files=files),
        client.get("/v1/info", headers={"Host": "evil.example"}),
        clients(key_file=keys.path).get("/v1/info"),
    ]
    for answer in told:
        assert 400 <= answer.status_code < 500, answer.text
        message = answer.json()["error"]["message"]
        assert not re.search(r"--[a-z]|pip install|\bvisavis [a-z]|id:ID|127\.0\.0\.1", message)
