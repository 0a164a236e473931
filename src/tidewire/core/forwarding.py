"""The sender of a request that proxies passed on: each proxy adds its own peer to ``X-Forwarded-For``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Hops:
    """The proxies in front of the server whose words are believed: so many, or those of these networks."""

    count: int = 0
    networks: tuple[Network, ...] = ()
    """The networks of the trusted proxies; empty if proxies are counted instead."""

    def client(self, peer: str, forwarded: Sequence[str]) -> tuple[str, int]:
        """The address of the client, and how many hops it is away: 0 if it is the ``peer`` itself.

        ``forwarded`` are the entries of ``X-Forwarded-For``, the nearest last. What stands in front of the
        entry that the farthest trusted proxy wrote is somebody's claim.
        """
        if not self.networks:
            entries = forwarded[-self.count :]
            address = _address(entries[0]) if entries else None
            return (str(address), len(entries)) if address else (peer, 0)
        client, hops = peer, 0
        # A socket without an address is one on this machine.
        trusted = not peer or self._is_trusted(_address(peer))
        for entry in reversed(forwarded):
            address = _address(entry)
            if not trusted or address is None:
                break
            client, hops, trusted = str(address), hops + 1, self._is_trusted(address)
        return client, hops

    def _is_trusted(self, address: Address | None) -> bool:
        return address is not None and any(address in network for network in self.networks)


@lru_cache(maxsize=4)
def parse_hops(entries: tuple[str, ...]) -> Hops:
    """Read one number, or addresses and networks. Raises ValueError, whose text says what is wrong."""
    if len(entries) == 1 and entries[0].isdecimal():
        count = int(entries[0])
        if not 1 <= count <= 32:
            raise ValueError("the number of trusted hops must be 1 to 32")
        return Hops(count)
    if not entries:
        raise ValueError("trusted hops are a number, or addresses and networks of proxies")
    return Hops(networks=tuple(ip_network(entry, strict=False) for entry in entries))


def _address(entry: str) -> Address | None:
    """The address in an entry, which may have a port, or brackets around one of IPv6; None if it has none."""
    entry = entry.strip()
    if entry.startswith("["):
        entry = entry[1:].partition("]")[0]
    elif entry.count(":") == 1:
        entry = entry.partition(":")[0]
    try:
        address = ip_address(entry)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
