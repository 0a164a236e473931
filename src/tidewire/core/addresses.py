"""Public and internal IP addresses and host names: which belong to the Internet, and which to somebody's own
network.

The tables follow the registries of special-purpose addresses (RFC 6890 and its successors) and of special-use
domain names (RFC 6761 and its successors, and the names that ICANN keeps out of the root for private use).
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

_INTERNAL_V4: Final = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # shared by the customers of a provider
            "127.0.0.0/8",  # loopback
            "168.63.129.16/32",  # the host below virtual machines of a large cloud
            "169.254.0.0/16",  # link-local, metadata services of clouds
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # protocol assignments
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # 6to4 relays
            "192.168.0.0/16",  # private
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, broadcast
        ),
    )
)
_GLOBAL_V6: Final = IPv6Network("2000::/3")
"""The range of the public Internet. Outside of it only translated IPv4 addresses can be public."""
_INTERNAL_V6: Final = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # protocol assignments, Teredo
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4
            "3fff::/20",  # documentation
        ),
    )
)
_NAT64: Final = IPv6Network("64:ff9b::/96")
_NETWORK_BITS: Final = 64
"""Bits of an IPv6 address that its owner cannot choose. The owner may use all the others (RFC 4291, section
2.5.1), so that a limit for one address has to count the whole network."""
_INTERNAL_DOMAINS: Final = frozenset(
    {
        *("alt", "corp", "example", "home", "internal", "intranet", "invalid", "lan", "local", "localdomain"),
        *("localhost", "mail", "onion", "private", "test"),
    }
)
"""Last labels of names that no public name server knows."""


def is_public(address: str) -> bool:
    """Whether an IP address is of the public Internet; False too for what is no address."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return _is_public_v4(parsed) if isinstance(parsed, IPv4Address) else _is_public_v6(parsed)


def is_public_host(host: str) -> bool:
    """Whether a host, as a URL names it, may be one of the public Internet, as far as its name tells.

    False for internal addresses in whatever form, for names of one label, and for names below domains that
    are never public. No name server is asked, so that what a name leads to has yet to be checked.
    """
    plain = host.lower().rstrip(".").removeprefix("[").removesuffix("]")
    labels = plain.split(".")
    # What ends in a number is an address for all that resolve names, also as 127.1 or 0x7f.1.
    if ":" in plain or labels[-1].isdigit() or labels[-1].startswith("0x"):
        return is_public(plain)
    return len(labels) > 1 and labels[-1] not in _INTERNAL_DOMAINS and labels[-2:] != ["home", "arpa"]


def network_of(address: str) -> str:
    """The network that a limit for an address counts: an IPv4 address, in whatever form, or the /64 of an
    IPv6 address.

    What is no address stands for itself. Takes microseconds for IPv6, and less for anything else.
    """
    if ":" not in address:
        return address
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv4Address):
        return str(parsed)
    translated = _translated(parsed)
    if translated is not None:
        return str(translated)
    return str(IPv6Network((int(parsed) >> _NETWORK_BITS << _NETWORK_BITS, _NETWORK_BITS)))


def _translated(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 address stands for."""
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped


def _is_public_v4(address: IPv4Address) -> bool:
    return not any(address in network for network in _INTERNAL_V4)


def _is_public_v6(address: IPv6Address) -> bool:
    if address.scope_id is not None:
        return False
    translated = _translated(address)
    if translated is not None:
        return _is_public_v4(translated)
    return address in _GLOBAL_V6 and not any(address in network for network in _INTERNAL_V6)
