"""The index that is served, while its place is away and after."""

import logging
from pathlib import Path
from typing import Any

import pytest
from dict_milvus import DictMilvus

from visavis.errors import StoreUnreachableError
from visavis.server import current_index
from visavis.server.options import ServerOptions
from visavis.store.milvus import connection


def test_no_line_of_the_log_shows_a_token(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    server, answers = DictMilvus(), False

    def connected(address: object) -> Any:
        if not answers:
            raise StoreUnreachableError(f"{address}: no server answers there")
        return server

    monkeypatch.setattr(connection, "_connected", connected)
    monkeypatch.setattr(current_index, "_LOOK_EVERY", -1.0)
    place = Path("milvus://root:secret@127.0.0.1:19530/shoes")
    current = current_index.CurrentIndex(ServerOptions(place))
    with caplog.at_level(logging.INFO, "visavis"):
        with pytest.raises(StoreUnreachableError), current.use():
            pass
        answers = True
        with current.use() as index:
            assert index.store.count() == 0
    current.close()
    assert "milvus://127.0.0.1:19530/shoes: the index is back" in caplog.messages
    assert "secret" not in caplog.text
