"""Who reads, decodes and embeds for a run: whoever it is, the index has the same afterwards."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from near_session import NearSession
from PIL import Image

from visavis.cluster.workers import Cluster
from visavis.flows.workers.base import Hire
from visavis.flows.workers.threads import Threads
from visavis.image_index import ImageIndex
from visavis.store.capabilities import has_evidence

KINDS: dict[str, Callable[[], Hire]] = {
    "threads": lambda: Threads,
    "cluster": lambda: Cluster(NearSession(), "cpu", 60.0).hire,
}


@pytest.fixture(params=KINDS)
def hire(request: pytest.FixtureRequest) -> Hire:
    return KINDS[request.param]()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """70 pictures, two of one content, one that is broken and one that is empty."""
    folder = tmp_path / "photos"
    folder.mkdir()
    draw = np.random.default_rng(5)
    for at in range(70):
        pixels = draw.integers(0, 255, (24, 32, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{at:02}.png")
    (folder / "69.png").write_bytes((folder / "00.png").read_bytes())
    (folder / "broken.png").write_bytes((folder / "01.png").read_bytes()[:200])
    (folder / "empty.jpg").touch()
    return folder


def contents(index: ImageIndex) -> dict[str, object]:
    assert has_evidence(index.store)
    return {
        record.id: (
            record,
            index.store.vector(record.id).tobytes(),
            index.store.evidence.signatures([record.sha256])[record.sha256],
        )
        for record in index.records()
    }


@pytest.mark.parametrize("model", ["classic", "0.7:visavis-s+0.3:classic"])
def test_the_index_is_that_of_this_machine_alone(
    tmp_path: Path, photos: Path, hire: Hire, model: str
) -> None:
    with ImageIndex.create(tmp_path / "plain.index", model, jobs=2) as index:
        index.add(photos)
        expected = contents(index)
    with ImageIndex.create(tmp_path / "an.index", model, jobs=2, workers=hire) as index:
        report = index.add(photos)
        assert (report.added, len(report.failed)) == (70, 2)
        assert {Path(failure.uri).name for failure in report.failed} == {"broken.png", "empty.jpg"}
        assert contents(index) == expected
        again = index.add(photos)
        assert (again.added, again.unchanged, len(again.failed)) == (0, 70, 2)


def test_what_is_changed_touched_moved_and_gone_is_noticed(
    tmp_path: Path, photos: Path, hire: Hire
) -> None:
    with ImageIndex.create(tmp_path / "an.index", "classic", jobs=2, workers=hire) as index:
        index.add(photos)
        vectors = {id: index.store.vector(id).tolist() for id in ("02.png", "03.png")}
        (photos / "02.png").touch()
        (photos / "03.png").rename(photos / "moved.png")
        (photos / "04.png").unlink()
        Image.new("RGB", (40, 30), "red").save(photos / "05.png")
        report = index.add(photos)
        assert (report.added, report.moved, report.removed) == (1, 1, 1)
        assert report.unchanged == 67
        assert index.store.vector("02.png").tolist() == vectors["02.png"]
        assert index.store.vector("moved.png").tolist() == vectors["03.png"]
        assert index.store.get("05.png").width == 40
        assert index.add(photos).unchanged == 69


def test_a_catalogue_gives_its_fields(tmp_path: Path, gallery: Path, hire: Hire) -> None:
    with ImageIndex.create(tmp_path / "an.index", "classic", workers=hire) as index:
        index.add(gallery)
        assert len(index) == 16
        assert index.store.get("lamp-01-front").fields["product"] == "lamp-01"
