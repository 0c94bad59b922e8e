"""A model with a semantic part over HTTP, and in the commands: the library's answers."""

import json
from pathlib import Path
from typing import Any

import pytest
from semantic import THINGS, write_semantic
from served import Clients
from starlette.testclient import TestClient

from visavis.image_index import ImageIndex

Shapes = list[dict[str, Any]]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, drawn: Path) -> Path:
    """The drawn shop, indexed by such a model. Not to be changed."""
    folder = tmp_path_factory.mktemp("semantic")
    model = write_semantic(folder / "small")
    with ImageIndex.create(folder / "an.index", model) as index:
        index.add(drawn / "catalogue.csv")
    return folder / "an.index"


@pytest.fixture
def client(clients: Clients, place: Path) -> TestClient:
    return clients(place)


@pytest.mark.parametrize(
    ("terms", "asked"),
    [
        ([{"text": "cat"}], "cat"),
        ([{"text": "a red cat"}], "a red cat"),
        ([{"text": "xyzzy food"}], "xyzzy food"),
        ([{"id": "mug-01-front"}], "id:mug-01-front"),
    ],
)
def test_scores_and_notes_are_those_of_the_library(
    client: TestClient, place: Path, terms: Shapes, asked: str
) -> None:
    shape = client.post("/v1/search", json={"terms": terms, "limit": 20}).json()
    with ImageIndex.open(place) as index:
        expected = index.search(asked, limit=20).to_dict()
    assert [one["id"] for one in shape["results"]] == [one["id"] for one in expected["results"]]
    for ours, theirs in zip(shape["results"], expected["results"], strict=True):
        assert ours["score"] == pytest.approx(theirs["score"], abs=1e-5)
    assert shape.get("notes") == expected.get("notes")


@pytest.mark.parametrize("text", ["cat", "red", "red cat"])
def test_the_count_of_those_that_reach_a_score_is_on_the_scale_that_is_shown(
    client: TestClient, text: str
) -> None:
    body = {"terms": [{"text": text}], "limit": 100}
    scores = [one["score"] for one in client.post("/v1/search", json=body).json()["results"]]
    for floor in (-1.0, scores[0], scores[9], scores[-1]):
        found = client.post("/v1/search", json=body | {"min_score": floor, "count": True}).json()
        assert found["total_matching"] == len(found["results"]) == sum(s >= floor for s in scores)


def test_tags_are_three_at_most_and_may_be_none(client: TestClient, place: Path) -> None:
    assert client.get("/v1/info").json()["tags"] == "words"
    with ImageIndex.open(place) as index:
        for record in list(index.records())[:8]:
            tags = client.post("/v1/tag", json={"id": record.id}).json()["tags"]
            assert [tag["name"] for tag in tags] == [
                tag.name for tag in index.tagging.of(f"id:{record.id}")
            ]
            assert len(tags) <= 3


def test_a_class_can_be_asked_for_and_more_of_it_scores_higher(client: TestClient) -> None:
    names = client.get("/v1/classes").json()["classes"]
    assert {"black cat", "love apple"} <= set(names)
    found = client.post("/v1/search", json={"terms": [{"class": "snow goose"}]}).json()["results"]
    assert 0 < found[0]["score"] <= 1


def test_words_that_say_nothing_are_one_sentence(client: TestClient) -> None:
    for text in ("the of", "\u72d7", "xyzzy", "\U0001f436" * 500):
        refused = client.post("/v1/search", json={"terms": [{"text": text}]})
        assert refused.status_code == 422
        assert refused.json()["error"]["type"] == "UnknownWordError"
        assert len(refused.json()["error"]["message"]) < 500


def test_copies_are_asked_for_with_the_visual_part_and_the_report_says_so(
    cli: Any, place: Path
) -> None:
    told = "copies were asked for with the visual part of the vectors alone"
    outcome = cli("evaluate", "--index", place, "--copies", "--originals", 4, "--json")
    assert told in json.loads(outcome.out)["notes"]
    other = cli("evaluate", "--index", place, "--same", "category", "--json")
    assert told not in json.loads(other.out)["notes"]


def test_the_commands_search_look_into_words_and_tag(cli: Any, place: Path) -> None:
    model = place.parent / "small"
    found = cli("search", "a", "black", "cat", "--index", place, "--json")
    assert found.code == 0, found.err
    assert len(json.loads(found.out)["results"]) == 10
    near = cli("words", "similar", "cat", "--vectors", model, "-k", 2)
    assert [line.split("\t")[1] for line in near.out.splitlines()] == ["black cat", "kitten"]
    table = cli("words", "similar", "cat", "--vectors", model / "words.bin", "-k", 2)
    assert {line.split("\t")[1] for line in table.out.splitlines()} == {"black_cat", "kitten"}
    colour = cli("words", "similar", "red", "--vectors", model)
    assert colour.code == 2
    assert "'red' is a colour" in colour.err
    tagged = cli("index", "--tag", 3, "--index", place)
    assert "56 tagged" in tagged.out + tagged.err
    assert cli("models", "check", model).code == 0
    assert len(THINGS) == 5
