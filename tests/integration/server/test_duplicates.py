"""Duplicates over HTTP: the scan in the background, groups, decisions, plans."""

import json
import os
import shutil
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pictures import shapes
from PIL import Image
from served import BASE, Clients, KeyFile
from starlette.testclient import TestClient

from visavis.image_index import ImageIndex
from visavis.server.app import create_app
from visavis.server.options import ServerOptions

PATH = "/v1/duplicates"


def draw(folder: Path) -> None:
    """Two pictures with edited copies, one with a byte twin, one alone."""
    folder.mkdir()
    for seed in range(4):
        shapes(seed).save(folder / f"{seed}.jpg", quality=92)
        os.utime(folder / f"{seed}.jpg", (1_000_000 + seed, 1_000_000 + seed))
    with Image.open(folder / "0.jpg") as picture:
        picture.resize((160, 120)).save(folder / "0-small.jpg", quality=80)
        picture.convert("L").save(folder / "0-grey.jpg", quality=60)
        picture.save(folder / "0-lossless.png")
    shapes(1).save(folder / "1-again.jpg", quality=40)
    shutil.copy(folder / "2.jpg", folder / "2-twin.jpg")


def cropped(path: Path) -> bytes:
    out = BytesIO()
    with Image.open(path) as picture:
        picture.crop((40, 30, 300, 225)).save(out, "JPEG")
    return out.getvalue()


@pytest.fixture(scope="module")
def drawn_copies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """pictures/ and pictures.index. Not to be changed."""
    place = tmp_path_factory.mktemp("copies")
    draw(place / "pictures")
    with ImageIndex.create(place / "pictures.index", "classic") as index:
        index.add(place / "pictures")
    return place


@pytest.fixture
def place(drawn_copies: Path, tmp_path: Path) -> Path:
    """An index and pictures that may be changed."""
    draw(tmp_path / "pictures")
    with ImageIndex.create(tmp_path / "pictures.index", "classic") as index:
        index.add(tmp_path / "pictures")
    return tmp_path


@pytest.fixture
def own_index(drawn_copies: Path, tmp_path: Path) -> Path:
    """An index that may be changed, of pictures that may not."""
    return Path(shutil.copytree(drawn_copies / "pictures.index", tmp_path / "own.index"))


@pytest.fixture
def owner(clients: Clients, own_index: Path, keys: KeyFile) -> TestClient:
    """A client that may write."""
    return clients(own_index, headers=keys.writer, key_file=keys.path)


@pytest.fixture
def keeper(clients: Clients, place: Path, keys: KeyFile) -> TestClient:
    """The same over an index whose pictures may be changed, too."""
    return clients(place / "pictures.index", headers=keys.writer, key_file=keys.path)


def scanned(client: TestClient, path: str = PATH) -> dict[str, Any]:
    """What is found once the scan is over."""
    for _ in range(600):
        answer = client.get(path)
        assert answer.status_code == 200, answer.text
        shape: dict[str, Any] = answer.json()
        if shape["scan"]["state"] == "done":
            return shape
        time.sleep(0.05)
    raise AssertionError("the scan does not end")


def ids(group: dict[str, Any]) -> set[str]:
    return {record["id"] for record in group["records"]}


def decide(client: TestClient, one: str, other: str, verdict: str, **more: Any) -> Any:
    body = {"one": one, "other": other, "verdict": verdict, **more}
    return client.post(f"{PATH}/decisions", json=body)


def test_the_groups_are_those_of_the_library(clients: Clients, drawn_copies: Path) -> None:
    index = drawn_copies / "pictures.index"
    found = scanned(clients(index))
    with ImageIndex.open(index) as opened:
        report = opened.duplicates.find()
    wanted = [[record.id for record in group.records] for group in report.groups]
    assert [[record["id"] for record in group["records"]] for group in found["groups"]] == wanted
    assert sorted(map(len, wanted)) == [2, 2, 4]
    assert found["total"] == len(wanted)
    assert (found["scan"]["scanned"], found["scan"]["stale"]) == (9, False)


def test_facts_say_how_files_were_saved(clients: Clients, drawn_copies: Path) -> None:
    found = scanned(clients(drawn_copies / "pictures.index"))
    records = {record["id"]: record for group in found["groups"] for record in group["records"]}
    told = {id: (one["format"], one["quality"], one["lossless"]) for id, one in records.items()}
    assert told["0.jpg"] == ("JPEG", 92, False)
    assert told["0-grey.jpg"] == ("JPEG", 60, False)
    assert told["0-lossless.png"] == ("PNG", None, True)
    assert records["0-small.jpg"]["width"] == 160
    assert all(record["trouble"] is None for record in records.values())
    assert all(str(drawn_copies) not in json.dumps(record) for record in records.values())


def test_pages_neither_repeat_nor_lose_a_group(clients: Clients, drawn_copies: Path) -> None:
    client = clients(drawn_copies / "pictures.index")
    whole = scanned(client)
    parts = [client.get(PATH, params={"limit": 1, "offset": at}).json() for at in range(4)]
    assert [part["groups"] for part in parts] == [*([group] for group in whole["groups"]), []]
    assert [group["number"] for group in whole["groups"]] == [0, 1, 2]
    # Of twins with the same bytes nothing is to be decided.
    twins = next(
        group["number"] for group in whole["groups"] if ids(group) == {"2.jpg", "2-twin.jpg"}
    )
    assert whole["groups"][twins]["open"] == []
    assert whole["open"] == 2
    opened = [at for at in range(3) if at != twins]
    assert parts[0]["next_open"] == next(at for at in opened if at > 0)
    assert parts[3]["previous_open"] == opened[-1]


def test_relations_need_no_scan_of_their_own(clients: Clients, drawn_copies: Path) -> None:
    client = clients(drawn_copies / "pictures.index")
    version = scanned(client)["scan"]["version"]
    exact = client.get(PATH, params={"relation": "exact"}).json()
    assert (exact["scan"]["version"], exact["scan"]["state"]) == (version, "done")
    assert [ids(group) for group in exact["groups"]] == [{"2.jpg", "2-twin.jpg"}]
    assert client.get(PATH, params={"relation": "similar"}).status_code == 422


def test_a_decision_is_kept_and_closes_its_pair(owner: TestClient, own_index: Path) -> None:
    scanned(owner)
    answer = decide(owner, "1.jpg", "1-again.jpg", "better", before="undecided")
    assert answer.json() == {"verdict": "better", "before": "undecided"}
    found = scanned(owner)
    group = next(group for group in found["groups"] if "1.jpg" in ids(group))
    digests = {record["id"]: record["sha256"] for record in group["records"]}
    assert group["open"] == []
    assert group["best"] == digests["1.jpg"]
    assert group["decisions"] == [
        {"one": digests["1.jpg"], "other": digests["1-again.jpg"], "verdict": "better"}
    ]
    assert (found["open"], found["scan"]["stale"]) == (1, False)
    with ImageIndex.open(own_index) as index:
        assert index.duplicates.decisions().about(digests["1.jpg"], digests["1-again.jpg"])


def test_the_best_so_far_is_compared_with_the_next(owner: TestClient) -> None:
    scanned(owner)
    first = next(group for group in scanned(owner)["groups"] if len(group["records"]) == 4)
    assert len(first["open"]) == 3
    digests = {record["sha256"]: record["id"] for record in first["records"]}
    one, other = (digests[first["open"][0][end]] for end in ("one", "other"))
    decide(owner, one, other, "worse")
    second = next(group for group in scanned(owner)["groups"] if len(group["records"]) == 4)
    assert [digests[pair["one"]] for pair in second["open"]] == [other, other]
    for pair in second["open"]:
        decide(owner, other, digests[pair["other"]], "alternate")
    done = next(group for group in scanned(owner)["groups"] if len(group["records"]) == 4)
    assert done["open"] == []


def test_a_decision_is_taken_back_or_replaced(owner: TestClient) -> None:
    assert decide(owner, "1.jpg", "1-again.jpg", "alternate").json()["before"] == "undecided"
    assert decide(owner, "1-again.jpg", "1.jpg", "better").json()["before"] == "alternate"
    assert decide(owner, "1.jpg", "1-again.jpg", "undecided").json()["before"] == "worse"
    assert decide(owner, "1.jpg", "1-again.jpg", "undecided").status_code == 200


def test_two_who_decide_at_once_hear_of_one_another(owner: TestClient) -> None:
    with ThreadPoolExecutor(4) as threads:
        verdicts = ["same", "alternate", "not-related", "better"]
        answers = list(
            threads.map(
                lambda verdict: decide(owner, "1.jpg", "1-again.jpg", verdict, before="undecided"),
                verdicts,
            )
        )
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    [kept] = [answer.json()["verdict"] for answer in answers if answer.status_code == 200]
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert refused.json()["error"]["type"] == "ConflictError"
    assert kept in refused.json()["error"]["message"]
    assert decide(owner, "1.jpg", "1-again.jpg", "undecided").json()["before"] == kept


def test_contradictions_are_refused_and_change_nothing(owner: TestClient) -> None:
    decide(owner, "0.jpg", "0-small.jpg", "same")
    decide(owner, "0-small.jpg", "0-grey.jpg", "same")
    refused = decide(owner, "0.jpg", "0-grey.jpg", "not-related")
    assert refused.status_code == 422
    assert "duplicates" in refused.json()["error"]["message"]


NONSENSE: list[tuple[dict[str, Any], int]] = [
    ({"verdict": "prettier"}, 422),
    ({"verdict": None}, 422),
    ({"one": "nobody.jpg"}, 404),
    ({"one": "nobody\0.jpg"}, 404),
    ({"one": "/etc/hostname"}, 404),
    ({"one": 7}, 422),
    ({"other": "1.jpg"}, 422),
    ({"one": "2.jpg", "other": "2-twin.jpg"}, 422),
    ({"sha256": ["0" * 64, "1" * 64]}, 409),
    ({"sha256": ["zero", "one"]}, 422),
    ({"before": "same"}, 409),
    ({"more": 1}, 422),
]


def test_decisions_that_make_no_sense_are_refused(owner: TestClient, drawn_copies: Path) -> None:
    right = {"one": "1.jpg", "other": "1-again.jpg", "verdict": "same"}
    for change, status in [
        *NONSENSE,
        # A file of this machine is no record, however well it is known.
        ({"one": str(drawn_copies / "pictures" / "1.jpg")}, 404),
    ]:
        answer = owner.post(f"{PATH}/decisions", json=right | change)
        assert answer.status_code == status, answer.text
    assert scanned(owner)["open"] == 2


def test_bodies_of_another_kind_are_refused(owner: TestClient) -> None:
    for path in ("decisions", "plan", "scan"):
        assert owner.post(f"{PATH}/{path}?verdict=same").status_code == 422
    assert owner.post(f"{PATH}/decisions", content=b"\0").status_code == 415
    kind = {"content-type": "application/json"}
    for body in (b"", b"[]", b"{", b'{"one": "\xff"}'):
        assert owner.post(f"{PATH}/decisions", content=body, headers=kind).status_code == 422


def test_deciding_and_plan_files_need_a_key_that_writes(
    clients: Clients, drawn_copies: Path, keys: KeyFile
) -> None:
    index = drawn_copies / "pictures.index"
    for client, status in (
        (clients(index), 403),
        (clients(index, key_file=keys.path), 401),
        (clients(index, key_file=keys.path, headers=keys.reader), 403),
        (clients(index, key_file=keys.path, headers=keys.writer, read_only=True), 403),
    ):
        assert decide(client, "1.jpg", "1-again.jpg", "same").status_code == status
        assert client.post(f"{PATH}/plan", json={"keep": ["largest"]}).status_code == status
    nobody = clients(index, key_file=keys.path)
    assert nobody.get(PATH).status_code == nobody.post(f"{PATH}/scan").status_code == 401


def test_changed_records_are_told_and_looked_at_again_when_that_is_asked(
    keeper: TestClient, place: Path
) -> None:
    owner = keeper
    version = scanned(owner)["scan"]["version"]
    shutil.copy(place / "pictures" / "3.jpg", place / "pictures" / "3-twin.jpg")
    (place / "pictures" / "1-again.jpg").unlink()
    owner.delete("/v1/images/0-grey.jpg")
    with ImageIndex.open(place / "pictures.index") as index:
        index.add(place / "pictures" / "3-twin.jpg")
        name = next(one.id for one in index.records() if "3-twin" in one.id)
    found = scanned(owner)
    assert (found["scan"]["stale"], found["scan"]["version"]) == (True, version)
    trouble = {
        record["id"]: record["trouble"] for group in found["groups"] for record in group["records"]
    }
    assert trouble["1-again.jpg"] == "there is no such file; index again"
    assert trouble["0-grey.jpg"] == "it is not in the index any more"
    assert owner.post(f"{PATH}/scan").json()["scan"]["state"] == "running"
    again = scanned(owner)
    assert (again["scan"]["stale"], again["scan"]["version"] == version) == (False, False)
    assert {"3.jpg", name} in [ids(group) for group in again["groups"]]
    # And where nothing has changed, nothing is done.
    assert owner.post(f"{PATH}/scan").json()["scan"]["state"] == "done"


def test_on_a_public_server_scans_rest_between(clients: Clients, place: Path) -> None:
    anyone = clients(place / "pictures.index", public=True)
    assert scanned(anyone)["scan"]["stale"] is False
    with ImageIndex.open(place / "pictures.index") as index:
        index.remove("3.jpg")
    refused = anyone.post(f"{PATH}/scan")
    assert (refused.status_code, refused.json()["error"]["type"]) == (429, "TooManyRequestsError")
    assert int(refused.headers["retry-after"]) >= 1
    found = scanned(anyone)  # what was found is shown meanwhile
    assert (found["scan"]["stale"], found["total"]) == (True, 3)


def test_another_index_in_its_place_is_scanned_anew(
    clients: Clients, place: Path, tmp_path: Path
) -> None:
    client = clients(place / "pictures.index")
    assert scanned(client)["total"] == 3
    with ImageIndex.create(tmp_path / "other.index", "classic") as index:
        index.add(place / "pictures" / "3.jpg")
    shutil.rmtree(place / "pictures.index")
    (tmp_path / "other.index").rename(place / "pictures.index")
    time.sleep(0.6)  # how often the server looks
    assert scanned(client)["total"] == 0


def test_a_plan_is_the_file_that_the_command_line_applies(
    keeper: TestClient, place: Path, tmp_path: Path
) -> None:
    owner = keeper
    scanned(owner)
    preview = owner.get(f"{PATH}/plan", params={"keep": ["best-quality", "oldest"]}).json()
    assert str(place) not in json.dumps(preview)
    answer = owner.post(f"{PATH}/plan", json={"keep": ["best-quality,oldest"]})
    assert 'filename="plan.json"' in answer.headers["content-disposition"]
    plan = answer.json()
    moved = [file for file in plan["files"] if file["action"] == "move"]
    assert (preview["move"], preview["groups"], preview["settled"]) == (len(moved), 3, 3)
    assert preview["bytes"] == sum(file["size"] for file in moved)
    by_record = {(file["group"] - 1, file["id"], file["action"]) for file in plan["files"]}
    assert by_record == {(one["group"], one["id"], one["action"]) for one in preview["files"]}
    (tmp_path / "plan.json").write_bytes(answer.content)
    with ImageIndex.open(place / "pictures.index") as index:
        assert index.duplicates.apply(tmp_path / "plan.json").done == len(moved)
        assert index.duplicates.undo(tmp_path / "plan.json").done == len(moved)


def test_readers_cannot_find_out_where_files_lie(clients: Clients, drawn_copies: Path) -> None:
    client = clients(drawn_copies / "pictures.index")
    scanned(client)
    for keep in ("path:/home/*", "largest,path:/home/*", "prettiest", ""):
        assert client.get(f"{PATH}/plan", params={"keep": keep}).status_code == 422
    assert client.get(f"{PATH}/plan").status_code == 422


def test_plans_wait_for_the_scan(owner: TestClient) -> None:
    first = owner.post(f"{PATH}/plan", json={"keep": ["largest"]})
    if first.status_code != 200:  # it may be over in no time
        assert (first.status_code, first.headers["retry-after"]) == (409, "2")
    scanned(owner)
    assert owner.post(f"{PATH}/plan", json={"keep": ["largest"]}).status_code == 200
    assert owner.post(f"{PATH}/plan", json={"keep": ["prettiest"]}).status_code == 422


def test_many_who_ask_at_once_begin_one_scan(clients: Clients, drawn_copies: Path) -> None:
    client = clients(drawn_copies / "pictures.index", threads=8)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: client.get(PATH), range(24)))
        named = [thread.name for thread in threading.enumerate()]
    assert named.count("visavis-duplicates") <= 1
    assert scanned(client)["total"] == 3


def test_an_index_that_cannot_be_written_is_scanned_all_the_same(
    clients: Clients, place: Path, keys: KeyFile
) -> None:
    (place / "pictures" / "3-crop.jpg").write_bytes(cropped(place / "pictures" / "3.jpg"))
    with ImageIndex.open(place / "pictures.index") as index:
        index.add(place / "pictures")
        client = clients(
            place / "pictures.index", headers=keys.writer, key_file=keys.path, lock_seconds=0.1
        )
        with index.writing():
            assert scanned(client)["total"] >= 3
            refused = decide(client, "1.jpg", "1-again.jpg", "same")
    assert (refused.status_code, refused.json()["error"]["type"]) == (503, "IndexLockedError")
    assert decide(client, "1.jpg", "1-again.jpg", "same").status_code == 200


def test_a_server_that_stops_breaks_its_scan_off(drawn_copies: Path, tmp_path: Path) -> None:
    """And the next one goes on: nothing is left behind that would be in its way."""
    index = Path(shutil.copytree(drawn_copies / "pictures.index", tmp_path / "i"))
    for _ in range(2):
        with TestClient(create_app(ServerOptions(index)), base_url=BASE) as client:
            client.get(PATH)
        assert "visavis-duplicates" not in [thread.name for thread in threading.enumerate()]
    with TestClient(create_app(ServerOptions(index)), base_url=BASE) as client:
        assert scanned(client)["total"] == 3


def test_an_older_index_says_what_it_lacks(clients: Clients, place: Path) -> None:
    with sqlite3.connect(place / "pictures.index" / "index.sqlite") as database:
        database.execute("DELETE FROM signatures")
    found = scanned(clients(place / "pictures.index"))
    assert "(those of an older version with --refresh)" in " ".join(found["scan"]["notes"])


def test_what_one_worker_has_compared_another_need_not(clients: Clients, place: Path) -> None:
    workers = [clients(place / "pictures.index") for _ in range(2)]
    for worker in workers:  # both begin at once
        assert worker.get(PATH).json()["scan"]["state"] == "running"
    first, second = (scanned(worker)["scan"]["version"] for worker in workers)
    assert first == second
    apps: list[Any] = [worker.app for worker in workers]
    found = [app.state.visavis.scanner.look for app in apps]
    reads = []
    for app, look in zip(apps, found, strict=True):
        with app.state.visavis.current.use() as index:
            reads.append(look(index).done_with().reports["near_duplicate"].read)
    assert min(reads) == 0
    assert max(reads) > 0
