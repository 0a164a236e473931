"""The head of a request, and where it comes from."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable
from typing import Any, Final

from tidewire.core.forwarding import Hops, parse_hops
from tidewire.settings import Settings

_FORWARDING: Final = frozenset({
    b"forwarded", b"forwarded-for", b"x-forwarded", b"x-forwarded-by", b"x-forwarded-for",
    b"x-forwarded-host", b"x-forwarded-port", b"x-forwarded-prefix", b"x-forwarded-proto",
    b"x-forwarded-scheme", b"x-forwarded-server", b"x-forwarded-ssl", b"x-original-forwarded-for",
    b"x-original-host", b"x-real-ip", b"x-client-ip", b"x-cluster-client-ip", b"true-client-ip",
    b"cf-connecting-ip", b"cf-ray", b"cdn-loop", b"fastly-client-ip", b"fly-client-ip",
    b"x-envoy-external-address", b"x-azure-clientip", b"x-appengine-user-ip", b"x-amzn-trace-id",
    b"proxy-client-ip", b"wl-proxy-client-ip", b"via",
})  # fmt: skip
"""Whoever sets one of these passes on what somebody else asked."""
_FORWARDED_FOR: Final = b"x-forwarded-for"
_FORWARDED_PROTO: Final = b"x-forwarded-proto"
_OWN_NAMES: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})


def trusted_hops(settings: Settings) -> Hops | None:
    """The proxies in front of this server; None: none."""
    return parse_hops(tuple(settings.trusted_hops)) if settings.trusted_proxies else None


class HeaderLines(list[tuple[bytes, bytes]]):
    """The lines of a head, and what has been found out from them alone.

    A connection whose requests repeat their lines has one of these for all of them, so that they are looked
    at once. They must not be changed.
    """

    __slots__ = ("by_name", "found")

    def __init__(self, lines: Iterable[tuple[bytes, bytes]]) -> None:
        super().__init__(lines)
        self.by_name = _by_name(self)
        self.found: dict[object, Any] = {}


class Head:
    """Headers by name, and the peer that sent them. Header values are read as Latin-1, which never fails.

    A header that comes several times counts as one with all the values, as RFC 9110, section 5.3 and RFC
    6265, section 5.4 combine them: so two session headers that differ are none, and of a client's own
    ``X-Forwarded-For`` and the proxy's the last entry is the proxy's.
    """

    __slots__ = ("_hops", "found", "headers", "peer", "scheme")

    def __init__(
        self, headers: Iterable[tuple[bytes, bytes]], peer: str, scheme: str, hops: Hops | None
    ) -> None:
        lines = headers if type(headers) is HeaderLines else HeaderLines(headers)
        self.headers = lines.by_name
        self.found = lines.found
        """What was found out from the headers and the peer alone, by what it is: other requests with the same
        headers on the same connection need not find it out again."""
        self.peer = peer
        """Address of the other end of the connection; empty if it has none."""
        self.scheme = scheme
        self._hops = hops
        """The proxies that are believed; None: none."""

    def header(self, name: bytes) -> str:
        """The value of a header by its lower-case name; empty if absent."""
        value = self.headers.get(name)
        return value.decode("latin-1") if value else ""

    @property
    def client_ip(self) -> str:
        """Address of the client; behind trusted proxies the one that the farthest of them saw."""
        if self._hops is None or _FORWARDED_FOR not in self.headers:
            return self.peer
        return self._client(self._hops)[0]

    @property
    def secure(self) -> bool:
        """Whether the client came by https, to us or to the farthest trusted proxy before us."""
        if self._hops is not None and _FORWARDED_PROTO in self.headers:
            schemes = self.header(_FORWARDED_PROTO).split(",")
            # Many proxies pass on what the one before them wrote, instead of adding to it.
            hops = max(1, self._client(self._hops)[1])
            return schemes[-hops:][0].strip().lower() == "https"
        return self.scheme in {"https", "wss"}

    @property
    def from_this_machine(self) -> bool:
        """Whether somebody on this machine sent it, directly, and asked for this machine by a local name.

        A proxy on this machine connects from here too. It shows itself by a forwarding header, or by the
        name that its clients asked for; one that hides both is not to be told from a person here.
        """
        if not is_loopback(self.peer) or not _FORWARDING.isdisjoint(self.headers):
            return False
        host = self.header(b"host").lower()
        return (host[: host.index("]") + 1] if "]" in host else host.partition(":")[0]) in _OWN_NAMES

    def _client(self, hops: Hops) -> tuple[str, int]:
        forwarded = self.header(_FORWARDED_FOR)
        return hops.client(self.peer, forwarded.split(",") if forwarded else ())


def is_loopback(address: str) -> bool:
    """Whether an address is this machine's own; False for what is none."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return (mapped or parsed).is_loopback


def _by_name(pairs: Collection[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    headers = dict(pairs)
    if len(headers) < len(pairs):
        headers.clear()
        for name, value in pairs:
            known = headers.get(name)
            separator = b"; " if name == b"cookie" else b", "
            headers[name] = value if known is None else known + separator + value
    return headers
