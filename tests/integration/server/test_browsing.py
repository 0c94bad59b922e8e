"""Pages of records, random picks, fields, single records, and what the server says of itself."""

import json
from pathlib import Path
from urllib.parse import quote

import pytest
from served import Clients
from starlette.testclient import TestClient

from visavis import __version__
from visavis.image_index import ImageIndex

COUNT = 56


def test_pages_hold_every_record_once_in_the_order_they_were_added(
    client: TestClient, drawn_index: Path
) -> None:
    with ImageIndex.open(drawn_index) as index:
        expected = [record.id for record in index]
    seen = []
    for offset in range(0, COUNT, 20):
        shape = client.get(f"/v1/images?limit=20&offset={offset}").json()
        assert shape["total"] == COUNT
        seen += [record["id"] for record in shape["images"]]
    assert seen == expected
    assert client.get("/v1/images?offset=1000").json() == {"images": [], "total": COUNT}


def test_pages_can_be_filtered_by_several_conditions(client: TestClient) -> None:
    shape = client.get("/v1/images", params={"where": ["category=mug,lamp", "price>0"]}).json()
    assert shape["total"] == 8
    assert {record["fields"]["category"] for record in shape["images"]} == {"mug", "lamp"}


@pytest.mark.parametrize(
    "path",
    [
        "/v1/images?limit=1&limit=2",
        "/v1/images/random?seed=1&seed=1",
        "/v1/images/mug-01-front/similar?offset=0&limit=1&offset=5",
        "/v1/images/mug-01-front/thumbnail?side=160&side=640",
    ],
)
def test_a_parameter_that_is_there_twice_is_refused(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 400
    told = answer.json()["error"]["message"]
    assert "is in the URL 2 times" in told
    assert client.get("/v1/images?where=category=mug&where=price>0").status_code == 200


def test_options_in_the_url_of_a_request_with_a_body_are_refused(client: TestClient) -> None:
    query = {"terms": [{"id": "mug-01-front"}]}
    answer = client.post("/v1/search?limit=1", json=query)
    assert answer.status_code == 422
    assert "takes its options in the body" in answer.json()["error"]["message"]
    assert client.post("/v1/search", json={"limit": 1, **query}).status_code == 200


def test_a_record_tells_everything_but_where_it_lies(client: TestClient, drawn: Path) -> None:
    answer = client.get("/v1/images/mug-01-front")
    shape = answer.json()
    size = (drawn / "images" / "mug-01-front.jpg").stat().st_size
    assert shape["id"] == "mug-01-front"
    assert (shape["width"], shape["height"], shape["size"]) == (320, 320, size)
    assert shape["uri"] == shape["file"]
    assert shape["thumbnail"].partition("?")[0] == "/v1/images/mug-01-front/thumbnail"
    assert shape["fields"]["category"] == "mug"
    assert str(drawn) not in answer.text
    assert client.get("/v1/images/nobody").status_code == 404


def test_the_same_seed_picks_the_same_pictures(client: TestClient) -> None:
    def ids(query: str) -> list[str]:
        shape = client.get(f"/v1/images/random?{query}").json()
        return [record["id"] for record in shape["images"]]

    assert ids("seed=7&limit=12") == ids("seed=7&limit=12")
    assert ids("seed=7&limit=12") != ids("seed=8&limit=12")
    assert len(set(ids("limit=500"))) == COUNT
    assert ids("") != ids("")
    assert all(name.startswith("lamp") for name in ids("where=category=lamp"))


def test_every_picture_has_its_turn_at_random(client: TestClient) -> None:
    seen = set()
    for seed in range(80):
        shape = client.get(f"/v1/images/random?limit=4&seed={seed}").json()
        seen |= {record["id"] for record in shape["images"]}
    assert len(seen) == COUNT  # the chance to miss one is 56 × (52/56)**80, below 0.2


def test_fields_come_with_counts_and_ranges(client: TestClient, drawn_index: Path) -> None:
    with ImageIndex.open(drawn_index) as index:
        prices = [record.fields["price"] for record in index]
    fields = {field["name"]: field for field in client.get("/v1/fields").json()["fields"]}
    category = fields["category"]
    assert (category["type"], category["count"], category["distinct"]) == ("text", COUNT, 14)
    assert {value["count"] for value in category["values"]} == {4}
    assert "min" not in category
    assert (fields["price"]["min"], fields["price"]["max"]) == (
        min(prices, key=float),
        max(prices, key=float),
    )


def test_fields_that_nearly_always_differ_have_no_list_of_values(
    clients: Clients, tmp_path: Path, drawn: Path
) -> None:
    rows = [
        {"image": str(path), "title": f"no. {n}", "even": n % 2 == 0}
        for n, path in enumerate(sorted((drawn / "images").glob("*.jpg")))
    ]
    catalogue = tmp_path / "own.jsonl"
    catalogue.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with ImageIndex.create(tmp_path / "own.index", "classic") as index:
        index.add(catalogue)
    shape = clients(tmp_path / "own.index").get("/v1/fields").json()
    fields = {field["name"]: field for field in shape["fields"]}
    assert "values" not in fields["title"]
    assert fields["title"]["distinct"] == COUNT
    assert fields["even"]["count"] == COUNT


def test_counts_follow_the_filters_in_force(client: TestClient, drawn_index: Path) -> None:
    shape = client.get("/v1/fields", params={"where": "category=mug"}).json()
    fields = {field["name"]: field for field in shape["fields"]}
    with ImageIndex.open(drawn_index) as index:
        prices = [record.fields["price"] for record in index.records("category=mug")]
    assert (fields["price"]["min"], fields["price"]["max"]) == (min(prices), max(prices))
    assert len(fields["category"]["values"]) == 14  # another one can be chosen as well
    assert client.get("/v1/images/random?where=category=mug").json()["total"] == 4
    assert client.get("/v1/fields?where=nothing=1").status_code == 422


def test_pages_come_in_the_order_of_a_field(client: TestClient) -> None:
    shape = client.get("/v1/images?sort=-price&where=category=mug,lamp").json()
    prices = [record["fields"]["price"] for record in shape["images"]]
    assert prices == sorted(prices, reverse=True)
    assert len(prices) == 8
    refused = client.get("/v1/images?sort=prise")
    assert (refused.status_code, "did you mean 'price'" in refused.text) == (422, True)


def test_records_say_what_people_call_them(clients: Clients, tmp_path: Path, drawn: Path) -> None:
    """The field's name is any that says so, and the order is the catalogue's."""
    names = ["productDisplayName", "gender", "brand"]
    pictures = sorted((drawn / "images").glob("*.jpg"))[:9]
    rows = [f"{path},Blue shirt {n} of Acme,Men,Acme" for n, path in enumerate(pictures)]
    catalogue = tmp_path / "own.csv"
    catalogue.write_text("\n".join([f"path,{','.join(names)}", *rows]))
    with ImageIndex.create(tmp_path / "own.index", "classic") as index:
        index.add(catalogue)
    client = clients(tmp_path / "own.index")
    record = client.get("/v1/images/random?limit=1").json()["images"][0]
    assert record["title"] == record["fields"]["productDisplayName"]
    assert client.get(record["file"].partition("/file?")[0]).json()["title"] == record["title"]
    found = client.post("/v1/search", json={"terms": [{"id": record["id"]}]}).json()["results"][0]
    assert found["title"] == record["title"]
    assert list(record["fields"]) == names
    assert [field["name"] for field in client.get("/v1/fields").json()["fields"]] == names
    named = clients(tmp_path / "own.index", title="brand").get("/v1/images?limit=1").json()
    assert named["images"][0]["title"] == "Acme"


def test_info_tells_what_is_served_and_allowed(clients: Clients) -> None:
    shape = clients(max_upload_bytes=1234, max_pixels=999).get("/v1/info").json()
    assert shape == {
        "name": "visavis",
        "version": __version__,
        "records": COUNT,
        "model": "classic",
        "dim": 384,
        "text": False,
        "text_models": shape["text_models"],
        "classes": 0,
        "class_search": False,
        "tags": None,
        "tagged": False,
        "colours": True,
        "subjects": False,
        "concepts": 0,
        "read_only": True,
        "allow_urls": False,
        "max_upload_bytes": 1234,
        "max_pixels": 999,
        "fields": shape["fields"],
    }
    assert "visavis-s" in shape["text_models"]


def test_links_carry_the_prefix_of_a_proxy(clients: Clients) -> None:
    client = clients(root_path="/shop/images")
    for path in ("/v1/images/mug-01-front", "/shop/images/v1/images/mug-01-front"):
        shape = client.get(path).json()
        assert shape["thumbnail"].startswith("/shop/images/v1/images/mug-01-front/thumbnail?v=")
    assert client.get(shape["thumbnail"]).status_code == 200
    assert client.get("/shop/images/").headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    "id",
    ["a/b.jpg", "a/file", "file", "random", "ü ä?#&%2F", "50%", "x\\y", '"><script>', "../../x"],
)
def test_any_text_can_be_an_id(clients: Clients, tmp_path: Path, drawn: Path, id: str) -> None:
    row = {"id": id, "image": str(drawn / "images" / "mug-01-front.jpg")}
    other = {"id": "a", "image": str(drawn / "images" / "lamp-01-front.jpg")}
    catalogue = tmp_path / "own.jsonl"
    catalogue.write_text(json.dumps(row) + "\n" + json.dumps(other))
    with ImageIndex.create(tmp_path / "own.index", "classic") as index:
        assert index.add(catalogue).added == 2
    client = clients(tmp_path / "own.index")
    (shape,) = [r for r in client.get("/v1/images").json()["images"] if r["id"] == id]
    path = shape["file"].partition("/file?")[0]
    assert client.get(path).json() == shape
    assert client.get(shape["file"]).content == Path(row["image"]).read_bytes()
    assert client.get(f"{shape['thumbnail']}&side=160").status_code == 200
    found = client.get(f"{path}/similar").json()["results"]
    assert [match["id"] for match in found] == ["a"]
    if id != "random":
        assert client.get(f"/v1/images/{quote(id, safe='')}").json() == shape


def test_health_readiness_and_metrics_answer(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ready"}
    client.get("/v1/images/mug-01-front/similar")
    client.get("/v1/images/nobody")
    client.post("/v1/search", json={"terms": [{"id": "mug-01-front"}]})
    text = client.get("/metrics").text
    assert f"visavis_index_records {COUNT}.0" in text
    line = 'visavis_requests_total{method="GET",route="/v1/images/{id}",status="404"} 1.0'
    assert line in text
    assert 'visavis_requests_total{method="POST",route="/v1/search",status="200"} 1.0' in text
    for stage in ("queue", "embed", "search"):
        assert f'visavis_stage_seconds_count{{stage="{stage}"}}' in text
