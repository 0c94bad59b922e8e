"""Concepts over HTTP: marked by those who may write, searched by all who may read."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from served import Clients, KeyFile
from starlette.testclient import TestClient

from visavis.image_index import ImageIndex

PATH = "/v1/concepts"


def mark(client: TestClient, name: str, yes: list[str], no: list[str] | None = None) -> Any:
    body = {"yes": yes, "no": no or []}
    return client.post(f"{PATH}/{quote(name, safe='')}/marks", json=body)


def test_a_concept_is_marked_searched_and_forgotten(writer: TestClient) -> None:
    made = mark(writer, "for tea", ["mug-01-front", "teapot-01-front"], ["lamp-01-front"])
    assert made.status_code == 200, made.text
    assert made.json() == {"name": "for tea", "yes": 2, "no": 1, "added": 3, "turned": []}
    assert writer.get(PATH).json() == {"concepts": [{"name": "for tea", "yes": 2, "no": 1}]}
    found = writer.post("/v1/search", json={"terms": [{"concept": "for tea"}], "limit": 2}).json()
    assert all(one["id"].startswith(("mug", "teapot")) for one in found["results"])
    assert found["similar_from"] == pytest.approx(
        writer.get(f"{PATH}/for%20tea").json()["similar_from"], abs=1e-5
    )
    turned = mark(writer, "for tea", [], ["mug-01-front"]).json()
    assert (turned["yes"], turned["no"], turned["turned"]) == (1, 2, ["mug-01-front"])
    back = writer.delete(f"{PATH}/for%20tea/marks/mug-01-front")
    assert back.json() == {"name": "for tea", "yes": 1, "no": 1}
    assert writer.delete(f"{PATH}/for%20tea").json() == {"removed": 2}
    assert writer.get(PATH).json() == {"concepts": []}


def test_marks_are_listed_the_latest_first_with_what_is_gone(writer: TestClient) -> None:
    mark(writer, "odd: +*'犬", ["mug-01-front", "lamp-01-front"])
    writer.delete("/v1/images/mug-01-front")
    shown = writer.get(f"{PATH}/{quote(chr(111) + 'dd: +*' + chr(39) + '犬', safe='')}").json()
    assert [(one["id"], one["here"]) for one in shown["marks"]] == [
        ("lamp-01-front", True),
        ("mug-01-front", False),
    ]
    assert shown["marks"][0]["thumbnail"].startswith("/v1/images/lamp-01-front/thumbnail")
    page = writer.get(f"{PATH}/{quote(shown['name'], safe='')}?limit=1&offset=1").json()
    assert [one["id"] for one in page["marks"]] == ["mug-01-front"]


def test_a_concept_of_nothing_but_no_is_shown_with_its_trouble(writer: TestClient) -> None:
    mark(writer, "odd", [], ["mug-01-front"])
    assert "nothing is marked as 'odd' yet" in writer.get(f"{PATH}/odd").json()["trouble"]
    refused = writer.post("/v1/search", json={"terms": [{"concept": "odd"}]})
    assert refused.status_code == 422
    assert "nothing is marked" in refused.json()["error"]["message"]


def test_who_may_not_write_may_search_and_no_more(
    clients: Clients, fresh_index: Path, keys: KeyFile
) -> None:
    with ImageIndex.open(fresh_index) as index:
        index.concept("mugs").mark("mug-01-front")
    reader = clients(fresh_index, key_file=keys.path, headers=keys.reader)
    stranger = clients(fresh_index)
    for client in (reader, stranger):
        assert client.post("/v1/search", json={"terms": [{"concept": "mugs"}]}).status_code == 200
        assert client.get(PATH).json()["concepts"][0]["name"] == "mugs"
        assert mark(client, "mugs", ["lamp-01-front"]).status_code == 403
        assert client.delete(f"{PATH}/mugs").status_code == 403
        assert client.delete(f"{PATH}/mugs/marks/mug-01-front").status_code == 403
    assert clients(fresh_index, key_file=keys.path).get(PATH).status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "sentence"),
    [
        ("POST", "mugs/marks", {}, 422, "say which records to mark"),
        ("POST", "mugs/marks", {"yes": ["nobody"]}, 404, "no record has the id 'nobody'"),
        ("POST", "mugs/marks", {"yes": "mug-01-front"}, 422, "yes: "),
        ("POST", "mugs/marks", {"maybe": []}, 422, "maybe: "),
        ("POST", "a%2Cb/marks", {"yes": ["mug-01-front"]}, 422, "holds no ','"),
        ("GET", "nothing", None, 404, "no concept is called 'nothing'"),
        ("GET", "%FF", None, 404, "no concept"),
        ("POST", "%FF/marks", {"yes": ["red"]}, 404, "no concept"),
        ("DELETE", "nothing", None, 404, "no concept is called 'nothing'"),
        ("DELETE", "nothing/marks/mug-01-front", None, 404, "no concept is called 'nothing'"),
    ],
)
def test_bad_input_is_one_sentence(
    writer: TestClient, method: str, path: str, body: Any, status: int, sentence: str
) -> None:
    answer = writer.request(method, f"{PATH}/{path}", json=body)
    assert answer.status_code == status, answer.text
    assert sentence in answer.json()["error"]["message"]
    assert writer.get(PATH).json() == {"concepts": []}


def test_an_unknown_concept_in_a_search_is_404_with_the_near_names(writer: TestClient) -> None:
    mark(writer, "our mugs", ["mug-01-front"])
    refused = writer.post("/v1/search", json={"terms": [{"concept": "our mug"}]})
    assert refused.status_code == 404
    assert "did you mean 'our mugs'?" in refused.json()["error"]["message"]
    two = writer.post("/v1/search", json={"terms": [{"concept": "a", "text": "b"}]})
    assert two.status_code == 422
