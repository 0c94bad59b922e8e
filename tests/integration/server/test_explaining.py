"""POST /v1/explain: the same as in the library, and no more than a picture and a record."""

import base64
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from visavis.image_index import ImageIndex

MUG = "mug-01-front"


def test_every_way_to_send_a_picture_gives_the_library_s_answer(
    client: TestClient, drawn: Path, drawn_index: Path
) -> None:
    data = (drawn / "images" / "mug-01-close.jpg").read_bytes()
    with ImageIndex.open(drawn_index) as index:
        wanted = index.explain(data, MUG).to_dict()
    sent = client.post(
        "/v1/explain", files={"image": ("a.jpg", data)}, data={"query": f'{{"id": "{MUG}"}}'}
    )
    encoded = {"image": base64.b64encode(data).decode()}
    for answer in (sent, client.post("/v1/explain", json={"id": MUG, "term": encoded})):
        assert answer.status_code == 200, answer.text
        shape = answer.json()
        assert {**shape, "took_ms": 0} == {**wanted, "took_ms": 0}
    record = client.post("/v1/explain", json={"id": MUG, "term": {"id": MUG}}).json()
    assert (record["relation"], record["box"]) == ("exact", [0, 0, 1, 1])


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"id": MUG}, 422),
        ({"id": MUG, "term": {"text": "mug"}}, 422),
        ({"id": MUG, "term": {"id": MUG, "weight": -1}}, 422),
        ({"id": "nope", "term": {"id": MUG}}, 404),
        ({"id": MUG, "term": {"image": "bm8="}}, 422),
        ({"term": {"id": MUG}}, 422),
    ],
)
def test_anything_else_is_refused(client: TestClient, body: dict[str, object], status: int) -> None:
    assert client.post("/v1/explain", json=body).status_code == status
