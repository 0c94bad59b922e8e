"""Workers that die, hang or are not as they must be; see fake/near_session.py."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from near_session import NearSession
from visavis_fake import FakeEmbedder

from visavis.cluster import task
from visavis.cluster.task import Wanted
from visavis.cluster.workers import Cluster
from visavis.errors import ClusterError, ModelError
from visavis.flows.ingest import IngestOptions, ingest
from visavis.sources.folder import FolderSource
from visavis.sources.paths import PathList
from visavis.store.sqlite.store import SqliteStore

Draw = Callable[..., Path]


def by(session: NearSession, seconds: float = 60.0) -> IngestOptions:
    return IngestOptions(1, hire=Cluster(session, "cpu", seconds).hire)


@pytest.fixture
def photos(tmp_path: Path, draw: Draw) -> Path:
    for at in range(60):
        draw(f"photos/{at:02}.png", (at, 2 * at, 9), at)
    return tmp_path / "photos"


def test_a_picture_that_ends_its_worker_is_found_and_the_others_go_on(
    store: SqliteStore, fake: FakeEmbedder, photos: Path, plug_in: None
) -> None:
    deadly = {"07.png", "33.png"}
    deaths = 0

    def kills(shard: Sequence[Wanted]) -> bool:
        nonlocal deaths
        died = any(wanted.entry.id in deadly for wanted in shard)
        deaths += died
        return died

    report = ingest(FolderSource(photos), store, fake, by(NearSession(kills)))
    assert {Path(failure.uri).name for failure in report.failed} == deadly
    assert "ended each time" in report.failed[0].reason
    assert {record.id for record in store.records()} == {
        path.name for path in photos.iterdir() if path.name not in deadly
    }
    assert deaths <= 2 * (5 + 3)  # of 32, 16, 8, 4 and 2, and three of it alone


def test_a_worker_that_dies_once_costs_nothing(
    store: SqliteStore, fake: FakeEmbedder, photos: Path, plug_in: None
) -> None:
    deaths = iter([True, True, True])
    session = NearSession(lambda shard: next(deaths, False))
    report = ingest(FolderSource(photos), store, fake, by(session))
    assert (report.added, report.failed, next(deaths, False)) == (60, [], False)


def test_where_every_worker_dies_the_run_ends(
    store: SqliteStore, fake: FakeEmbedder, photos: Path, plug_in: None
) -> None:
    with pytest.raises(ClusterError, match="20 pictures in a row"):
        ingest(FolderSource(photos), store, fake, by(NearSession(lambda shard: True)))


def test_a_cluster_that_does_nothing_is_given_up_with_its_nodes_named(
    store: SqliteStore, fake: FakeEmbedder, photos: Path
) -> None:
    with pytest.raises(ClusterError, match=r"within 0.01 s; nodes alive: 10.0.0.1 \(2 CPUs\)"):
        ingest(FolderSource(photos), store, fake, by(NearSession(hangs=True), 0.01))


def test_a_worker_without_the_model_ends_the_run_with_its_name(
    store: SqliteStore, photos: Path
) -> None:
    unknown = FakeEmbedder(name="fake-nobody-has")
    unknown.fingerprint = "nobody's"
    with pytest.raises(ModelError, match=r"node 10\.0\.0\.1 .* cannot use the model: no model"):
        ingest(FolderSource(photos), store, unknown, by(NearSession()))


def test_a_worker_with_another_version_ends_the_run(
    store: SqliteStore, fake: FakeEmbedder, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task, "__version__", "0.0.7")
    with pytest.raises(
        ClusterError, match=r"10\.0\.0\.1 .* cannot take part: it has visavis 0\.0\.7"
    ):
        ingest(FolderSource(photos), store, fake, by(NearSession()))


def test_a_node_that_does_not_see_the_pictures_ends_the_run(
    store: SqliteStore, fake: FakeEmbedder, photos: Path, plug_in: None, tmp_path: Path
) -> None:
    """The node's mount is another one: names of files that only this machine has."""

    class Elsewhere(NearSession):
        def result(self, sent: int) -> task.Done | task.Refused:
            away = photos.rename(tmp_path / "away")
            try:
                return super().result(sent)
            finally:
                away.rename(photos)

    with pytest.raises(ClusterError, match=r"10\.0\.0\.1 .* cannot read .*png .*the same path"):
        ingest(FolderSource(photos), store, fake, by(Elsewhere()))
    assert len(list(store.records())) == 0


def test_pictures_that_nobody_sees_are_failures_as_ever(
    store: SqliteStore, fake: FakeEmbedder, photos: Path, plug_in: None
) -> None:
    names = [str(path) for path in sorted(photos.iterdir())]

    class Late(NearSession):
        def result(self, sent: int) -> task.Done | task.Refused:
            for name in names[:40]:
                Path(name).unlink(missing_ok=True)
            return super().result(sent)

    report = ingest(PathList(names), store, fake, by(Late()))
    assert (report.added, len(report.failed)) == (20, 40)
