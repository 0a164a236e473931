"""Whom a request comes from behind proxies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewire.core.forwarding import parse_hops

NETWORKS = "10.0.0.0/8,203.0.113.7,2001:db8::/32"


@pytest.mark.parametrize(
    ("hops", "peer", "forwarded", "client"),
    [
        ("1", "10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("1", "10.0.0.1", "6.6.6.6, 198.51.100.1", "198.51.100.1"),
        ("2", "10.0.0.1", "198.51.100.1, 203.0.113.1", "198.51.100.1"),
        ("2", "10.0.0.1", "6.6.6.6, 198.51.100.1, 203.0.113.1", "198.51.100.1"),
        ("3", "10.0.0.1", "198.51.100.1, 203.0.113.1", "198.51.100.1"),
        ("2", "10.0.0.1", "unknown, 203.0.113.1", "10.0.0.1"),
        ("1", "10.0.0.1", "", "10.0.0.1"),
        # As different proxies write them.
        ("1", "10.0.0.1", "198.51.100.1:51234", "198.51.100.1"),
        ("1", "10.0.0.1", "[2001:db9::1]:51234", "2001:db9::1"),
        ("1", "10.0.0.1", "[2001:db9::1]", "2001:db9::1"),
        ("1", "10.0.0.1", "2001:DB9:0::1", "2001:db9::1"),
        ("1", "10.0.0.1", "::ffff:198.51.100.1", "198.51.100.1"),
        ("1", "10.0.0.1", "[198.51.100.1", "198.51.100.1"),
        # By their addresses: the first that is no proxy is the client.
        (NETWORKS, "10.0.0.1", "198.51.100.1", "198.51.100.1"),
        (NETWORKS, "10.0.0.1", "198.51.100.1, 203.0.113.7, 10.1.2.3", "198.51.100.1"),
        (NETWORKS, "10.0.0.1", "6.6.6.6, 198.51.100.1, 203.0.113.7:443", "198.51.100.1"),
        (NETWORKS, "10.0.0.1", "10.2.2.2, 10.1.2.3", "10.2.2.2"),
        (NETWORKS, "10.0.0.1", "198.51.100.1, nonsense, 10.1.2.3", "10.1.2.3"),
        (NETWORKS, "2001:db8::5", "198.51.100.1, [2001:db8::9]:443", "198.51.100.1"),
        (NETWORKS, "::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
        (NETWORKS, "", "198.51.100.1", "198.51.100.1"),
        # Who is no proxy of ours says nothing of others.
        (NETWORKS, "198.51.100.9", "6.6.6.6", "198.51.100.9"),
    ],
)
def test_the_client(hops: str, peer: str, forwarded: str, client: str) -> None:
    entries = forwarded.split(",") if forwarded else []
    assert parse_hops(tuple(hops.split(","))).client(peer, entries)[0] == client


@given(st.lists(st.ip_addresses().map(str) | st.text(max_size=20), max_size=6), st.integers(1, 4))
def test_what_a_client_writes_itself_counts_for_nothing(claimed: list[str], count: int) -> None:
    written = ["198.51.100.1", *[f"203.0.113.{number}" for number in range(1, count)]]
    assert parse_hops((str(count),)).client("10.0.0.1", [*claimed, *written]) == ("198.51.100.1", count)
    hops = parse_hops(("203.0.113.0/24", "10.0.0.1"))
    assert hops.client("10.0.0.1", [*claimed, *written]) == ("198.51.100.1", count)


@pytest.mark.parametrize(
    "entries", [(), ("0",), ("33",), ("2", "10.0.0.1"), ("10.0.0.0/40",), ("proxy.lan",), ("on",)]
)
def test_what_is_refused(entries: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_hops(entries)
