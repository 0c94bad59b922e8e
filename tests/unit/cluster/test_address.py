import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from visavis.cluster.address import head_of
from visavis.errors import ClusterError, UsageError


@pytest.fixture
def listening() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize(
    "given", ["", "here", "host", "host:", ":1", "host:x", "host:0", "h:70000"]
)
def test_what_is_no_address_is_refused(given: str) -> None:
    with pytest.raises(UsageError, match="local, auto or HOST:PORT"):
        head_of(given)


def test_the_address_of_rays_client_is_refused() -> None:
    with pytest.raises(UsageError, match="HOST:PORT"):
        head_of("ray://127.0.0.1:10001")


def test_a_port_where_nobody_listens_is_noticed_at_once(listening: str) -> None:
    assert head_of(listening, {}) == listening
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(ClusterError, match=rf"no Ray cluster answers at {address}.*ray start"):
        head_of(address, {})


def test_auto_is_the_environments_cluster_or_that_of_this_machine(
    tmp_path: Path, listening: str
) -> None:
    assert head_of("auto", {"RAY_ADDRESS": listening}) == listening
    with pytest.raises(ClusterError, match="no Ray cluster runs on this machine"):
        head_of("auto", {"RAY_TMPDIR": str(tmp_path)})
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray" / "ray_current_cluster").write_text(listening + "\n")
    assert head_of("auto", {"RAY_TMPDIR": str(tmp_path)}) == listening
