"""What a caller may take of the reads that run at the same time."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address
from typing import Final

from tidewire.api.requests import Request
from tidewire.core.identities import Caller
from tidewire.settings import Settings
from tidewire.store.reading import Share

_HOST_BITS: Final = 64
"""Of an IPv6 address, which whoever has the network may choose freely (RFC 4291, 2.5.1)."""


def share_of(caller: Caller, request: Request, project_id: str, settings: Settings) -> Share:
    """The share of a request's reads: sessions and keys have one each, the guests of an address together."""
    if caller.kind == "guest":
        name = f"guest/{_network(request.client_ip)}"
        seconds, waiting = settings.read_seconds_of_guest, settings.reads_waiting_of_guest
        return Share(name, settings.reads_of_guest, seconds, waiting, guest=True)
    if caller.kind == "key":
        name = f"key/{project_id}/{hash(request.header(b'x-appwrite-key'))}"
    else:
        home = "console" if caller.kind == "admin" else project_id
        name = f"user/{home}/{caller.user_id}"
    return Share(name, settings.reads_of_caller, settings.read_seconds, settings.reads_waiting_of_caller)


def _network(address: str) -> str:
    """An IPv4 address, or the network that an IPv6 address is in."""
    if ":" not in address:
        return address
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    return str(int(parsed) >> _HOST_BITS) if isinstance(parsed, IPv6Address) else address
