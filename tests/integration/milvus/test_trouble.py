"""A server that is killed, and one that hangs; last, as it may not be the same afterwards."""

import os
import signal
import threading
from pathlib import Path

import milvus_server
import pytest
from brute import clustered
from milvus_server import FOLDER, MilvusServer
from stores import DIM, numbered

from visavis.errors import StoreUnreachableError
from visavis.store.base import VectorStore
from visavis.store.open import open_store


def test_what_was_acknowledged_survives_the_server(store: VectorStore, source: int) -> None:
    server = MilvusServer(Path(os.environ[FOLDER]))
    acknowledged: list[str] = []

    def write() -> None:
        try:
            for start in range(0, 100_000, 200):
                records = numbered(200, start)
                store.upsert(source, records, clustered(200, DIM, seed=start))
                acknowledged.extend(record.id for record in records)
        except StoreUnreachableError:
            pass

    writer = threading.Thread(target=write)
    writer.start()
    while len(acknowledged) < 2_000:
        writer.join(0.05)
    server.kill()
    writer.join()
    server.start()
    again = milvus_server.patiently(lambda: open_store(store.facts.place))
    found = milvus_server.patiently(lambda: {record.id for record in again.records()})
    assert set(acknowledged) <= found
    again.close()


def test_a_server_that_hangs_ends_in_a_sentence(store: VectorStore) -> None:
    server = MilvusServer(Path(os.environ[FOLDER]))
    hasty = open_store(store.facts.place + "?timeout=1")
    server.signal(signal.SIGSTOP)
    try:
        with pytest.raises(StoreUnreachableError, match="did not answer within 1 s"):
            hasty.count()
    finally:
        server.signal(signal.SIGCONT)
    assert hasty.count() == 0
    hasty.close()
