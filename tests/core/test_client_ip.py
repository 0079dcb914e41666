"""Where a request comes from (decision 23): a table of every way to be asked, and to be lied to."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import RequestFactory, override_settings

from apps.core.client_ip import client_ip, find_client_ip, network_of, parse_address, peer_is_trusted

PROXIES = ["10.0.0.0/8", "fd00::/8", "203.0.113.9"]


@pytest.mark.parametrize(
    ("peer", "header", "expected"),
    [
        # the peer is not ours: headers are not read
        ("198.51.100.7", "6.6.6.6", "198.51.100.7"),
        ("198.51.100.7", "", "198.51.100.7"),
        ("2001:db8::7", "6.6.6.6", "2001:db8::7"),
        # through one proxy and through several
        ("10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "198.51.100.7, 10.0.0.2, 203.0.113.9", "198.51.100.7"),
        ("fd00::1", "2001:db8::7", "2001:db8::7"),
        # a forged left part is never reached
        ("10.0.0.1", "6.6.6.6, 198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "6.6.6.6, 198.51.100.7, 10.0.0.2", "198.51.100.7"),
        ("10.0.0.1", "10.9.9.9, 198.51.100.7", "198.51.100.7"),
        # all ours: the left-most
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        # nothing, garbage: the last good address
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "evil", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.7, unknown", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.7, evil, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "198.51.100.7, , 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "198.51.100.7\r\nX: 1", "10.0.0.1"),
        ("10.0.0.1", "1.2.3.4.5", "10.0.0.1"),
        ("10.0.0.1", "0198.51.100.7", "10.0.0.1"),
        # ports, brackets, zones, mapped addresses
        ("10.0.0.1", "198.51.100.7:1234", "198.51.100.7"),
        ("10.0.0.1", "[2001:db8::7]:1234", "2001:db8::7"),
        ("10.0.0.1", "[2001:db8::7]", "2001:db8::7"),
        ("10.0.0.1", "fe80::1%eth0", "fe80::1"),
        ("::ffff:10.0.0.1", "::ffff:198.51.100.7", "198.51.100.7"),
        ("10.0.0.1:5432", "2001:DB8:0:0::7", "2001:db8::7"),
        ("10.0.0.1", '"198.51.100.7"', "198.51.100.7"),
        # two header lines arrive joined, in order
        ("10.0.0.1", "6.6.6.6,198.51.100.7", "198.51.100.7"),
        # no more than twenty hops are looked at
        ("10.0.0.1", ", ".join(["198.51.100.7"] + ["10.0.0.2"] * 200), "10.0.0.2"),
        ("10.0.0.1", "6.6.6.6, " * 200 + "198.51.100.7", "198.51.100.7"),
        # a unix socket has no address
        ("", "198.51.100.7", ""),
        ("nonsense", "198.51.100.7", ""),
    ],
)
def test_x_forwarded_for(peer: str, header: str, expected: str) -> None:
    meta = {"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": header}

    assert find_client_ip(meta, PROXIES, "x-forwarded-for") == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("for=198.51.100.7", "198.51.100.7"),
        ("For=198.51.100.7;proto=https;by=10.0.0.1", "198.51.100.7"),
        ('proto=https; for="198.51.100.7:4711"', "198.51.100.7"),
        ('for="[2001:db8::7]:4711"', "2001:db8::7"),
        ("for=6.6.6.6, for=198.51.100.7, for=10.0.0.2", "198.51.100.7"),
        ('for=6.6.6.6, for=198.51.100.7;host="a,b;for=1.1.1.1", for=10.0.0.2', "198.51.100.7"),
        ('for="198.51.100\\.7"', "198.51.100.7"),
        ("for=unknown", "10.0.0.1"),
        ("for=_hidden, for=10.0.0.2", "10.0.0.2"),
        ("for=198.51.100.7, by=10.0.0.9", "10.0.0.1"),
        ('for="198.51.100.7', "10.0.0.1"),
        ("", "10.0.0.1"),
        (", ".join(["for=198.51.100.7"] + ["for=10.0.0.2"] * 200), "10.0.0.2"),
    ],
)
def test_forwarded(header: str, expected: str) -> None:
    meta = {"REMOTE_ADDR": "10.0.0.1", "HTTP_FORWARDED": header, "HTTP_X_FORWARDED_FOR": "6.6.6.6"}

    assert find_client_ip(meta, PROXIES, "forwarded") == expected


@pytest.mark.parametrize(
    ("mode", "header"), [("x-real-ip", "HTTP_X_REAL_IP"), ("true-client-ip", "HTTP_TRUE_CLIENT_IP")]
)
@pytest.mark.parametrize(
    ("value", "expected"),
    [("198.51.100.7", "198.51.100.7"), ("198.51.100.7, 198.51.100.8", "10.0.0.1"), ("x", "10.0.0.1"), ("", "10.0.0.1")],
)
def test_single_address_headers(mode: str, header: str, value: str, expected: str) -> None:
    meta = {"REMOTE_ADDR": "10.0.0.1", header: value, "HTTP_X_FORWARDED_FOR": "6.6.6.6"}

    assert find_client_ip(meta, PROXIES, mode) == expected


def test_no_header_is_read_when_none_is_configured() -> None:
    meta = {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "198.51.100.7"}

    assert find_client_ip(meta, PROXIES, "none") == "10.0.0.1"


def test_a_unix_socket_is_trusted_only_when_named() -> None:
    meta = {"REMOTE_ADDR": "", "HTTP_X_FORWARDED_FOR": "198.51.100.7"}

    assert find_client_ip(meta, [*PROXIES, "unix"], "x-forwarded-for") == "198.51.100.7"
    assert peer_is_trusted(meta, ["unix"])
    assert not peer_is_trusted(meta, PROXIES)
    assert not peer_is_trusted({"REMOTE_ADDR": "nonsense"}, ["unix"])


def test_a_request_is_asked_once() -> None:
    request: Any = RequestFactory().get("/", REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR="198.51.100.7")

    with override_settings(TRUSTED_PROXIES=PROXIES):
        assert client_ip(request) == "198.51.100.7"
    assert client_ip(request) == "198.51.100.7"


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("", "unknown"),
    ],
)
def test_an_ipv6_subscriber_counts_once(address: str, network: str) -> None:
    assert network_of(address) == network


@pytest.mark.parametrize("text", ["", " ", "a", "1", "1.2.3", "[", "[]", "::1::", "1.2.3.4/8", "²", "1.2.3.4:99999999"])
def test_garbage_is_no_address(text: str) -> None:
    assert parse_address(text) is None
