"""Which addresses may be reached, and that the checked one is the one connected to."""

import ipaddress
import socket

import httpcore
import pytest

from visavis.sources.web import addresses
from visavis.sources.web.addresses import PrivateAddressError, PublicOnly, is_public
from visavis.sources.web.deadline import Deadline


@pytest.mark.parametrize("host", ["0177.0.0.1", "0x7f000001", "127.1", "0"])
def test_odd_spellings_reach_the_check_as_what_they_mean(host: str) -> None:
    with pytest.raises(PrivateAddressError):
        PublicOnly(False, Deadline()).connect_tcp(host, 9)


def test_a_public_name_with_one_private_address_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = [(socket.AF_INET, 1, 6, "", (ip, 80)) for ip in ("93.184.216.34", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
    with pytest.raises(PrivateAddressError, match=r"10\.0\.0\.1"):
        PublicOnly(False, Deadline()).connect_tcp("example.com", 80)


def test_the_connection_goes_to_the_address_that_was_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    answers = iter(["93.184.216.34", "127.0.0.1"])  # DNS rebinding: private when asked again

    def resolve(host: str, port: int, *_: object, **__: object) -> list[object]:
        if host == "evil.example":
            host = next(answers)
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))]

    def connect(_: int, address: tuple[str, int], *__: object) -> None:
        asked.append(f"connect {address[0]}")
        raise httpcore.ConnectError("refused")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(addresses, "connect", connect)
    with pytest.raises(httpcore.ConnectError):
        PublicOnly(False, Deadline()).connect_tcp("evil.example", 80)
    assert asked == ["93.184.216.34", "connect 93.184.216.34"]


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("64:ff9b::5db8:d822", True),  # NAT64 of 93.184.216.34
        ("127.0.0.1", False),
        ("0.0.0.0", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("239.255.255.250", False),
        ("240.0.0.1", False),
        ("255.255.255.255", False),
        ("192.0.2.1", False),
        ("198.18.0.1", False),
        ("::", False),
        ("::1", False),
        ("fe80::1", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("fec0::1", False),
        ("ff02::1", False),
        ("ff0e::1", False),
        ("2001:db8::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
        ("2001:0:a00:1::", False),
    ],
)
def test_only_hosts_on_the_public_internet_are_public(address: str, public: bool) -> None:
    assert is_public(ipaddress.ip_address(address)) is public
