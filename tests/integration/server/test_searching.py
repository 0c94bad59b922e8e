"""POST /v1/search and /similar, as a shop or the page would ask."""

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from served import Clients, picture
from starlette.testclient import TestClient

from visavis.image_index import ImageIndex
from visavis.types import ColourTerm, ImageTerm, RecordTerm, Term, TextTerm

COUNT = 56


@pytest.fixture
def mug(drawn: Path) -> bytes:
    return (drawn / "images" / "mug-01-front.jpg").read_bytes()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_an_uploaded_picture_finds_its_record_first(client: TestClient, mug: bytes) -> None:
    answer = client.post("/v1/search", files={"image": ("x.jpg", mug)})
    assert answer.status_code == 200
    shape = answer.json()
    assert shape["results"][0]["id"] == "mug-01-front"
    assert shape["results"][0]["score"] == pytest.approx(1, abs=1e-4)
    assert len(shape["results"]) == 10
    assert shape["total_searched"] == COUNT
    assert shape["model"] == "classic"
    assert shape["took_ms"] > 0
    assert "reason" not in shape


def test_upload_base64_and_library_give_the_same_answer(
    client: TestClient, mug: bytes, drawn_index: Path
) -> None:
    with ImageIndex.open(drawn_index) as index:
        expected = [(m.record.id, round(m.score, 6)) for m in index.search(mug, limit=7).matches]
    uploaded = client.post(
        "/v1/search", files={"image": ("x.jpg", mug)}, data={"query": '{"limit": 7}'}
    )
    encoded = client.post("/v1/search", json={"terms": [{"image": _base64(mug)}], "limit": 7})
    for answer in (uploaded, encoded):
        assert [(m["id"], m["score"]) for m in answer.json()["results"]] == expected


def test_terms_are_weighted_and_boxes_cut_as_in_the_library(
    client: TestClient, mug: bytes, drawn_index: Path
) -> None:
    box = (0.1, 0.2, 0.6, 0.9)
    with ImageIndex.open(drawn_index) as index:
        found = index.search([ImageTerm(mug, box, 0.7), RecordTerm("lamp-01-front", -0.3)], limit=5)
    terms = [{"upload": 0, "box": box, "weight": 0.7}, {"id": "lamp-01-front", "weight": -0.3}]
    answer = client.post(
        "/v1/search",
        files={"image": ("x.jpg", mug)},
        data={"query": json.dumps({"terms": terms, "limit": 5})},
    )
    assert [m["id"] for m in answer.json()["results"]] == [m.record.id for m in found.matches]


def test_several_files_without_a_query_are_a_term_each(
    client: TestClient, mug: bytes, drawn: Path
) -> None:
    lamp = (drawn / "images" / "lamp-01-front.jpg").read_bytes()
    files = [("image", ("a.jpg", mug)), ("image", ("b.jpg", lamp))]
    two = client.post("/v1/search", files=files).json()["results"]
    ids = [{"id": "mug-01-front"}, {"id": "lamp-01-front"}]
    same = client.post("/v1/search", json={"terms": ids}).json()["results"]
    assert [m["id"] for m in two] == [m["id"] for m in same]


def test_a_filter_narrows_and_pages_follow_one_another(client: TestClient) -> None:
    query = {"terms": [{"id": "mug-01-front"}], "where": ["category=lamp,mug"]}
    whole = client.post("/v1/search", json=query | {"limit": 8}).json()
    assert whole["total_searched"] == 8
    first = client.post("/v1/search", json=query | {"limit": 3}).json()["results"]
    second = client.post("/v1/search", json=query | {"limit": 5, "offset": 3}).json()["results"]
    assert first + second == whole["results"]


def test_nothing_above_min_score_says_so(client: TestClient) -> None:
    query = {"terms": [{"id": "mug-01-front", "weight": -1}], "min_score": 0.8}
    shape = client.post("/v1/search", json=query).json()
    assert shape["results"] == []
    assert shape["reason"] == "nothing above min_score 0.8"


def test_a_count_tells_how_many_reach_min_score(client: TestClient) -> None:
    query = {"terms": [{"id": "mug-01-front"}], "limit": 2, "count": True}
    scores = [
        match["score"]
        for match in client.post("/v1/search", json=query | {"limit": COUNT}).json()["results"]
    ]
    for floor in (0.99, scores[10], scores[30]):
        shape = client.post("/v1/search", json=query | {"min_score": floor}).json()
        assert shape["total_matching"] == sum(score >= floor for score in scores)
    assert client.post("/v1/search", json=query).json()["total_matching"] == COUNT


def test_similar_leaves_the_record_itself_out(client: TestClient) -> None:
    shape = client.get("/v1/images/mug-01-front/similar?limit=55&count=true").json()
    ids = [match["id"] for match in shape["results"]]
    assert len(ids) == COUNT - 1
    assert "mug-01-front" not in ids
    assert shape["total_searched"] == shape["total_matching"] == COUNT - 1
    pages = [
        match["id"]
        for offset in range(0, 60, 10)
        for match in client.get(f"/v1/images/mug-01-front/similar?offset={offset}").json()[
            "results"
        ]
    ]
    assert pages == ids


def test_similar_takes_filters_and_min_score(client: TestClient) -> None:
    shape = client.get("/v1/images/mug-01-front/similar?where=category=mug&count=1").json()
    assert {match["fields"]["category"] for match in shape["results"]} == {"mug"}
    assert shape["total_searched"] == shape["total_matching"] == 3
    none = client.get("/v1/images/mug-01-front/similar?min_score=0.9999").json()
    assert none["results"] == []
    assert none["reason"].startswith("nothing above min_score")


def test_an_unknown_id_is_404(client: TestClient) -> None:
    assert client.get("/v1/images/nobody/similar").status_code == 404
    answer = client.post("/v1/search", json={"terms": [{"id": "nobody"}]})
    assert answer.status_code == 404
    assert answer.json()["error"]["type"] == "RecordNotFoundError"


def test_words_for_a_model_that_only_sees_are_refused_with_what_would_help(
    client: TestClient,
) -> None:
    answer = client.post("/v1/search", json={"terms": [{"text": "red shoe"}], "by": "looks"})
    assert answer.status_code == 422
    assert "a model that has a text side" in answer.json()["error"]["message"]
    mixed = {"terms": [{"text": "red shoe"}, {"id": "mug-01-front"}]}
    assert client.post("/v1/search", json=mixed).status_code == 422


def test_words_find_the_text_of_records_and_say_where(client: TestClient) -> None:
    asked = {"terms": [{"text": "Coral mugs"}], "limit": 3, "count": True}
    for by in ("both", "text"):
        shape = client.post("/v1/search", json=asked | {"by": by}).json()
        first = shape["results"][0]
        assert (first["id"], first["score"], first["why"]) == ("mug-01-close", 1.0, ["title"])
        assert shape["total_matching"] >= len(shape["results"])
    nothing = client.post("/v1/search", json={"terms": [{"text": "zeppelin"}]}).json()
    assert nothing["results"] == []
    assert "no record has 'zeppelin' in its own text" in nothing["reason"]
    picture = client.post("/v1/search", json={"terms": [{"id": "mug-01-front"}]}).json()
    assert "why" not in picture["results"][0]


def test_by_text_is_for_words_alone(client: TestClient) -> None:
    for terms in ([{"id": "mug-01-front"}], [{"text": "mug"}, {"id": "mug-01-front"}]):
        answer = client.post("/v1/search", json={"terms": terms, "by": "text"})
        assert answer.status_code == 422
        assert "words alone" in answer.json()["error"]["message"]
    answer = client.post("/v1/search", json={"terms": [{"text": "mug"}], "by": "eyes"})
    assert "by:" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({"terms": []}, "nothing to search for"),
        ({"terms": [{"id": "a", "text": "b"}]}, "exactly one of"),
        ({"terms": [{"id": "a", "box": [0, 0, 1, 1]}]}, "a box needs a picture"),
        ({"terms": [{"id": "a"}], "colour": "red"}, "colour"),
        ({"terms": [{"id": "a", "size": 3}]}, "terms.0.size"),
        ({"terms": [{"id": "mug-01-front"}], "where": ["colour!"]}, "colour!"),
        ({"terms": [{"id": "mug-01-front"}], "where": ["colur=red"]}, "colur"),
        ({"terms": [{"id": "mug-01-front"}], "limit": 501}, "limit"),
        ({"terms": [{"id": "mug-01-front"}], "offset": -1}, "offset"),
        ({"terms": [{"id": "mug-01-front", "weight": 0}]}, "cancel"),
        ({"terms": [{"upload": 0}]}, "0 parts named image"),
        ({"terms": [{"image": "***"}]}, "base64"),
        ({"terms": [{"text": "x" * 10_000}]}, "terms.0.text"),
        ({"terms": [{"image": "", "box": [0, 0, 2, 1]}]}, "terms.0.box"),
        ({"terms": [{"image": _base64(picture()), "box": [0.5, 0, 0.5, 1]}]}, "is empty"),
    ],
)
def test_a_question_that_makes_no_sense_is_422_and_says_why(
    client: TestClient, query: dict[str, object], told: str
) -> None:
    answer = client.post("/v1/search", json=query)
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert set(error) == {"type", "message", "status"}
    assert error["status"] == 422
    assert told in error["message"]


def test_base64_is_read_as_tools_write_it(client: TestClient, mug: bytes) -> None:
    def found(text: str) -> str:
        answer = client.post("/v1/search", json={"terms": [{"image": text}], "limit": 1})
        return str(answer.json()["results"][0]["id"])

    plain = found(_base64(mug))
    assert found(base64.encodebytes(mug).decode()) == plain  # 76 letters a line
    assert found(base64.encodebytes(mug).decode().replace("\n", "\r\n")) == plain
    assert found(base64.urlsafe_b64encode(mug).decode()) == plain


def test_a_byte_order_mark_before_the_json_does_no_harm(client: TestClient) -> None:
    body = b'\xef\xbb\xbf{"terms": [{"id": "mug-01-front"}], "limit": 1}'
    answer = client.post("/v1/search", content=body, headers={"Content-Type": "application/json"})
    assert answer.json()["results"][0]["id"] == "mug-01-front"


@pytest.mark.parametrize(
    ("least", "told"),
    [
        ("90", "min_score: Input should be a valid number or 'auto'"),
        (None, ""),
        ([1], "min_score: Input should be a valid number or 'auto'"),
    ],
)
def test_a_least_score_of_no_kind_is_told_in_one_sentence(
    client: TestClient, least: object, told: str
) -> None:
    query = {"terms": [{"id": "mug-01-front"}], "min_score": least}
    answer = client.post("/v1/search", json=query)
    assert answer.json().get("error", {"message": ""})["message"] == told


def test_a_path_or_method_that_is_not_there_is_named(client: TestClient) -> None:
    for path in ("/v1/image", "/v1/images/a/b/c", "/v1/search/"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert answer.json()["error"]["message"] == f"there is nothing at {path}"
    refused = client.get("/v1/search")
    assert refused.json()["error"]["message"] == "/v1/search does not take GET"


def test_a_name_that_is_not_known_is_told_with_those_that_are(client: TestClient) -> None:
    answer = client.post("/v1/search", json={"text": "mug"})
    assert answer.status_code == 422
    message = answer.json()["error"]["message"]
    assert message.startswith("text: nothing is called so; there are terms, ")
    nested = client.post("/v1/search", json={"terms": [{"id": "mug-01-front", "colr": "red"}]})
    assert "colr: nothing is called so" in nested.json()["error"]["message"]


def test_numbers_that_are_none_are_refused(client: TestClient) -> None:
    headers = {"Content-Type": "application/json"}
    for number in ("NaN", "Infinity", "1e999"):
        body = f'{{"terms": [{{"id": "mug-01-front"}}], "min_score": {number}}}'
        assert client.post("/v1/search", content=body, headers=headers).status_code == 422


def test_addresses_are_fetched_only_where_that_is_allowed(clients: Clients) -> None:
    query = {"terms": [{"url": "http://127.0.0.1:1/a.jpg"}]}
    assert clients().post("/v1/search", json=query).status_code == 403
    refused = clients(allow_urls=True).post("/v1/search", json=query)
    assert refused.status_code == 422
    assert "not on the public internet" in refused.json()["error"]["message"]


def test_more_than_eight_terms_or_pictures_are_refused(client: TestClient) -> None:
    answer = client.post("/v1/search", json={"terms": [{"id": "mug-01-front"}] * 9})
    assert answer.status_code == 422
    files = [("image", ("a.png", picture()))] * 9
    assert client.post("/v1/search", files=files).status_code == 400


def test_pictures_at_addresses_count_like_pictures_that_are_sent(
    clients: Clients, pictures_at: str
) -> None:
    client = clients(allow_urls=True, allow_private=True, max_upload_bytes=3 * len(picture()) // 2)
    one = {"terms": [{"url": f"{pictures_at}/1.png"}]}
    assert client.post("/v1/search", json=one).status_code == 200
    two = {"terms": [{"url": f"{pictures_at}/{n}.png"} for n in (1, 2)]}
    assert client.post("/v1/search", json=two).status_code == 413


@pytest.fixture
def pictures_at() -> Iterator[str]:
    """The address of a server on this machine that answers everything with the same picture."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = picture()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_one_result_a_value(client: TestClient) -> None:
    query = {"terms": [{"id": "mug-01-front"}], "group_by": "category", "unique": True}
    found: list[dict[str, object]] = []
    for offset in range(0, 18, 3):
        answer = client.post("/v1/search", json=query | {"limit": 3, "offset": offset})
        assert answer.status_code == 200, answer.text
        found += answer.json()["results"]
    kinds = [one["fields"]["category"] for one in found]  # type: ignore[index]
    assert len(kinds) == len(set(kinds)) == 14
    assert {one["views"] for one in found} == {3}
    similar = client.get("/v1/images/mug-01-front/similar?group_by=category&limit=20").json()
    views = {one["fields"]["category"]: one["views"] for one in similar["results"]}
    assert views.pop("mug") == 2  # itself left out
    assert set(views.values()) == {3}


def test_colours_are_asked_as_in_the_library(
    client: TestClient, mug: bytes, drawn_index: Path
) -> None:
    with ImageIndex.open(drawn_index) as index:
        terms: list[Term] = [RecordTerm("mug-01-front"), ColourTerm("#1f4fa0", 0.5)]
        expected = [match.record.id for match in index.search(terms, limit=5).matches]
        of_mug = [match.record.id for match in index.search(ColourTerm(ImageTerm(mug))).matches]
    for name in ("colour", "color"):
        asked = [{"id": "mug-01-front"}, {name: "#1f4fa0", "weight": 0.5}]
        answer = client.post("/v1/search", json={"terms": asked, "limit": 5})
        assert [match["id"] for match in answer.json()["results"]] == expected
    said = client.post("/v1/search", json={"terms": [{"id": "mug-01-front"}, {"text": "blue"}]})
    with ImageIndex.open(drawn_index) as index:
        found = index.search([RecordTerm("mug-01-front"), TextTerm("blue")]).matches
    assert [one["id"] for one in said.json()["results"]] == [match.record.id for match in found]
    words = [{"id": "mug-01-front"}, {"text": "blue cup"}]
    assert client.post("/v1/search", json={"terms": words}).status_code == 422
    picture = {"image": _base64(mug), "aspect": "colour"}
    answer = client.post("/v1/search", json={"terms": [picture]})
    assert [match["id"] for match in answer.json()["results"]] == of_mug
    assert client.get("/v1/info").json()["colours"] is True


def test_what_is_no_colour_is_refused_with_names_near_it(client: TestClient) -> None:
    answer = client.post("/v1/search", json={"terms": [{"colour": "turqoise"}]})
    assert answer.status_code == 422
    assert "did you mean turquoise" in answer.json()["error"]["message"]
    for term in ({"text": "red", "aspect": "colour"}, {"colour": "red", "id": "mug-01-front"}):
        answer = client.post("/v1/search", json={"terms": [term]})
        assert answer.status_code == 422
