"""Which addresses may be called."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewire.core.addresses import is_public, is_public_host, network_of

INTERNAL = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "127.0.0.1",
    "127.255.255.254", "168.63.129.16", "169.254.169.254", "169.254.0.1", "172.16.0.1", "172.31.255.255",
    "192.0.0.192", "192.0.2.1", "192.168.1.1", "198.18.0.1", "198.19.255.255", "198.51.100.1",
    "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1",
    "2002:7f00:1::", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1",
    "5f00::1", "3fff::1",
]  # fmt: skip
PUBLIC = [
    "1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1", "192.167.1.1",
    "168.63.129.17", "223.255.255.255", "2606:4700::1111", "2a00:1450:4001::1", "::ffff:8.8.8.8",
    "64:ff9b::808:808",
]  # fmt: skip


@pytest.mark.parametrize("address", INTERNAL)
def test_internal(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("64:ff9b::c000:207", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("testclient", "testclient"),
        ("no:address", "no:address"),
        ("", ""),
    ],
)
def test_whom_limits_count(address: str, network: str) -> None:
    assert network_of(address) == network


@pytest.mark.parametrize(
    "text", ["", "localhost", "127.1", "2130706433", "0x7f.0.0.1", "1.1.1.1/32", " 1.1.1.1"]
)
def test_what_is_no_address(text: str) -> None:
    assert not is_public(text)


@pytest.mark.parametrize(
    "host",
    [
        *("example.com", "EXAMPLE.com.", "a.b.example.co.uk", "xn--bcher-kva.example.com", "8.8.8.8"),
        *(
            "[2606:4700::1111]",
            "local.example.com",
            "localhost.example.com",
            "0x7f.example.com",
            "home.arpa.com",
        ),
    ],
)
def test_names_that_may_be_public(host: str) -> None:
    assert is_public_host(host)


@pytest.mark.parametrize(
    "host",
    [
        *("", ".", "localhost", "LocalHost.", "a.localhost", "server", "printer.local", "router.home.arpa"),
        *("db.internal", "a.test", "a.example", "hidden.onion", "127.0.0.1", "127.1", "0", "2130706433"),
        *(
            "0x7f000001",
            "a.0x7f",
            "256.1.1.1",
            "1.2.3.4.5",
            "[::1]",
            "::1",
            "[::ffff:10.0.0.1]",
            "[fe80::1%25eth0]",
        ),
    ],
)
def test_names_that_are_internal_or_of_nothing(host: str) -> None:
    assert not is_public_host(host)


@given(st.ip_addresses(v=4))
def test_never_more_than_python_knows(address: IPv4Address) -> None:
    if is_public(str(address)):
        assert address.is_global
        assert not (address.is_multicast or address.is_loopback or address.is_private or address.is_reserved)


@given(st.ip_addresses(v=6))
def test_nothing_outside_the_global_range(address: IPv6Address) -> None:
    if is_public(str(address)):
        assert (
            address in IPv6Network("2000::/3")
            or address.ipv4_mapped
            or address in IPv6Network("64:ff9b::/96")
        )


@given(st.ip_addresses(v=4))
def test_clothes_do_not_matter(address: IPv4Address) -> None:
    for clothed in (f"::ffff:{address}", f"64:ff9b::{address}"):
        assert is_public(str(ip_address(clothed))) == is_public(str(address))
