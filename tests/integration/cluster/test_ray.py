"""Indexing on two real Ray nodes, alone in a network namespace; see fake/ray_nodes.py."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from milvus_server import APART, why_not_apart
from PIL import Image
from ray_nodes import RayNodes

from visavis import ImageIndex
from visavis.embedders.registry import builtin_folder
from visavis.errors import StoreError

IMAGES = int(os.environ.get("VISAVIS_TEST_RAY_IMAGES", "500"))
"""Among so many things are killed; `make test-cluster` takes ten times as many."""
MANY = 600
INSIDE = "VISAVIS_TEST_RAY"
"""The environment variable of the tests inside."""
SECONDS = 300.0

inside = pytest.mark.skipif(INSIDE not in os.environ, reason="runs in a namespace of its own")


@pytest.mark.slow
@pytest.mark.skipif(INSIDE in os.environ, reason="runs the others")
def test_two_nodes(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    if reason := why_not_apart():
        pytest.skip(reason)
    pytest_ = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--durations=9"]
    done = subprocess.run(
        [*APART, *pytest_, f"--basetemp={tmp_path / 'inside'}", __file__],
        env=os.environ | {INSIDE: "1"},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]


# -- the nodes -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def second_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("second")


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory, second_home: Path) -> Iterator[RayNodes]:
    """A head and a second node with a core each; the second has caches of its own."""
    fake = Path(__file__).parents[2]
    path = os.pathsep.join([str(fake / "plugin"), str(fake / "fake")])
    environ = os.environ | {"PYTHONPATH": path, "XDG_CACHE_HOME": str(second_home / "head")}
    with RayNodes(environ) as cluster:
        cluster.join(environ={"XDG_CACHE_HOME": str(second_home)})
        yield cluster


class Running:
    """`visavis index` by a cluster, as a process."""

    def __init__(self, nodes: RayNodes, *arguments: str | Path, **environ: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "visavis", "index", *arguments],
            env={**nodes.environ, **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def said(self, code: int = 0) -> str:
        output, _ = self._process.communicate(timeout=SECONDS)
        assert self._process.returncode == code, output
        return output

    def until(self, index: Path, records: int) -> None:
        """Wait until the index has so many."""
        end = time.monotonic() + SECONDS
        while count(index) < records:
            assert self._process.poll() is None, self._process.communicate()[0]
            assert time.monotonic() < end
            time.sleep(0.05)

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()


Index = Callable[..., Running]


@pytest.fixture
def index(nodes: RayNodes) -> Index:
    def begun(*arguments: str | Path, **environ: str) -> Running:
        return Running(nodes, *arguments, "--ray", nodes.address, **environ)

    return begun


def count(index: Path) -> int:
    try:
        with ImageIndex.open(index) as opened:
            return len(opened)
    except StoreError:
        return 0


def contents(index: Path) -> dict[str, object]:
    with ImageIndex.open(index) as opened:
        return {r.id: (r, opened.store.vector(r.id).tobytes()) for r in opened.records()}


def drawn(folder: Path, number: int) -> Path:
    folder.mkdir()
    draw = np.random.default_rng(7)
    for at in range(number):
        pixels = draw.integers(1, 255, (3, 4, 3), np.uint8).repeat(12, 0).repeat(12, 1)
        Image.fromarray(pixels).save(folder / f"{at:04}.png")
    return folder


def plain(folder: Path, model: str | Path, place: Path) -> dict[str, object]:
    with ImageIndex.create(place, model) as opened:
        opened.add(folder)
    return contents(place)


# -- the tests -------------------------------------------------------------------------------------


@inside
def test_two_nodes_index_what_one_machine_does(
    index: Index, tmp_path: Path, second_home: Path
) -> None:
    """The model is a folder that the second node does not have."""
    # So many that the second node, whose first worker has to start, comes to have some.
    photos, place = drawn(tmp_path / "photos", MANY), tmp_path / "an.index"
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff no more")
    model = tmp_path / "model"
    model.mkdir()
    for file in (builtin_folder() / "visavis-s").iterdir():
        (model / file.name).write_bytes(file.read_bytes())
    said = index(photos, "--index", place, "--model", model).said()
    assert f"{MANY} added" in said
    assert re.search(r"skipped \S+broken\.jpg: ", said)
    done = dict(re.findall(r"node (\S+): (\d+) images, \d+ a second", said))
    assert sorted(done) == ["127.0.0.1", "127.0.0.2"]
    assert sum(map(int, done.values())) == MANY + 1
    assert len(said.splitlines()) == 5, said  # nothing of Ray's own
    [travelled] = (second_home / "visavis" / "travelled").glob("*/model.onnx")
    assert travelled.read_bytes() == (model / "model.onnx").read_bytes()
    assert contents(place) == plain(photos, model, tmp_path / "plain.index")


@inside
def test_a_picture_that_ends_its_worker_is_named_and_the_rest_goes_on(
    index: Index, tmp_path: Path, plug_in: None
) -> None:
    photos, place = drawn(tmp_path / "photos", 40), tmp_path / "an.index"
    Image.new("RGB", (30, 30), "black").save(photos / "0020-deadly.png")
    said = index(photos, "--index", place, "--model", "fake-slow", "--strict").said(code=4)
    assert "40 added" in said
    assert re.search(r"skipped \S+0020-deadly\.png: the process that worked on it ended", said)
    assert count(place) == 40


@inside
def test_a_cluster_that_hangs_is_given_up(index: Index, tmp_path: Path, plug_in: None) -> None:
    photos, place = tmp_path / "photos", tmp_path / "an.index"
    photos.mkdir()
    Image.new("RGB", (30, 30), "white").save(photos / "endless.png")
    slow = ("--model", "fake-slow", "--ray-deadline", "3")
    said = index(photos, "--index", place, *slow).said(code=6)
    assert "no shard of pictures was done within 3 s" in said
    assert "127.0.0.1 (1 CPUs), 127.0.0.2 (1 CPUs)" in said
    assert len(said.splitlines()) == 1, said


@inside
def test_a_wrong_token_is_a_sentence(index: Index, tmp_path: Path) -> None:
    photos, wrong = drawn(tmp_path / "photos", 1), tmp_path / "token"
    wrong.write_text("f" * 64)
    for environ in ({"RAY_AUTH_TOKEN_PATH": str(wrong)}, {"RAY_AUTH_MODE": "disabled"}):
        said = index(photos, "--index", tmp_path / "an.index", **environ).said(code=6)
        assert said.startswith("error: the Ray cluster at 127.0.0.1:")
        assert "refuses the token; set RAY_AUTH_MODE=token" in said
        assert len(said.splitlines()) == 1, said
    assert not (tmp_path / "an.index").exists()


@inside
def test_kills_lose_nothing_but_time(
    nodes: RayNodes, index: Index, tmp_path: Path, plug_in: None
) -> None:
    """A worker, the driver, and with the second run a whole node are killed in the middle."""
    photos, place = drawn(tmp_path / "photos", IMAGES), tmp_path / "an.index"
    arguments = (photos, "--index", place, "--model", "fake-slow")
    first = index(*arguments)
    first.until(place, IMAGES // 8)
    while not (working := nodes.workers()):
        time.sleep(0.01)
    os.kill(working[0], signal.SIGKILL)
    first.until(place, IMAGES // 3)
    first.kill()
    kept = contents(place)
    second = index(*arguments)
    second.until(place, IMAGES * 2 // 3)
    nodes.kill(1)
    said = second.said()
    assert re.search(r"\d+ added, \d+ unchanged, 0 moved, 0 removed, 0 skipped", said)
    found = contents(place)
    assert kept.items() <= found.items()
    assert found == plain(photos, "fake", tmp_path / "plain.index")
    assert f"0 added, {IMAGES} unchanged" in index(*arguments).said()


@inside
def test_a_head_that_dies_is_a_sentence(
    nodes: RayNodes, index: Index, tmp_path: Path, plug_in: None
) -> None:
    photos, place = drawn(tmp_path / "photos", 800), tmp_path / "an.index"
    running = index(photos, "--index", place, "--model", "fake-slow")
    running.until(place, 1)
    nodes.kill(0)  # it was the last: the one before was killed above
    said = running.said(code=6)
    assert said.startswith(f"error: the head of the Ray cluster at {nodes.address} is gone; ")
    assert len(said.splitlines()) == 1, said
    assert 0 < count(place) < 800
