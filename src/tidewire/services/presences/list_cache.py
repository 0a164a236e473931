"""Lists of presences, kept for as long as a client asked for.

A kept list is used for the same queries by callers with the same roles, until a presence of the project is
deleted or the lists are purged, in whichever process: the database counts that.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

import msgspec

from tidewire.core.models.presences import PresenceList
from tidewire.core.time import format_datetime, now

MAX_LISTS: Final = 128
"""Lists kept in all; those unused for longest go first."""
MAX_LIST_BYTES: Final = 256 * 1024
"""Larger lists are not kept."""

Key = tuple[str, frozenset[str], tuple[str, ...], bool]
"""The lists that are valid (:func:`tidewire.store.records.presences.valid_lists`), roles of the caller,
queries, whether all are counted."""


@dataclass(frozen=True)
class _Kept:
    page: PresenceList
    until: float


_lists: Final[OrderedDict[Key, _Kept]] = OrderedDict()


def kept_list(key: Key) -> PresenceList | None:
    """The list kept under ``key``, without the presences that expired since."""
    kept = _lists.get(key)
    if kept is None or kept.until <= time.monotonic():
        _lists.pop(key, None)
        return None
    _lists.move_to_end(key)
    moment = format_datetime(now())
    present = [presence for presence in kept.page.presences if presence.expires_at > moment]
    gone = len(kept.page.presences) - len(present)
    return PresenceList(total=max(0, kept.page.total - gone), presences=present)


def keep_list(key: Key, page: PresenceList, seconds: int) -> None:
    """Keep a list for some time."""
    if len(msgspec.json.encode(page)) > MAX_LIST_BYTES:
        return
    _lists[key] = _Kept(page, time.monotonic() + seconds)
    _lists.move_to_end(key)
    while len(_lists) > MAX_LISTS:
        _lists.popitem(last=False)
