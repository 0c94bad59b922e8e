"""An index whose vectors were computed elsewhere, over HTTP."""

from pathlib import Path

from served import Clients

from visavis import ImageIndex, import_vectors


def test_records_are_asked_with_and_pictures_are_refused_in_a_sentence(
    clients: Clients, drawn: Path, drawn_index: Path, tmp_path: Path
) -> None:
    with ImageIndex.open(drawn_index) as index:
        index.export(tmp_path / "o.faiss")
    import_vectors(tmp_path / "o.faiss", tmp_path / "new.index", model="vgg")
    client = clients(tmp_path / "new.index")
    assert client.get("/readyz").status_code == 200
    info = client.get("/v1/info").json()
    assert (info["model"], info["text"], info["classes"]) == ("vgg", False, 0)
    similar = client.get("/v1/images/mug-01-front/similar?limit=3").json()
    assert len(similar["results"]) == 3
    assert client.get("/v1/images/mug-01-front/thumbnail").status_code == 200
    picture = (drawn / "images" / "mug-01-front.jpg").read_bytes()
    refused = client.post("/v1/search", files={"image": picture})
    assert refused.status_code == 422
    assert "does not have the model 'vgg'" in refused.json()["error"]["message"]
    assert str(tmp_path) not in refused.text
    words = client.post("/v1/search", json={"terms": [{"text": "coral mug"}]}).json()
    assert words["results"][0]["fields"]["title"] == "Coral mug"
