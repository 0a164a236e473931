"""How much subscriptions take, and what is wrong with too much: for a connection, and for an address."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from tidewire.core.realtime_queries import FINDING, json_size
from tidewire.realtime.hub.hub import Hub
from tidewire.realtime.matching.query_costs import Outlook, entry_bytes
from tidewire.realtime.receivers.subscriptions import NO_EXTENT, Extent, Filter, Receiver

ROW_BYTES: Final = 96
"""Of a row, besides its channels and queries."""
_QUOTES: Final = len('"",')


def extent_of(channels: Collection[str], wanted: Filter | None) -> Extent:
    """That of a subscription, made or to be made."""
    if not channels:
        return NO_EXTENT
    size = sum(len(each) + _QUOTES if each.isascii() else json_size(each) for each in channels)
    if wanted is None:
        return Extent(1, len(channels), ROW_BYTES + size, 0, 0)
    memory = wanted.memory + entry_bytes(wanted, len(channels))
    return Extent(1, len(channels), ROW_BYTES + size + wanted.size, memory, wanted.work)


def extent_of_held(receiver: Receiver, name: str) -> Extent:
    """That of the subscription of this id; nothing if the connection holds none."""
    held = receiver.subscriptions.get(name)
    return extent_of(held.channels, held.filter) if held is not None else NO_EXTENT


def total_held(receiver: Receiver) -> Extent:
    """That of all subscriptions of a connection together."""
    return total(extent_of(held.channels, held.filter) for held in receiver.subscriptions.values())


def total(extents: Iterable[Extent]) -> Extent:
    """That of several subscriptions together."""
    return Extent(*map(sum, zip(NO_EXTENT, *extents, strict=True)))


def beyond_limits(hub: Hub, extent: Extent) -> str:
    """What is wrong with a connection whose subscriptions take so much; empty if nothing."""
    settings = hub.settings
    if extent.subscriptions > settings.realtime_max_subscriptions:
        return f"A connection may hold at most {settings.realtime_max_subscriptions} subscriptions."
    if extent.channels > settings.realtime_max_channels:
        return f"A connection may hold at most {settings.realtime_max_channels} channels."
    most = settings.realtime_max_subscription_bytes
    if extent.bytes > most:
        return f"The subscriptions of a connection may have at most {most} bytes in all."
    if extent.work > settings.realtime_max_query_work:
        return (
            f"The queries of a connection may cost {settings.realtime_max_query_work} comparisons an event; "
            f"these cost {extent.work}. A condition costs 1, a text to look for within another {FINDING}."
        )
    if extent.memory > settings.realtime_max_query_memory:
        return (
            f"The queries of a connection may take {settings.realtime_max_query_memory} bytes of memory; "
            f"these take {extent.memory}. What costs most is many values on many channels."
        )
    return ""


def beyond_address(hub: Hub, outlook: Outlook, wanted: Filter | None, channels: int) -> str:
    """What is wrong with one subscription more for an address; empty if nothing, and then it is added."""
    memory, work = outlook.cost(wanted, channels)
    settings = hub.settings
    if (memory and outlook.memory + memory > settings.realtime_max_query_memory_per_address) or (
        work and outlook.work + work > settings.realtime_max_query_work_per_address
    ):
        return "The connections from your address have as many queries as they may have; try again later."
    outlook.add(wanted, channels)
    return ""
