"""Indexing runs that are stopped, that fail, and that are long."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from listed import Listed
from taking_in import RED, Run, counts, png
from visavis_fake import FakeEmbedder

from visavis.errors import ModelError, StoreError
from visavis.flows.ingest import IngestOptions, _Run, ingest
from visavis.store.sqlite.store import SqliteStore
from visavis.types import RGB, Entry, Failure, IndexReport, Vectors

# -- progress, stops and failures ------------------------------------------------------------------


def test_progress_counts_only_what_is_on_disk(store: SqliteStore, run: Run, tmp_path: Path) -> None:
    other = SqliteStore(tmp_path / "an.index")
    told: list[int] = []

    def progress(report: IndexReport) -> None:
        told.append(report.added)
        assert other.info().records == report.added

    run(Listed([(f"{at}", png(RED, at)) for at in range(600)]), progress)
    other.close()
    assert told[-1] == 600
    assert told == sorted(told)
    assert len(told) >= 3


def test_an_interrupted_run_keeps_what_was_committed_and_the_next_picks_up(
    store: SqliteStore, run: Run, fake: FakeEmbedder
) -> None:
    source = Listed([(f"{at}", png(RED, at)) for at in range(900)])

    def interrupt(report: IndexReport) -> None:
        if report.added >= 256:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(source, interrupt)
    held = store.info().records
    assert 256 <= held < 900
    report = run(source)
    assert counts(report) == (900 - held, held, 0, 0, 0)
    assert fake.embedded <= 900 + 8 * 7  # what was in hand was dropped


def test_a_stop_while_reading_keeps_what_is_ready(store: SqliteStore, run: Run) -> None:
    source = Listed([(f"{at}", png(RED, at)) for at in range(900)])

    def stop(at: int) -> None:
        if at == 700:
            raise KeyboardInterrupt

    source.told = stop
    with pytest.raises(KeyboardInterrupt):
        run(source)
    assert 400 <= store.info().records <= 512
    source.told = lambda at: None
    run(source)
    assert store.info().records == 900


class Tiring(FakeEmbedder):
    """A model that fails after a while."""

    def embed_images(self, images: Sequence[RGB]) -> Vectors:
        if self.embedded >= 300:
            raise ModelError("the device was lost")
        return super().embed_images(images)


def test_a_model_that_fails_midway_stops_the_run_and_keeps_the_rows(store: SqliteStore) -> None:
    source = Listed([(f"{at}", png(RED, at)) for at in range(500)])
    with pytest.raises(ModelError, match="the device was lost"):
        ingest(source, store, Tiring(), IngestOptions(2))
    assert 200 <= store.info().records <= 320


class Broken(FakeEmbedder):
    """A plug-in that does not keep what it promised."""

    def __init__(self, made: Callable[[int], Vectors]) -> None:
        super().__init__()
        self._made = made

    def embed_images(self, images: Sequence[RGB]) -> Vectors:
        return self._made(len(images))


@pytest.mark.parametrize(
    "made",
    [
        lambda count: np.full((count, 3), np.nan, np.float32),
        lambda count: np.ones((count, 4), np.float32),
        lambda count: np.ones((count + 1, 3), np.float32),
    ],
    ids=["not finite", "of another length", "too many"],
)
def test_vectors_that_no_model_should_make_are_refused(
    store: SqliteStore, made: Callable[[int], Vectors]
) -> None:
    with pytest.raises(ModelError, match=r"'fake'.*vectors"):
        ingest(Listed([("a", png(RED))]), store, Broken(made), IngestOptions(1))
    assert store.info().records == 0


def test_a_store_that_fails_stops_the_run_with_its_own_error(
    store: SqliteStore, fake: FakeEmbedder
) -> None:
    def close(report: IndexReport) -> None:
        if report.added:
            store.close()

    with pytest.raises(StoreError, match="closed"):
        ingest(
            Listed([(f"{at}", png(RED, at)) for at in range(600)]),
            store,
            fake,
            IngestOptions(2),
            close,
        )


def test_memory_does_not_grow_with_the_number_of_images(store: SqliteStore, run: Run) -> None:
    """How many pictures were read and not yet embedded is bounded, whatever their number."""
    embedder = FakeEmbedder()
    ahead: list[int] = []

    class Watched(Listed):
        def read(self, entry: Entry) -> bytes:
            ahead.append(self.reads - embedder.embedded)
            return super().read(entry)

    source = Watched([(f"{at}", png(RED, at, side=8)) for at in range(2000)])
    ingest(source, store, embedder, IngestOptions(2))
    assert embedder.embedded == 2000
    assert max(ahead) < 80


class Touched(Listed):
    """The same images with another time."""

    def entries(self) -> Iterator[Entry | Failure]:
        for entry in super().entries():
            assert isinstance(entry, Entry)
            yield entry._replace(modified=9.0)


def test_touched_images_do_not_pile_up_in_memory(store: SqliteStore) -> None:
    images = [(f"{at}", png(RED, at)) for at in range(1500)]
    ingest(Listed(images), store, FakeEmbedder(), IngestOptions(1))
    source = Touched(images)
    running = _Run(source, store, FakeEmbedder(), IngestOptions(1), None)
    flying: list[int] = []
    source.told = lambda at: flying.append(len(running._flying))
    running.all_entries()
    assert running.report.unchanged == 1500
    assert max(flying) < 512
    assert running._flying == {}
