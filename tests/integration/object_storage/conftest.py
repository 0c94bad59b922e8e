"""One S3 server for all that needs one, and a prefix for each test."""

import uuid
from collections.abc import Iterator

import object_server
import pytest
from object_server import ObjectServer

from visavis.buckets.folders import Folder, folder_at


@pytest.fixture(scope="session")
def one_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectServer]:
    if not object_server.available():
        pytest.skip("no S3 server is installed (the group test has one for Linux on x86-64)")
    with object_server.running(tmp_path_factory.mktemp("objects")) as server:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in server.environment().items():
                patch.setenv(name, value)
            folder_at("s3://tests").write("made", b"")  # which makes the bucket
        yield server


@pytest.fixture
def server(one_server: ObjectServer, monkeypatch: pytest.MonkeyPatch) -> ObjectServer:
    """The server, and an environment in which all of it may be read and written."""
    for name, value in one_server.environment().items():
        monkeypatch.setenv(name, value)
    return one_server


@pytest.fixture
def place(server: ObjectServer) -> str:
    """A prefix for one test; the bucket, which takes a second, is there for all."""
    return f"s3://tests/{uuid.uuid4().hex[:12]}"


@pytest.fixture
def bucket(place: str) -> Folder:
    """The files below it."""
    return folder_at(place)
