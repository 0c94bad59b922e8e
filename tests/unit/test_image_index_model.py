"""The façade and its model: gone, changed, or replaced by another."""

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from looking import looking

from visavis.embedders.registry import load_embedder
from visavis.errors import (
    IndexIncompatibleError,
    ModelNotFoundError,
    SourceError,
)
from visavis.flows.ingest import IngestOptions
from visavis.flows.reindex import reindex
from visavis.image_index import ImageIndex
from visavis.images.files import read_file
from visavis.store.sqlite.lock import writer_lock
from visavis.types import IndexReport

Draw = Callable[..., Path]

RED, GREEN, BLUE, WHITE = (200, 10, 10), (10, 200, 10), (10, 10, 200), (250, 250, 250)


def ids(index: ImageIndex, query: str, limit: int = 10) -> list[str]:
    return [match.record.id for match in index.search(query, limit=limit).matches]


def model_folder(place: Path) -> Path:
    """A model of its own: the mean colour, as a network."""
    onnx = pytest.importorskip("onnx")
    from hashlib import sha256

    nodes = [
        onnx.helper.make_node("GlobalAveragePool", ["input"], ["mean"]),
        onnx.helper.make_node("Flatten", ["mean"], ["features"]),
    ]
    float32 = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        nodes,
        "mean",
        [onnx.helper.make_tensor_value_info("input", float32, ["N", 3, 16, 16])],
        [onnx.helper.make_tensor_value_info("features", float32, ["N", 3])],
    )
    made = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)])
    made.ir_version = 8
    data = made.SerializeToString()
    place.mkdir(parents=True)
    (place / "model.onnx").write_bytes(data)
    preprocess = {"size": 16, "resize": "squash", "crop": "none", "interpolation": "bilinear"}
    preprocess |= {"channels": "RGB", "mean": [0, 0, 0], "std": [1, 1, 1], "layout": "NCHW"}
    spec = {"name": "mean", "file": "model.onnx", "sha256": sha256(data).hexdigest()}
    spec |= {"output": "features", "pool": "none", "dim": 3, "preprocess": preprocess}  # type: ignore[dict-item]
    spec |= {"license": "CC0-1.0", "origin": "drawn"}
    (place / "model.json").write_text(json.dumps(spec))
    return place


def test_a_model_that_is_gone_is_a_sentence_and_ids_still_work(tmp_path: Path, album: Path) -> None:
    place = model_folder(tmp_path / "model")
    with ImageIndex.create(tmp_path / "own.index", place) as made:
        made.add(album)
    place.rename(tmp_path / "elsewhere")
    with ImageIndex.open(tmp_path / "own.index") as opened:
        assert ids(opened, "id:red.png", 2) == ["red.png", "sub/pink.png"]
        for call in (lambda: opened.search(album / "red.png"), lambda: opened.add(album)):
            with pytest.raises(ModelNotFoundError, match=r"'mean'.*is gone.*--rebuild --model"):
                call()
        (tmp_path / "elsewhere").rename(place)
        assert opened.search(album / "red.png").matches


def test_a_model_that_changed_in_place_is_refused(tmp_path: Path, album: Path) -> None:
    place = model_folder(tmp_path / "model")
    with ImageIndex.create(tmp_path / "own.index", place) as made:
        made.add(album)
    spec = json.loads((place / "model.json").read_text())
    spec["preprocess"]["mean"] = [0.5, 0.5, 0.5]
    (place / "model.json").write_text(json.dumps(spec))
    with (
        ImageIndex.open(tmp_path / "own.index") as opened,
        pytest.raises(IndexIncompatibleError, match=r"'mean' has changed.*--rebuild"),
    ):
        opened.search(album / "red.png")
    with pytest.raises(IndexIncompatibleError, match="another version of 'mean'"):
        ImageIndex.create(tmp_path / "own.index", place)


def test_a_rebuild_with_another_model_is_followed_by_open_readers(
    filled: ImageIndex, album: Path
) -> None:
    with ImageIndex.open(filled.path) as reader:
        assert ids(reader, str(album / "red.png"), 1) == ["red.png"]
        assert reader.info().dim == 3
        before = {record.id: record for record in reader}
        report = filled.rebuild("fake-halves")
        assert (report.added, report.failed) == (5, [])
        for index in (reader, filled):
            assert ids(index, "id:red.png", 1) == ["red.png"]
            assert ids(index, str(album / "blue.png"), 1) == ["blue.png"]
            assert (index.info().dim, index.info().model) == (6, "fake-halves")
            assert {record.id: record for record in index} == before
        assert reader.add(album).unchanged == 5
    assert not (filled.path / "rebuild.sqlite").exists()


def test_a_writer_that_waited_for_a_rebuild_writes_with_the_new_model(
    filled: ImageIndex, album: Path, draw: Draw
) -> None:
    with ImageIndex.open(filled.path, lock_seconds=10) as other:
        other.search(album / "red.png")  # its model is loaded: the old one
        draw("photos/new.png", (100, 100, 10))
        with ThreadPoolExecutor(1) as pool:
            with writer_lock(filled.path):
                waiting = pool.submit(other.add, album)
                time.sleep(0.3)  # until it waits
                reindex(filled.store, load_embedder("fake-halves"), read_file, IngestOptions(1))
            assert waiting.result().added == 1
        assert other.store.vector("new.png").shape == (6,)
        assert ids(other, "id:new.png", 1) == ["new.png"]


def test_a_rebuild_that_was_stopped_goes_on(index: ImageIndex, draw: Draw) -> None:
    for at in range(60):
        draw(f"many/{at:02}.png", (4 * at, 250 - 4 * at, at), at)
    folder = draw("many/60.png", RED).parent
    index.add(folder)
    before = index.search("id:60.png", limit=61)

    def stop(report: IndexReport) -> None:
        if report.added >= 16:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index.rebuild("fake-halves", progress=stop)
    assert index.info().model == "fake"
    assert index.search("id:60.png", limit=61).matches == before.matches
    report = index.rebuild("fake-halves")
    assert report.unchanged >= 16
    assert report.added + report.unchanged == 61
    assert index.info().model == "fake-halves"
    with ImageIndex.create(index.path.with_name("fresh.index"), "fake-halves") as fresh:
        fresh.add(folder)
        expected = fresh.search("id:60.png", limit=61).matches
    found = index.search("id:60.png", limit=61).matches
    assert [(m.record, m.score) for m in found] == [(m.record, m.score) for m in expected]


def test_a_rebuild_refuses_when_many_pictures_are_away(filled: ImageIndex, album: Path) -> None:
    (album / "red.png").unlink()
    before = filled.search("id:blue.png").matches
    with pytest.raises(SourceError, match=r"1 of 5 pictures cannot be read.*red\.png.*left as it"):
        filled.rebuild("fake-halves")
    assert filled.info().model == "fake"
    assert filled.search("id:blue.png").matches == before
    assert len(filled) == 5


def test_a_rebuild_that_is_refused_says_why(filled: ImageIndex, album: Path, draw: Draw) -> None:
    white = draw("album/white.png", (255, 255, 255))
    filled.add(white.parent)
    with pytest.raises(SourceError) as caught:
        filled.rebuild("fake-picky")
    told = str(caught.value)
    assert "1 of 6 pictures cannot be read, or not by this model (the first: " in told
    assert f"{white}: the model" in told


def test_a_rebuild_drops_the_few_that_are_away(index: ImageIndex, draw: Draw) -> None:
    for at in range(20):
        draw(f"many/{at:02}.png", (4 * at, 250 - 4 * at, at), at)
    folder = draw("many/20.png", RED).parent
    index.add(folder)
    (folder / "07.png").unlink()
    report = index.rebuild("fake-halves")
    assert (report.added, len(report.failed)) == (20, 1)
    assert "07.png" not in index
    assert len(index) == 20 == len(index.search("id:20.png", limit=50).matches)


def test_a_rebuild_drops_the_few_that_the_model_cannot_take(
    index: ImageIndex, draw: Draw, tmp_path: Path
) -> None:
    for number in range(19):
        folder = draw(f"{number}.png", (10 * number, 90, 10)).parent
    draw("white.png", (255, 255, 255))
    index.add(folder)
    report = index.rebuild("fake-picky")
    assert [Path(failure.uri).name for failure in report.failed] == ["white.png"]
    assert (report.added, len(index)) == (19, 19)
    assert index.info().model == "fake-picky"
    assert ids(index, "id:3.png", limit=2)[0] == "3.png"


def test_a_question_during_a_rebuild_is_answered_by_one_model_or_the_other(
    filled: ImageIndex, album: Path
) -> None:
    readers = threading.local()

    def look() -> None:
        if not hasattr(readers, "own"):
            readers.own = ImageIndex.open(filled.path)
        for question in ("id:red.png", str(album / "red.png")):
            try:
                found = ids(readers.own, question)
            except IndexIncompatibleError as error:
                if "ask again" not in str(error):
                    raise
            else:
                assert (len(found), found[0]) == (5, "red.png")

    with looking(look, threads=3) as wrong:
        for turn in range(10):
            filled.rebuild(("fake-halves", "fake")[turn % 2])
    assert wrong == []
