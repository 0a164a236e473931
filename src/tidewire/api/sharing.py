"""Shares of reads: how many of the reads that run at the same time a caller may have."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from tidewire.api.requests import Request
from tidewire.core.addresses import network_of
from tidewire.core.identities import Caller
from tidewire.settings import Settings
from tidewire.store.engine.reading import Share

_MILLISECONDS: Final = re.compile(rb"0*[1-9][0-9]{0,8}")


def share_of(caller: Caller, request: Request, project_id: str, settings: Settings) -> Share:
    """The share of a request's reads: sessions and keys have one each, the guests of an address together.

    ``X-Appwrite-Timeout`` says after how many milliseconds the client gives up, if that is earlier.
    """
    share = _share_of(caller, request, project_id, settings)
    wanted = request.headers.get(b"x-appwrite-timeout")
    if wanted is None or not _MILLISECONDS.fullmatch(wanted):
        return share
    return msgspec.structs.replace(share, seconds=min(share.seconds, int(wanted) / 1000))


def _share_of(caller: Caller, request: Request, project_id: str, settings: Settings) -> Share:
    if caller.kind == "guest":
        share: Share | None = request.found.get(Share)
        if share is None:
            name = f"guest/{network_of(request.client_ip)}"
            seconds, waiting = settings.read_seconds_of_guest, settings.reads_waiting_of_guest
            share = Share(name, settings.reads_of_guest, seconds, waiting, guest=True)
            request.found[Share] = share
        return share
    if caller.kind == "key":
        name = f"key/{project_id}/{hash(request.header(b'x-appwrite-key'))}"
    else:
        home = "console" if caller.kind == "admin" else project_id
        name = f"user/{home}/{caller.user_id}"
    return Share(name, settings.reads_of_caller, settings.read_seconds, settings.reads_waiting_of_caller)
