"""Words, classes and tags over HTTP, compared with the library and with brute force."""

import base64
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from served import Clients, KeyFile, picture
from shop_classifier import write_shop_classifier
from starlette.testclient import TestClient
from two_sided import write_clip
from word_files import shop_vectors, write_text

from visavis.embedders.adding.add import add_folder
from visavis.embedders.adding.conse import make_conse
from visavis.embedders.base import ClassSide, TextEmbedder, classes_of
from visavis.embedders.blocks import reach
from visavis.embedders.registry import load_embedder
from visavis.image_index import ImageIndex
from visavis.images.decode import decode
from visavis.sources.web.downloads import Downloads
from visavis.sources.web.fetch import default_cache
from visavis.types import Vectors

COUNT = 56
LISTED = 10
Found = list[tuple[str, float]]


# -- indexes whose models do more than see ---------------------------------------------------------


@pytest.fixture(scope="session")
def indexes(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with kinds.index, whose model tells classes; words.index, whose model is that one
    joined with word vectors, tagged; and clip.index, of a two-sided model. Not to be changed.
    """
    folder = tmp_path_factory.mktemp("words")
    kinds = write_shop_classifier(folder / "kinds", drawn)
    vectors = write_text(folder / "vectors.txt", shop_vectors())
    words = make_conse(str(kinds), vectors, folder / "by-words").folder
    clip = add_folder(write_clip(folder / "base"), name="clip", models=folder / "models").folder
    for name, model in (("kinds", kinds), ("words", words), ("clip", clip)):
        with ImageIndex.create(folder / f"{name}.index", model) as index:
            assert index.add(drawn / "catalogue.csv").added == COUNT
            if name == "words":
                index.tagging.write(3)
    return folder


@pytest.fixture
def kinds(clients: Clients, indexes: Path) -> TestClient:
    return clients(indexes / "kinds.index")


@pytest.fixture
def words(clients: Clients, indexes: Path) -> TestClient:
    return clients(indexes / "words.index")


@pytest.fixture
def mug(drawn: Path) -> bytes:
    return (drawn / "images" / "mug-01-front.jpg").read_bytes()


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def unit(vector: Vectors) -> Vectors:
    return np.asarray(vector / np.linalg.norm(vector))


def seen(index: ImageIndex, data: bytes) -> Vectors:
    """What the index's model sees in a picture."""
    embedder = index.embedder()
    pixels = decode(data, "picture", min_side=embedder.side).pixels
    return np.asarray(embedder.embed_images([pixels])[0])


def reader(index: ImageIndex) -> TextEmbedder:
    embedder = index.embedder()
    assert isinstance(embedder, TextEmbedder)
    return embedder


def brute(index: ImageIndex, parts: Sequence[Vectors]) -> Found:
    """The best records for a sum of vectors, by computing every score."""
    asked = unit(np.sum(parts, axis=0))
    scores = [(record.id, float(index.store.vector(record.id) @ asked)) for record in index]
    return sorted(scores, key=lambda found: -found[1])[:LISTED]


def found_by(client: TestClient, *terms: dict[str, Any]) -> Found:
    answer = client.post("/v1/search", json={"terms": terms, "limit": LISTED})
    assert answer.status_code == 200, answer.text
    return [(match["id"], match["score"]) for match in answer.json()["results"]]


def assert_same(found: Found, expected: Found) -> None:
    scores = dict(expected)
    assert [score for _, score in found] == pytest.approx(list(scores.values()), abs=3e-6)
    assert len({id for id, _ in found} & set(scores)) >= LISTED - 1  # the last may have an equal


def refused(answer: Any, status: int = 422) -> str:
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert set(error) == {"type", "message", "status"}
    message: str = error["message"]
    assert "/work" not in message
    assert "/tmp" not in message
    assert ". " not in message  # one sentence
    return message


# -- classes ---------------------------------------------------------------------------------------


def test_classes_bend_a_search_by_their_weights(
    kinds: TestClient, indexes: Path, mug: bytes
) -> None:
    found = found_by(
        kinds,
        {"image": encoded(mug)},
        {"class": "lamp", "weight": 0.75},
        {"class": "book", "weight": -0.25},
    )
    with ImageIndex.open(indexes / "kinds.index") as index:
        lamp, book = classes_of(index.embedder()).directions(["lamp", "book"])
        assert_same(found, brute(index, [seen(index, mug), 0.75 * lamp, -0.25 * book]))
        plain = brute(index, [seen(index, mug)])
    assert sum("lamp" in id for id, _ in found) > sum("lamp" in id for id, _ in plain)


def test_a_class_alone_finds_its_pictures_whatever_its_case(kinds: TestClient) -> None:
    found = found_by(kinds, {"class": "LAMP"})
    assert all("lamp" in id for id, _ in found[:4])
    least = found_by(kinds, {"class": "lamp", "weight": -1})
    assert not any("lamp" in id for id, _ in least)


def test_words_of_a_multipart_query_may_be_classes(kinds: TestClient, mug: bytes) -> None:
    terms = [{"upload": 0}, {"class": "lamp"}]
    sent = kinds.post(
        "/v1/search",
        files={"image": ("a.jpg", mug)},
        data={"query": json.dumps({"terms": terms, "limit": LISTED})},
    )
    assert [(match["id"], match["score"]) for match in sent.json()["results"]] == found_by(
        kinds, {"image": encoded(mug)}, {"class": "lamp"}
    )


@pytest.mark.parametrize(
    ("name", "model", "told"),
    [
        ("lamb", "kinds", "the model knows no class 'lamb'; similar are 'lamp'"),
        ("lamp", "words", "does not act on its embedding; ask for words instead"),
        ("lamp", "clip", "'clip', has no classifier"),
        ("x" * 10_000, "kinds", "terms.0.class"),
        ("x" * 200, "kinds", "the model knows no class"),
        ("", "kinds", "terms.0.class"),
        (" ", "kinds", "the model knows no class"),
        ("a\0b", "kinds", "the model knows no class"),
        ("[", "kinds", "the model knows no class"),
        (5, "kinds", "terms.0.class"),
    ],
)
def test_a_class_that_cannot_be_asked_for_is_422_and_says_why(
    clients: Clients, indexes: Path, name: object, model: str, told: str
) -> None:
    client = clients(indexes / f"{model}.index")
    assert told in refused(client.post("/v1/search", json={"terms": [{"class": name}]}))


def test_a_term_is_a_class_or_something_else_and_has_no_box(kinds: TestClient) -> None:
    both = {"class": "lamp", "text": "lamp"}
    assert "exactly one of" in refused(kinds.post("/v1/search", json={"terms": [both]}))
    boxed = {"class": "lamp", "box": [0, 0, 1, 1]}
    assert "needs a picture" in refused(kinds.post("/v1/search", json={"terms": [boxed]}))
    inner = {"class_": "lamp"}
    assert "terms.0.class_" in refused(kinds.post("/v1/search", json={"terms": [inner]}))


def test_names_of_classes_are_listed_and_looked_up(kinds: TestClient, words: TestClient) -> None:
    whole = kinds.get("/v1/classes").json()
    assert whole["total"] == len(whole["classes"]) == 14
    assert "sneaker" in whole["classes"]
    pages = [
        kinds.get(f"/v1/classes?limit=5&offset={at}").json()["classes"] for at in range(0, 15, 5)
    ]
    assert [name for page in pages for name in page] == whole["classes"]
    for like, names in (("t-s", ["T-shirt"]), ("shirt", ["T-shirt"]), ("vace", ["vase"])):
        found = kinds.get("/v1/classes", params={"like": like}).json()
        assert found == {"classes": names, "total": 1}
    assert kinds.get("/v1/classes?like=zebra").json() == {"classes": [], "total": 0}
    assert words.get("/v1/classes").json()["classes"] == []  # no search can ask for them
    refused(kinds.get("/v1/classes", params={"like": "x" * 10_000}))


# -- words -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("model", "text"), [("clip", "dark red"), ("words", "the kettle")])
def test_words_are_searched_for_alone_and_with_pictures(
    clients: Clients, indexes: Path, mug: bytes, model: str, text: str
) -> None:
    client = clients(indexes / f"{model}.index")
    alone = found_by(client, {"text": text})
    mixed = found_by(client, {"text": text, "weight": 0.5}, {"image": encoded(mug)})
    with ImageIndex.open(indexes / f"{model}.index") as index:
        read = np.asarray(reader(index).embed_texts([text])[0])
        assert_same(alone, brute(index, [read]))
        assert_same(mixed, brute(index, [np.float32(0.5) * read, seen(index, mug)]))
        answer = index.search(text)
    assert [id for id, _ in alone] == [match.record.id for match in answer.matches]


def test_words_are_answered_by_text_and_looks_together(words: TestClient, indexes: Path) -> None:
    asked = {"terms": [{"text": "mug"}], "limit": 20, "count": True, "min_score": -1}
    shape = words.post("/v1/search", json=asked).json()
    with ImageIndex.open(indexes / "words.index") as index:
        looks = dict(brute(index, [np.asarray(reader(index).embed_texts(["mug"])[0])]))
        expected = index.search("mug", limit=20)
    assert [match["id"] for match in shape["results"]] == [
        match.record.id for match in expected.matches
    ]
    best = shape["results"][0]
    assert best["why"][-1] == "looks"
    assert len(best["why"]) > 1
    assert best["score"] == pytest.approx(looks[best["id"]], abs=3e-6)
    assert shape["total_matching"] == COUNT  # all reach -1


def test_words_that_are_passed_over_are_told_and_unknown_ones_refused(words: TestClient) -> None:
    answer = words.post("/v1/search", json={"terms": [{"text": "mug xyzzy"}]})
    assert answer.json()["notes"] == ["unknown and ignored: 'xyzzy'"]
    assert "notes" not in words.post("/v1/search", json={"terms": [{"text": "mug"}]}).json()
    told = refused(words.post("/v1/search", json={"terms": [{"text": "mugg"}]}))
    assert "'mug'" in told


# -- tags ------------------------------------------------------------------------------------------


def tags_by(client: TestClient, **asked: Any) -> Found:
    answer = client.post("/v1/tag", json=asked)
    assert answer.status_code == 200, answer.text
    shape = answer.json()
    assert set(shape) == {"tags", "model", "took_ms"}
    assert shape["took_ms"] > 0
    return [(tag["name"], tag["score"]) for tag in shape["tags"]]


def test_the_tags_of_a_classifier_are_its_most_probable_classes(
    kinds: TestClient, indexes: Path, mug: bytes
) -> None:
    found = tags_by(kinds, image=encoded(mug), limit=14)
    with ImageIndex.open(indexes / "kinds.index") as index:
        side: ClassSide = classes_of(index.embedder())
        pixels = decode(mug, "mug", min_side=index.embedder().side).pixels
        scores = side.scores([pixels])[0]
    expected = sorted(zip(side.labels, scores.tolist(), strict=True), key=lambda tag: -tag[1])
    assert [score for _, score in found] == pytest.approx([s for _, s in expected], abs=1e-6)
    assert found[0][0] == expected[0][0] == "mug"
    assert len(tags_by(kinds, image=encoded(mug))) == 10


@pytest.mark.parametrize("model", ["kinds", "words", "clip"])
def test_a_record_an_upload_and_the_library_give_the_same_tags(
    clients: Clients, indexes: Path, mug: bytes, model: str
) -> None:
    client = clients(indexes / f"{model}.index")
    box = (0.1, 0.2, 0.7, 0.9)
    part = {"query": json.dumps({"limit": 4, "box": box})}
    with ImageIndex.open(indexes / f"{model}.index") as index:
        for asked, picture_of in (
            ({"id": "mug-01-front"}, "id:mug-01-front"),
            ({"image": encoded(mug)}, mug),
        ):
            expected = [(tag.name, round(tag.score, 6)) for tag in index.tagging.of(picture_of, 4)]
            found = tags_by(client, **asked, limit=4)
            assert [name for name, _ in found] == [name for name, _ in expected]
            assert dict(found) == pytest.approx(dict(expected), abs=2e-6)
    sent = client.post("/v1/tag", files={"image": ("a.jpg", mug)}, data=part)
    boxed = tags_by(client, image=encoded(mug), box=box, limit=4)
    assert [(tag["name"], tag["score"]) for tag in sent.json()["tags"]] == boxed
    assert boxed != tags_by(client, image=encoded(mug), limit=4)


def test_a_record_whose_picture_is_gone_is_404_unless_its_vector_is_enough(
    clients: Clients, indexes: Path, drawn: Path, tmp_path: Path
) -> None:
    lost = tmp_path / "photos" / "lost.jpg"
    lost.parent.mkdir()
    for model, status in (("kinds", 404), ("by-words", 200)):
        lost.write_bytes((drawn / "images" / "mug-01-front.jpg").read_bytes())
        with ImageIndex.create(tmp_path / f"{model}.index", indexes / model) as index:
            index.add(lost.parent)
        client = clients(tmp_path / f"{model}.index")
        (record,) = client.get("/v1/images").json()["images"]
        lost.unlink()
        answer = client.post("/v1/tag", json={"id": record["id"]})
        assert answer.status_code == status, answer.text
        assert str(tmp_path) not in answer.text
        lost.write_bytes(b"no picture any more")
        assert client.post("/v1/tag", json={"id": record["id"]}).status_code == status


def test_a_record_with_an_address_is_tagged_by_its_kept_copy_and_never_asked_for(
    clients: Clients, indexes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    address = "https://shop.example/a.png"
    Downloads(default_cache()).put(address, picture(kind="PNG"), {})
    with ImageIndex.create(tmp_path / "own.index", indexes / "kinds") as index:
        assert index.add(address).added == 1
    client = clients(tmp_path / "own.index")
    found = tags_by(client, id=address)
    assert found == tags_by(client, image=encoded(picture(kind="PNG")))
    Downloads(default_cache()).path(address).unlink()
    told = refused(client.post("/v1/tag", json={"id": address}), 404)
    assert "no copy of it is kept here" in told


def test_the_tags_of_a_tagged_index_are_told_with_its_records(
    words: TestClient, kinds: TestClient
) -> None:
    shape = words.get("/v1/images/lamp-01-front").json()
    assert shape["fields"]["tags"] == ", ".join(shape["tags"])
    assert shape["tags"] == [name for name, _ in tags_by(words, id="lamp-01-front", limit=3)]
    assert "tags" not in kinds.get("/v1/images/lamp-01-front").json()


def test_a_model_without_words_and_classes_gives_no_tags_and_says_which_does(
    client: TestClient, mug: bytes
) -> None:
    for asked in ({"id": "mug-01-front"}, {"image": encoded(mug)}):
        told = refused(client.post("/v1/tag", json=asked))
        assert "'classic', gives no tags" in told
        assert told.count("visavis-s") == 1


@pytest.mark.parametrize(
    ("asked", "status", "told"),
    [
        ({}, 422, "exactly one of"),
        ({"id": "a", "image": "b"}, 422, "exactly one of"),
        ({"id": "mug-01-front", "box": [0, 0, 1, 1]}, 422, "needs a picture"),
        ({"id": "mug-01-front", "limit": 0}, 422, "limit"),
        ({"id": "mug-01-front", "limit": 101}, 422, "limit"),
        ({"id": "mug-01-front", "colour": 1}, 422, "colour"),
        ({"id": "nobody"}, 404, "nobody"),
        ({"id": "x" * 10_000}, 422, "id"),
        ({"image": "***"}, 422, "base64"),
        ({"image": ""}, 422, "empty"),
        ({"image": encoded(b"no picture at all")}, 422, "not a picture"),
        ({"image": encoded(picture()), "box": [0, 0, 2, 1]}, 422, "box"),
        ({"image": encoded(picture()), "box": [0.5, 0, 0.5, 1]}, 422, "is empty"),
        ({"url": "http://127.0.0.1:1/a.jpg"}, 403, "fetches no URLs"),
    ],
)
def test_a_tag_that_makes_no_sense_is_refused_and_says_why(
    kinds: TestClient, asked: dict[str, Any], status: int, told: str
) -> None:
    assert told in refused(kinds.post("/v1/tag", json=asked), status)


def test_bodies_of_other_kinds_and_several_files_are_refused(kinds: TestClient) -> None:
    typed = {"Content-Type": "image/jpeg"}
    assert kinds.post("/v1/tag", content=b"\xff\xd8\xff", headers=typed).status_code == 415
    two = [("image", ("a.png", picture())), ("image", ("b.png", picture()))]
    assert "exactly one" in refused(kinds.post("/v1/tag", files=two))


def test_a_picture_to_tag_has_the_limits_of_all_pictures(clients: Clients, indexes: Path) -> None:
    many = clients(indexes / "kinds.index", max_pixels=3000)
    told = refused(many.post("/v1/tag", files={"image": ("a.jpg", picture())}), 413)
    assert "too large (64 x 48" in told
    small = clients(indexes / "kinds.index", max_upload_bytes=100)
    refused(small.post("/v1/tag", files={"image": ("a.jpg", picture())}), 413)


def test_a_key_that_reads_is_enough_for_tags(
    clients: Clients, indexes: Path, keys: KeyFile
) -> None:
    client = clients(indexes / "words.index", key_file=keys.path)
    asked = {"id": "mug-01-front"}
    assert client.post("/v1/tag", json=asked).status_code == 401
    assert client.post("/v1/tag", json=asked, headers=keys.reader).status_code == 200
    assert client.get("/v1/classes").status_code == 401


# -- what the model can ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "can"),
    [
        ("kinds", (False, 14, True, "classes", False)),
        ("words", (True, 14, False, "words", True)),
        ("clip", (True, 0, False, "words", False)),
    ],
)
def test_info_says_what_the_model_can(
    clients: Clients, indexes: Path, model: str, can: tuple[object, ...]
) -> None:
    info = clients(indexes / f"{model}.index").get("/v1/info").json()
    names = ("text", "classes", "class_search", "tags", "tagged")
    assert tuple(info[name] for name in names) == can
    assert bool(info["text_models"]) != info["text"]


def test_a_rebuilt_index_answers_as_its_new_model_can(
    clients: Clients, indexes: Path, drawn: Path, tmp_path: Path
) -> None:
    with ImageIndex.create(tmp_path / "own.index", indexes / "kinds") as index:
        index.add(drawn / "images" / "mug-01-front.jpg")
        client = clients(tmp_path / "own.index")
        term = {"terms": [{"class": "mug"}]}
        assert client.post("/v1/search", json=term).status_code == 200
        index.rebuild("classic")
        assert "has no classifier" in refused(client.post("/v1/search", json=term))
        assert client.get("/v1/info").json()["tags"] is None
        index.rebuild(indexes / "by-words")
        assert client.get("/v1/info").json()["tags"] == "words"
        found = client.post("/v1/search", json={"terms": [{"text": "cup"}]})
        assert found.json()["total_searched"] == 1


def test_the_default_model_asks_for_its_classes_and_tags(
    clients: Clients, drawn: Path, tmp_path: Path
) -> None:
    with ImageIndex.create(tmp_path / "own.index") as index:
        index.add(drawn / "images")
    client = clients(tmp_path / "own.index")
    info = client.get("/v1/info").json()
    assert (info["classes"], info["class_search"], info["text"]) == (1000, True, True)
    assert client.get("/v1/classes?like=siamese cat").json()["classes"][0] == "Siamese cat"
    model = load_embedder("visavis-s")
    [direction] = classes_of(model).directions(["teapot"])
    found = found_by(client, {"class": "teapot", "weight": 0.5})
    with ImageIndex.open(tmp_path / "own.index") as index:
        expected = brute(index, [direction])
    scale = reach(model, direction)  # what the nearest picture there could be would score
    assert_same(found, [(id, score / scale) for id, score in expected])


# -- many at once ----------------------------------------------------------------------------------


def test_tags_classes_and_words_of_many_at_once_are_those_of_one(
    kinds: TestClient, words: TestClient, mug: bytes
) -> None:
    asks: list[Callable[[], Any]] = [
        lambda: found_by(kinds, {"class": "lamp"}, {"image": encoded(mug)}),
        lambda: tags_by(kinds, image=encoded(mug), limit=1)[0][0],
        lambda: tags_by(kinds, id="lamp-01-front", limit=1)[0][0],
        lambda: found_by(words, {"text": "kettle"}),
        lambda: tags_by(words, id="lamp-01-front", limit=3),
    ]
    alone = [ask() for ask in asks]
    with ThreadPoolExecutor(8) as pool:
        many = list(pool.map(lambda n: asks[n % len(asks)](), range(40)))
    for place, found in enumerate(many):
        assert found == alone[place % len(asks)]


def test_tags_wait_in_the_queue_of_all_and_are_turned_away_when_it_is_full(
    clients: Clients, indexes: Path, mug: bytes
) -> None:
    client = clients(indexes / "kinds.index", threads=1, queue=1)
    asked = {"image": encoded(mug)}
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: client.post("/v1/tag", json=asked), range(48)))
    statuses = {answer.status_code for answer in answers}
    assert 200 in statuses
    assert statuses <= {200, 503}
    assert all("Retry-After" in a.headers for a in answers if a.status_code == 503)
