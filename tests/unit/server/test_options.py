"""What may be asked of a server, and what is refused."""

from pathlib import Path

import pytest

from visavis.errors import UsageError
from visavis.server.options import ServerOptions, is_loopback


@pytest.mark.parametrize("prefix", ["/x", "/shop/images", "/a-b_c.d~e"])
def test_a_prefix_is_written_with_a_slash_in_front(prefix: str) -> None:
    assert ServerOptions(Path("i"), root_path=prefix).root_path == prefix


@pytest.mark.parametrize("prefix", ["x", "/x/", "/", "/x//y", "/ü", "/x?y", "/v1", "/ui/x"])
def test_other_prefixes_are_refused(prefix: str) -> None:
    with pytest.raises(UsageError, match="--root-path"):
        ServerOptions(Path("i"), root_path=prefix)


@pytest.mark.parametrize("origin", ["shop.example", "https://shop.example/", "ftp://x", "null"])
def test_origins_are_scheme_and_host(origin: str) -> None:
    with pytest.raises(UsageError, match="--cors-origin"):
        ServerOptions(Path("i"), cors_origins=(origin,))


def test_loopback_is_told_from_the_rest() -> None:
    inside = ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "::1", "[::1]"]
    outside = ["", "0.0.0.0", "::", "10.0.0.1", "localhost.example", "example.com", "127.0.0.1.x"]
    assert all(is_loopback(host) for host in inside)
    assert not any(is_loopback(host) for host in outside)


def test_the_cores_are_shared_among_the_workers() -> None:
    assert ServerOptions(Path("i"), threads=3, workers=4).pool_threads == 3
    assert ServerOptions(Path("i"), workers=1000).pool_threads == 1
