"""The store by the calls that it makes; tests/integration/milvus asks a server."""

import re
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from dict_milvus import DictMilvus

from visavis import ImageIndex
from visavis.errors import StoreError
from visavis.store.base import SourceRow
from visavis.store.milvus import connection
from visavis.store.milvus.address import Address
from visavis.store.milvus.rows import RECORD, WHOLE
from visavis.store.milvus.store import MilvusStore

ZOO = SourceRow(1, "folder", "/photos/zoo", "")
OTHER = SourceRow(2, "folder", "/other", "")


Opened = Callable[[DictMilvus], MilvusStore]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Opened:
    def opened(server: DictMilvus) -> MilvusStore:
        monkeypatch.setattr(connection, "_connected", lambda address: server)
        monkeypatch.setattr(time, "sleep", lambda seconds: None)
        return MilvusStore(Address("127.0.0.1", 19_530, "shoes"))

    return opened


def test_a_folder_takes_over_a_large_part_of_it(opened: Opened) -> None:
    server = DictMilvus(ZOO)
    names = [f"IMG_{at:05}.jpg" for at in range(1_001)]
    server.add(ZOO, *names)
    assert opened(server).move_source(1, "/photos", "zoo") == 1_001
    [whole] = server.facts.sources
    assert (whole.uri, whole.prefix) == ("/photos", "")
    assert server.ids(source=whole.number) == [f"zoo/{name}" for name in names] == server.ids()
    row = server.rows["zoo/IMG_00007.jpg"]
    assert (row["uri"], row["fields"]["folder"]) == ("/photos/zoo/IMG_00007.jpg", "zoo")


class Busy(DictMilvus):
    """Where another run registers a source while rows are read."""

    def query(self, *arguments: Any, **named: Any) -> list[dict[str, Any]]:
        self.facts = replace(self.facts, sources=(ZOO, OTHER))
        return super().query(*arguments, **named)


def test_a_source_registered_while_another_is_moved_stays(opened: Opened) -> None:
    server = Busy(ZOO)
    server.add(ZOO, "a.jpg")
    opened(server).move_source(1, "/zoo")
    assert server.facts.sources == (ZOO._replace(uri="/zoo"), OTHER)


def test_a_source_that_another_run_wrote_over_is_registered_again(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = DictMilvus(ZOO)
    store = opened(server)
    before = server.facts  # as another run reads it before this one writes

    def others_write(seconds: float) -> None:
        if all(row.uri != "/other" for row in server.facts.sources):
            server.facts = replace(before, sources=(ZOO, OTHER))

    monkeypatch.setattr(time, "sleep", others_write)
    assert store.source("folder", "/mine") == SourceRow(3, "folder", "/mine", "")
    assert [row.number for row in server.facts.sources] == [1, 2, 3]
    assert store.source("folder", "/other") == OTHER


def test_registering_ends_when_others_never_do(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = DictMilvus(ZOO)
    store, before = opened(server), server.facts
    monkeypatch.setattr(time, "sleep", lambda seconds: setattr(server, "facts", before))
    said = "milvus://127.0.0.1:19530/shoes: /mine could not be registered"
    with pytest.raises(StoreError, match=re.escape(said)):
        store.source("folder", "/mine")


def test_what_others_wrote_just_now_is_removed_too(opened: Opened) -> None:
    server = DictMilvus(ZOO)
    server.add(ZOO, "a.jpg", "b.jpg")
    server.late = {"a.jpg", "b.jpg"}
    store = opened(server)
    assert store.remove(["a.jpg"]) == 1
    assert server.ids() == ["b.jpg"]


def test_signatures_of_what_others_wrote_just_now_are_kept(opened: Opened) -> None:
    server = DictMilvus(ZOO)
    server.add(ZOO, "a.jpg")
    server.late = {"a.jpg"}
    server.evidence = {id: {"id": id} for id in (f"content/{'0' * 64}", f"content/{'1' * 64}")}
    opened(server).settle(thorough=True)
    assert list(server.evidence) == [f"content/{'0' * 64}"]


def test_a_source_is_counted_by_one_call(opened: Opened) -> None:
    server = DictMilvus(ZOO)
    server.add(ZOO, "a.jpg", "b.jpg")
    store = opened(server)
    assert store.sweep(1).count() == 2
    assert server.asked == [("shoes", "count(*)")]


def test_a_question_with_a_record_takes_three_calls(opened: Opened) -> None:
    server = DictMilvus(ZOO)
    server.add(ZOO, *(f"asked-{at:02}.jpg" for at in range(12)))
    with ImageIndex(opened(server)) as index:
        index.similar("asked-00.jpg")  # counts, and measures what is similar
        server.asked.clear()
        found = index.similar("asked-01.jpg").matches
    assert len(found) == 10
    asked = [one for one in server.asked if one[1] != "count(*)"]  # now and then
    assert asked == [
        ("shoes", ", ".join(WHOLE)),
        ("shoes", ", ".join(RECORD)),
        ("shoes_evidence", "id, signature"),
    ]
